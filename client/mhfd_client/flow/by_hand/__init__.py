"""Runs of a flow without a station: started by a person, or by a timer of Globus."""
