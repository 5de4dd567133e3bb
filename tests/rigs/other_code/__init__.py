"""Functions of our names whose code is another's: what an older mhfd registered."""
