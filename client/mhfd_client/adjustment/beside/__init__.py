"""Beside a watch: what is done with the lens after a verdict, by programs of their own, and what is shown of it."""
