"""How good the pictures are that packages make: beside classical ways, by truth, masks and second takes of a field."""
