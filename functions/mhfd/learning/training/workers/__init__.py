"""What each worker of a training does: steps, the exchange of gradients, checkpoints, and when it ends.

A worker is a process that torchrun started. It tells whoever follows it by lines on its standard output.
"""
