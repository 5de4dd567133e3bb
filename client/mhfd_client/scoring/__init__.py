"""Many images for a person, without a station: the notebook's table and `mhfd score`, here or far away."""
