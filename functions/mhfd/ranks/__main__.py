"""What `launch` starts as every rank: a `RankRequest` on the first rank's input, the report on its output."""

import sys

from mhfd.errors import MhfdError
from mhfd.images import Limits
from mhfd.ranks import one_image
from mhfd.ranks.mpi_team import MpiTeam
from mhfd.ranks.rank_request import OTHER_FILE, RankRequest


def main() -> int:
    """Score; the exit code."""
    team = MpiTeam()
    request = team.from_first(None if team.number else RankRequest.model_validate_json(sys.stdin.buffer.read()))
    assert request is not None  # noqa: S101  the first has one
    limits = Limits(max_bytes=request.max_bytes, max_pixels=request.max_pixels)
    try:
        with request.opened() as file:
            report = one_image.score(file, team, params=request.params, device=request.device, limits=limits)
            team.settled()
    except OSError as error:
        team.agreed(error)
        return OTHER_FILE
    except MhfdError as error:
        if team.number == 0:
            sys.stderr.write(f"{error}\n")
        return 1
    if report is not None:
        sys.stdout.write(report.model_dump_json() + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    sys.exit(code)
