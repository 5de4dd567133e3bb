"""What runs on an endpoint: `run` scores images, `examine` looks at it, `train` and `assess` learn. JSON in and out.

The functions that are registered with Globus Compute (`mhfd.shim`) call these and do nothing else. None raises for
anything that is in a request or in an image, and none trusts its caller: which files may be touched is the
administrator's configuration (`mhfd.site`).

    __init__    the way in; imports nothing until it is called
    task        the way of every request: site, request, is it allowed, work, its line in the log
    scoring     run: a request -> reports, one path after the other
    examining   examine: what `mhfd doctor --endpoint` asks
    training    train: a network, in turns
    assessing   assess: every package of a library about a microscope's first images, in turns
    benchmarking      benchmark: packages with who judges, in turns
    earlier_training  the checkpoints of another training, to go on from
    given       what a request names: the images of a dataset, the packages of a library
    roots       a path -> an open file below an administrator's folder
    patience    asks the system what it may never answer
    alarm       ends work that takes too long
    gpus        what a function sees of its worker's GPUs
    placing     files -> a folder below an administrator's folder
    budget      reports -> a response that the service carries
    ledger      what one request did, counted
    quota       what a user may have in a day
    tasklog     one line a request
    linefile    a file of lines of many processes, put aside when it is full
    long        work that takes longer than a task may, in turns
    worker      who and what this process is; what is warm in it
"""

from typing import Any

__all__ = ["assess", "benchmark", "examine", "run", "train"]


def run(**request: Any) -> dict[str, Any]:
    """A ScoreRequest's fields in, a ScoreResponse's out."""
    from mhfd.remote.scoring import answer

    return answer(request)


def examine(**request: Any) -> dict[str, Any]:
    """An ExamineRequest's fields in, an Examination's out."""
    from mhfd.remote.examining import answer

    return answer(request)


def train(**request: Any) -> dict[str, Any]:
    """A TrainRequest's fields in, a WorkAnswer's out."""
    from mhfd.remote.training import answered

    return answered(request)


def assess(**request: Any) -> dict[str, Any]:
    """An AssessRequest's fields in, a WorkAnswer's out."""
    from mhfd.remote.assessing import answered

    return answered(request)


def benchmark(**request: Any) -> dict[str, Any]:
    """A BenchmarkRequest's fields in, a WorkAnswer's out."""
    from mhfd.remote.benchmarking import answered

    return answered(request)
