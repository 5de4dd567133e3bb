"""How the tests are dealt out, as it stands in the Makefile."""

from __future__ import annotations

from tests.rigs import REPOSITORY, workers


def test_the_long_files_are_there() -> None:
    assert [name for name in workers.LONG if not (REPOSITORY / "tests" / name).is_file()] == []
