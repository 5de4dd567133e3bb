"""What a run teaches: its labels as a dataset, training here or far away, and learning for a microscope."""
