"""The demonstrations that a person types: a watch over a simulated run, and a focus series."""
