"""The tests. A package, because an installed one (globus-compute-endpoint) brings a top-level `tests` of its own."""
