"""Which packages of a library suit a microscope, by its first images: scores, ranks, and what is worth training."""
