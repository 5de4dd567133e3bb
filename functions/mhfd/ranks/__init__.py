"""One image on many processors: `mpiexec -n N mhfd score FILE --mpi`.

Each rank is a processor, with one thread or one GPU. How an image is cut up is a `Split`: into bands of rows, each read
and measured by one rank, or into scales, the paper's Algorithm 1. mpi4py is imported in `mpi_team` and nowhere else,
and not before it is asked for.

    mpi_team    this rank among the others; the only place that knows MPI
    algorithm   scales over ranks: broadcast, filter, reduce or gather
    one_image   a file -> its report, on the first rank
    launch      starts mpiexec, for who is no rank: an endpoint's worker
    rank_request  what it hands to them
    __main__    what is started there
"""

from typing import Final, Literal

Split = Literal["bands", "scales"]
SPLITS: Final = ("bands", "scales")
Reduction = Literal["max", "gather"]
REDUCTIONS: Final = ("max", "gather")
