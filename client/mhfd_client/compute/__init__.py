"""Scoring far away, on an endpoint of Globus Compute."""
