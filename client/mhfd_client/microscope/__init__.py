"""A simulated microscope: writes a run of images as an instrument would, with the truth beside them."""
