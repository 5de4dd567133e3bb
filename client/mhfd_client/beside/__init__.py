"""Beside a watch: desks that look at its journal, and the programs that they start, which it never waits for."""
