"""An endpoint that is held open: futures of images, and one connection for all of them. Keeps nothing on the disk."""
