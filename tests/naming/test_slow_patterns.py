"""No name holds up the station, whoever wrote the pattern."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.rigs.bench import Bench, Scripted, score_all

from mhfd_client.errors import NamingError
from mhfd_client.naming import NOWHERE, choose
from mhfd_client.settings.options import NamesSettings

SLOW = r"^(.*?,){25}(?P<section>\d)Z"
BAD = "ab," * 80


def test_a_pattern_that_takes_for_ever_is_refused_with_the_name_it_was_too_slow_for() -> None:
    settings = NamesSettings(preset="custom", pattern=SLOW)
    with pytest.raises(NamingError, match=r"names\.pattern: .* takes longer than 0\.5 s on 'ab,ab,") as told:
        choose(settings, ["1.tif", BAD])
    assert "write it so that" in str(told.value)
    assert choose(settings, ["1.tif"]).naming.place("1.tif") == NOWHERE


@pytest.mark.parametrize("pattern", ["(", "a{2", r"(?P<section>\d+", r"\d+"])
def test_what_is_no_pattern_is_said_as_before(pattern: str) -> None:
    with pytest.raises(NamingError, match=r"names\.pattern: .* (is no regular expression|has no group)"):
        choose(NamesSettings(preset="custom", pattern=pattern), ["1.tif"])


def test_a_name_that_comes_later_is_a_trouble_and_has_no_section(tmp_path: Path) -> None:
    """The watch goes on: the others have theirs."""
    bench = Bench(tmp_path)
    pattern = r"^(?:(.*?,){25}Z|.*_)(?P<section>\d+)[.]tif$"
    place = choose(NamesSettings(preset="custom", pattern=pattern), ["s_1.tif"]).naming.place
    slow = "ab," * 60 + ".tif"
    bench.put("s_1.tif", slow, "s_2.tif")
    assert bench.run(Scripted(score_all), place=place).scored == 3
    assert [bench.rows()[path].section for path in ("s_1.tif", slow, "s_2.tif")] == [1, None, 2]
    with bench.view() as view:
        (trouble,) = [one for one in view.troubles() if one.kind == "names"]
    assert trouble.path == slow
    assert "takes longer than" in trouble.why


PRESETS_ON_LONG_NAMES = """
import itertools
from mhfd_client.naming.presets import PRESETS
units = ["s1", "1", "s", "_", "-", ".", "r1-c1_", "tile_", "t1 ", "section 1/", "1/", "/", "Tile_1-2-000001_1-1", "a1.",
         "(1)", " - Copy", "1_", "_sec", "region 1", "_a1_r1_t1", "img_channel0", "S1R1/", "S4800_m", "0", "é"]
for one, two in itertools.product(units, units):
    for end in ("!", ".tif", "_s1.tif"):
        path = (one * 2000)[:1500] + (two * 2000)[:1500] + end
        for naming in PRESETS.values():
            naming.place(path)
"""


def test_our_own_presets_are_quick_on_long_names() -> None:
    """A pattern that backtracks over a name of 3000 characters would not end; the time is a net."""
    subprocess.run([sys.executable, "-c", PRESETS_ON_LONG_NAMES], check=True, timeout=240)
