"""What learned packages say of an image that is scored here: which are asked, by whom, and who is not asked again."""
