"""A focus series -> how many um out of focus a pixel of blur is; people's labels -> where the tolerance lies."""
