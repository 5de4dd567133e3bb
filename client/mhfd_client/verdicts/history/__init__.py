"""The images of a run that others are compared with: a table of small rows, their kinds, and which lie near one."""
