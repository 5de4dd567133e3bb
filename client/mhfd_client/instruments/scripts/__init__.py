"""What an operator runs in the instrument's own Python or program: each file stands alone, and imports no mhfd."""
