"""The page of instruments: each kind has an example that is read, and each key of the file its row."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from tests.rigs import REPOSITORY

from mhfd_client.instruments.config import NAME, InstrumentConfig, SoftLimits, config_of

PAGE = (REPOSITORY / "docs" / "reference" / "instruments.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.+?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=[tomllib.loads(example)["kind"] for example in EXAMPLES])
def test_an_example_is_read(tmp_path: Path, example: str) -> None:
    (tmp_path / NAME).write_text(example)
    assert config_of(tmp_path).kind == tomllib.loads(example)["kind"]


def test_each_kind_has_its_example_and_its_row() -> None:
    kinds = set(get_args(InstrumentConfig.model_fields["kind"].annotation))
    assert {tomllib.loads(example)["kind"] for example in EXAMPLES} == kinds
    assert {kind for kind in kinds if f"| `{kind}` |" not in PAGE} == set()


def test_each_key_has_its_row() -> None:
    rows = re.findall(r"^\| (`.+?`) \| .+ \|$", PAGE[PAGE.index("| key | what |") : PAGE.index("### A pretend")], re.M)
    told = {key for row in rows for key in re.findall(r"`([\w.]+)`", row)}
    keys = InstrumentConfig.model_fields.keys() - {"limits"}
    assert told == keys | {f"limits.{name}" for name in SoftLimits.model_fields}
