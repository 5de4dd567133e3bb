"""Whose lens it is: one protocol, a module for each kind of instrument, and `instrument.toml`, which says what may be.

Knows nothing of images' focus, of learned packages or of a station. Only an adapter knows its instrument's language;
SDKs live in programs of their own, whose pins are not ours.
"""
