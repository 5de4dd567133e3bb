"""[3b] The runner that scores by runs of a Globus flow: its service, the runs that are out, their reports."""
