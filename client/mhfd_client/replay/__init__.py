"""What would be found in a person's own run: each image as it is, and one at a time with a fault planted in it."""
