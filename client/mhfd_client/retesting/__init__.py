"""Whether the champion still is what it was: every N images and on drift the last image goes up and it is tested."""
