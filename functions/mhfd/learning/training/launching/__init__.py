"""How workers are started and followed: cores, nodes, what it will cost, and how many workers a node bears.

The process that starts them imports no torch: a crash of theirs is a word here.

following  the way in: a job in a folder -> what its workers tell, and nobody left in the end
command    torchrun, and its environment
nodes      torchrun on several machines, by srun or mpiexec
guard      the program between: a process that ends all below it
holding    one training at a time in a folder
dying      what is said of workers that died
sweeping   how many workers a machine bears, measured
swept      what a sweep found, and where it is kept
layouts    how work may be shared
machine    what there is for it
cost       what it will take
writing    a file whole, or not at all
"""

from mhfd.learning.training.launching.cost import Cost, cost_of, time_words
from mhfd.learning.training.launching.following import Following, follow
from mhfd.learning.training.launching.layouts import layout_of, layout_words
from mhfd.learning.training.launching.machine import NodeMachine, gpus_here, machine_here
from mhfd.learning.training.launching.nodes import block_nodes
from mhfd.learning.training.launching.sweeping import ImageShape, kept_choice, sweep
from mhfd.learning.training.launching.swept import Swept, SweptFor, SweptRow

__all__ = [
    "Cost",
    "Following",
    "ImageShape",
    "NodeMachine",
    "Swept",
    "SweptFor",
    "SweptRow",
    "block_nodes",
    "cost_of",
    "follow",
    "gpus_here",
    "kept_choice",
    "layout_of",
    "layout_words",
    "machine_here",
    "sweep",
    "time_words",
]
