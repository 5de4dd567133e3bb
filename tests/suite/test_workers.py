"""How the tests are dealt out, as it stands in the Makefile."""

from __future__ import annotations

from tests.rigs import REPOSITORY, workers


def test_the_long_files_are_there() -> None:
    assert [name for name in workers.LONG if not (REPOSITORY / "tests" / name).is_file()] == []


def test_files_that_start_the_same_stay_together() -> None:
    named = [name for files in workers.TOGETHER.values() for name in files]
    assert len(named) == len(set(named))
    units = {workers.unit_of(f"tests/{name}::test_x[1::2]") for name in (*named, "suite/test_workers.py")}
    assert units == {*workers.TOGETHER, "tests/suite/test_workers.py"}
