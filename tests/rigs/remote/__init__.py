"""Functions of an endpoint that are there for the tests."""
