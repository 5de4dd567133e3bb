"""A watch that starts with the machine: its unit of systemd, its container, and what it says to who supervises it.

Writes units and asks `systemctl`; it must not watch, score or judge.
"""
