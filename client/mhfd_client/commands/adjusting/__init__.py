"""The commands of the lens: propose, and adjust with its parts. Thin, as the others."""
