"""How workers are started and followed: cores, nodes, what it will cost, and how many workers a node bears.

The process that starts them imports no torch: a crash of theirs is a word here.

following  the way in: a job in a folder -> what its workers tell, and nobody left in the end
command    torchrun, and its environment
guard      the program between: a process that ends all below it
holding    one training at a time in a folder
dying      what is said of workers that died
"""

from mhfd.learning.training.launching.following import Following, follow

__all__ = ["Following", "follow"]
