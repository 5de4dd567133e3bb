"""How much more an image is blurred than the sharp images near it, in pixels and in which direction."""
