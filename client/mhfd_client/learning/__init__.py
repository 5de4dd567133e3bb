"""What a run teaches: its labels as a dataset, and what learned models said of its images. Starts no training."""
