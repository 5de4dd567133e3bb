"""Moves that people make: kept with what was seen, sorted out, and turned into what can be learned. Turns no knob."""
