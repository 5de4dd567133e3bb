"""What stages are written with: the states of a definition, and the schemas of what a run is given."""
