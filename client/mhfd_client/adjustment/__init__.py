"""What is done with a lens: moves that people made, moves that are proposed, and moves that are made and undone.

Nothing here runs on an endpoint. A lens moves only where `instrument.toml` allows it, and the way back is on the disk
before it moves.
"""
