"""What a network is shown: pixels made alike, altered copies, and the order in which they come.

Pure functions of a seed and numbers: which worker asks changes nothing. Knows no network, and no torch.
"""
