"""The commands of `mhfd`, a module for each part of the work. Thin: each calls one function that does it."""
