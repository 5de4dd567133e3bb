"""One image over MPI ranks, as mpiexec starts them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.rigs.mpi import needs_mpi, over_ranks
from tests.rigs.ranks_program import SCALES, SIZES

from mhfd import score

COMMAND = "from mhfd_client.cli import main; main()"

pytestmark = needs_mpi


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    chance = np.random.default_rng(2)
    coarse = chance.normal(size=(25, 17)).repeat(8, axis=0).repeat(8, axis=1)
    path = tmp_path_factory.mktemp("ranks") / "a.tif"
    tifffile.imwrite(path, (120 + 45 * coarse + 5 * chance.normal(size=coarse.shape)).clip(0, 255).astype(np.uint8))
    return str(path)


def numbers(report: dict[str, Any]) -> dict[str, Any]:
    """A report without its times and the split's name."""
    return report | {"timing_ms": None, "provenance": report["provenance"] | {"device": None}}


def test_reports_of_any_number_of_ranks_are_the_same(image: str) -> None:
    done = over_ranks(max(SIZES), "-m", "tests.rigs.ranks_program", "reports", image)
    assert done.returncode == 0, done.stderr
    made: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in map(json.loads, done.stdout.splitlines()):
        made[line["way"]].append(line)
    assert {way: tuple(line["ranks"] for line in lines) for way, lines in made.items()} == dict.fromkeys(
        ("bands", "scales max", "scales gather"), SIZES
    )
    for way, lines in made.items():
        first = numbers(lines[0]["report"])
        assert first["dof"] > 30
        for line in lines:
            device = line["report"]["provenance"]["device"]
            ranks = "1 rank" if line["ranks"] == 1 else f"{line['ranks']} ranks"
            split, _, how = way.partition(" ")
            assert device.endswith(f"; split {split}{f' ({how})' * bool(how)} over {ranks}")
            assert numbers(line["report"]) == first, (way, line["ranks"])
    # What the oracle says alone, what the two reductions say, and what they cost.
    oracle = numbers(score(image, params=SCALES).model_dump(mode="json"))
    assert numbers(made["scales max"][-1]["report"]) == oracle == numbers(made["scales gather"][-1]["report"])
    sent = {way: lines[SIZES.index(4)]["sent"] for way, lines in made.items()}
    assert sent["bands"] < sent["scales max"] < sent["scales gather"]
    timed = made["scales max"][-1]["report"]["timing_ms"]
    assert {"stretch", "broadcast", "filter", "reduce", "maxima"} <= timed.keys()
    assert "gather" in made["scales gather"][-1]["report"]["timing_ms"]


def test_scales_on_a_device_of_each_rank_find_what_one_device_finds(image: str) -> None:
    done = over_ranks(3, "-m", "tests.rigs.ranks_program", "device", image)
    assert done.returncode == 0, done.stderr
    alone, together = map(json.loads, done.stdout.splitlines())
    assert len(alone[0]) > 30
    assert together == alone


def test_only_the_first_rank_prints(image: str, tmp_path: Path) -> None:
    focus_map = tmp_path / "map.ome.tif"
    done = over_ranks(3, "-c", COMMAND, "score", image, "--mpi", "--json", "--focus-map", str(focus_map))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert json.loads(done.stdout)["finding"] == "ok"
    assert focus_map.exists()


@pytest.mark.parametrize(("how", "said"), [("killed", "signal 9"), ("raised", "rank 1 of 2 failed")])
def test_a_rank_that_dies_ends_the_job_with_a_message(image: str, how: str, said: str) -> None:
    done = over_ranks(2, "-m", "tests.rigs.ranks_program", how, image)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
