"""Learning for a microscope from a library: assessed, trained further, benchmarked, brought home and settled."""
