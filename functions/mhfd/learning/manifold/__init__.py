"""Where the focus lies, learned from pairs of images: what a pair shows, who learns from it, and what they say."""
