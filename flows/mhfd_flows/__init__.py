"""MHFD in Globus Flows: the definitions, their language, and a dry run of them."""
