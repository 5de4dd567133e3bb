"""How workers are started and followed: cores, nodes, what it will cost, and how many workers a node bears.

The process that starts them imports no torch: a crash of theirs is a word here.
"""
