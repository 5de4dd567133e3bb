"""What mpiexec starts in a test: `python -m tests.rigs.ranks_program reports|device|killed|raised IMAGE`."""

from __future__ import annotations

import json
import os
import signal
import sys

from mhfd import images
from mhfd.contract.params import Params
from mhfd.detector.stream import StreamDetector
from mhfd.detector.stream_arrays import OnCpu
from mhfd.ranks import Reduction, Split, one_image
from mhfd.ranks.algorithm import ScalesDetector
from mhfd.ranks.mpi_team import MpiTeam
from mhfd.rows import InMemory

SIZES = (1, 2, 3, 4, 7)
WAYS: tuple[tuple[Split, Reduction | None], ...] = (
    ("bands", None),
    ("scales", "max"),
    ("scales", "gather"),
)


def reports(path: str) -> None:
    """By the first rank a line for each way and number of ranks: way, ranks, bytes sent by all, report."""
    from mpi4py import MPI

    everybody = MPI.COMM_WORLD
    for size in SIZES:
        some = everybody.Split(0 if everybody.Get_rank() < size else 1)
        if everybody.Get_rank() >= size:
            continue
        for split, reduction in WAYS:
            team = MpiTeam(some)
            params = Params(n=5, max_t=6.0) if split == "bands" else SCALES
            report = one_image.score(path, team, params=params, split=split, reduction=reduction)
            sent = some.reduce(team.sent)
            if report is not None:
                way = split if reduction is None else f"{split} {reduction}"
                line = {"way": way, "ranks": size, "sent": sent, "report": report.model_dump(mode="json")}
                print(json.dumps(line), flush=True)  # noqa: T201


def filtered_on_a_device(path: str) -> None:
    """Scales through `detector.stream`, with NumPy in CuPy's place: by the first rank what they find, and one alone."""
    team = MpiTeam()
    shared = ScalesDetector(team, stream=StreamDetector(OnCpu(1)))
    if team.number:
        shared.help()
        return
    pixels = images.load(path).pixels
    assert pixels is not None
    alone, together = StreamDetector(OnCpu(1)).detect(pixels, SCALES), shared.detect(pixels, SCALES)
    shared.dismiss()
    for found in (alone, together):
        print(json.dumps([one.tolist() for one in (found.y, found.x, found.scale, found.response)]))  # noqa: T201


SCALES = Params.preset("paper_text").model_copy(update={"n": 5, "max_t": 6.0})


def fails(path: str, *, by_signal: bool) -> None:
    """The second rank is killed, or raises, while it looks at its rows."""
    team = MpiTeam()
    if team.number == 1:

        def read(rows: InMemory, top: int, bottom: int) -> None:
            if by_signal:
                os.kill(os.getpid(), signal.SIGKILL)
            raise MemoryError("no more")

        InMemory.read = read  # type: ignore[method-assign,assignment]
    one_image.score(path, team)


if __name__ == "__main__":
    what, image = sys.argv[1:]
    if what == "reports":
        reports(image)
    elif what == "device":
        filtered_on_a_device(image)
    else:
        fails(image, by_signal=what == "killed")
