"""Settings: what overrules what, what is refused, and in which words."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rigs.raised import raised

from mhfd.errors import UsageError
from mhfd_client import errors
from mhfd_client.errors import SettingsError
from mhfd_client.settings import load as settings
from mhfd_client.settings import options, places
from mhfd_client.settings.options import Settings, StateSettings


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


def write(folder: Path, text: str) -> Path:
    path = folder / "mhfd.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_say_so(env: dict[str, str]) -> None:
    loaded = settings.load(env=env)
    assert loaded.settings == Settings()
    assert set(loaded.origins) == set(options.keys())
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.file is None


def test_argument_overrules_environment_overrules_file(tmp_path: Path, env: dict[str, str]) -> None:
    path = write(tmp_path, "[arrival]\nsettle_s = 1\npoll_s = 1\n# a comment\nmax_age_s = 1\n")
    env |= {"MHFD_ARRIVAL_POLL_S": "2", "MHFD_ARRIVAL_MAX_AGE_S": "2"}
    loaded = settings.load(path, env=env, args={"arrival.max_age_s": "3", "arrival.mode": None})
    arrival = loaded.settings.arrival
    assert (arrival.settle_s, arrival.poll_s, arrival.max_age_s, arrival.mode) == (1, 2, 3, "auto")
    assert loaded.origins["arrival.settle_s"] == f"file {path}:2"
    assert loaded.origins["arrival.poll_s"] == "environment MHFD_ARRIVAL_POLL_S"
    assert loaded.origins["arrival.max_age_s"] == "argument"
    assert loaded.origins["arrival.mode"] == "default"


def test_the_file_is_found_by_itself(tmp_path: Path, env: dict[str, str]) -> None:
    default = tmp_path / ".config" / "mhfd" / "config.toml"
    default.parent.mkdir(parents=True)
    default.write_text("arrival.poll_s = 7\n")
    assert settings.load(env=env).settings.arrival.poll_s == 7
    other = write(tmp_path, "[arrival]\npoll_s = 8")
    assert settings.load(env=env | {"MHFD_CONFIG": str(other)}).settings.arrival.poll_s == 8
    assert settings.load(env=env | {"XDG_CONFIG_HOME": "relative/is/ignored"}).settings.arrival.poll_s == 7


def test_paths_in_a_file_are_meant_from_the_file(tmp_path: Path, env: dict[str, str]) -> None:
    path = write(tmp_path, '[names]\nexpected = "sections.csv"\n[state]\ndir = "/abs/state"')
    loaded = settings.load(path, env=env).settings
    assert loaded.names.expected == tmp_path / "sections.csv"
    assert loaded.state.dir == Path("/abs/state")


def test_single_parameters_from_three_places(tmp_path: Path, env: dict[str, str]) -> None:
    path = write(tmp_path, "[score.params]\nn = 12\nmin_t = 1.5\n")
    loaded = settings.load(path, env=env | {"MHFD_SCORE_PARAMS_THRESHOLD": "3.5"}, args={"score.params.n": 14})
    params = loaded.settings.score.resolved()
    assert (params.n, params.min_t, params.threshold, params.max_t) == (14, 1.5, 3.5, 16.0)
    assert loaded.origins["score.params.min_t"] == f"file {path}:3"
    assert loaded.origins["score.params.n"] == "argument"
    assert settings.load(env=env, args={"score.preset": "paper_code"}).settings.score.resolved().n == 29


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[arival]\nsettle_s = 1", [":1: there is no section [arival]; did you mean 'arrival'?"]),
        (
            "\n[arrival]\nsetle_s = 1",
            [":3: there is no setting 'arrival.setle_s'; did you mean 'arrival.settle_s'?"],
        ),
        ("[arrival]\nqq = 1", ["there are: ", "arrival.poll_s"]),
        ("[score.params]\nthresh = 1", [":2: ", "'score.params.thresh'; did you mean 'threshold'?"]),
        ("score = 3", ["score is a section: write [score]"]),
        ("[score]\nparams = 3", ["score.params holds one key for each parameter"]),
        ("[arrival\n", ["is not valid TOML", "line 1"]),
        ('[arrival]\nsettle_s = "soon"', ["arrival.settle_s = 'soon'", "mhfd.toml:2", "valid number", "It is: a file"]),
        ("[arrival]\nsettle_s = -1", ["arrival.settle_s = -1", "greater than or equal to 0"]),
        ("[arrival]\nsettle_s = nan", ["arrival.settle_s = nan", "finite"]),
        ("[arrival]\nsettle_s = true", ["arrival.settle_s: true and false are not allowed", "mhfd.toml:2"]),
        ("[verdict]\nfollow = 7", ["verdict.follow = 7", "bool"]),
        ('[arrival]\nmode = "watch"', ["arrival.mode = 'watch'", "'auto', 'events' or 'poll'"]),
        ("[arrival]\npatterns = []", ["arrival.patterns", "at least 1"]),
        ('[names]\npattern = "x"', ["names.pattern: belongs to preset 'custom'", "mhfd.toml:2"]),
        ("[score.params]\nn = 0", ["score.params.n: ", "greater than or equal to 1"]),
        ("[score.params]\nmax_t = 0.7", ["score.params", "must exceed min_t"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, env: dict[str, str], text: str, words: list[str]) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        settings.load(path, env=env)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_several_wrong_values_are_all_said(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load(write(tmp_path, "[arrival]\nsettle_s = -1\npoll_s = 0"), env=env)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("name", ["MHFD_ARRIVAL_SETLE_S", "MHFD_ARIVAL_SETTLE_S", "MHFD_CACHE_DI"])
def test_misspelt_variables_are_refused(env: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match=f"environment {name}: there is no such setting; did you mean"):
        settings.load(env=env | {name: "1"})


def test_variables_of_others_are_left_alone(env: dict[str, str]) -> None:
    env |= {"MHFD_CACHE_DIR": "/c", "MHFD_SOMETHING_ELSE": "1", "MHFD_ARRIVAL_MARKER": "", "PATH": "/bin"}
    assert settings.load(env=env).settings == Settings()


def test_lists_in_the_environment_are_separated_by_commas(env: dict[str, str]) -> None:
    loaded = settings.load(env=env | {"MHFD_ARRIVAL_PATTERNS": "*.tif, *.ome.tif"})
    assert loaded.settings.arrival.patterns == ("*.tif", "*.ome.tif")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read: No such file"):
        settings.load(tmp_path / "none.toml", env=env)


def test_argument_that_is_no_setting(env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"argument: there is no setting 'verdict\.k'; did you mean"):
        settings.load(env=env, args={"verdict.k": 3})


def test_folders_of_the_same_name_do_not_share_state(tmp_path: Path, env: dict[str, str]) -> None:
    one, two, link = tmp_path / "a" / "wafer 7", tmp_path / "b" / "wafer 7", tmp_path / "link"
    one.mkdir(parents=True)
    two.mkdir(parents=True)
    link.symlink_to(one)
    place = places.state_dir(one, env=env)
    assert place.parent == tmp_path / ".local" / "state" / "mhfd"
    assert re.fullmatch(r"wafer-7-[0-9a-f]{10}", place.name)
    assert places.state_dir(two, env=env) != place
    assert places.state_dir(link, env=env) == place
    assert places.state_dir("/", env=env).name.startswith("root-")
    given = Settings(state=StateSettings(dir=tmp_path / "mine"))
    assert places.state_dir(one, settings=given, env=env) == tmp_path / "mine"


def test_cache_folder(tmp_path: Path, env: dict[str, str]) -> None:
    assert places.cache_dir(env) == tmp_path / ".cache" / "mhfd"
    assert places.cache_dir(env | {"XDG_CACHE_HOME": "/x"}) == Path("/x/mhfd")
    assert places.cache_dir(env | {"MHFD_CACHE_DIR": "/c"}) == Path("/c")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "arrival.settle_s": st.floats(0, 1e5),
            "arrival.marker": st.sampled_from([".done", ".ok"]),
            "runner.workers": st.integers(1, 256),
            "verdict.follow": st.booleans(),
            "score.device": st.sampled_from(["auto", "cpu", "gpu"]),
        },
    )
)
def test_every_way_in_gives_the_same(values: dict[str, Any]) -> None:
    """Typed arguments and the strings of an environment end in the same settings."""
    env = {options.variable(key): str(value) for key, value in values.items()}
    by_argument = settings.load(env={"HOME": "/h"}, args=values).settings
    assert settings.load(env={"HOME": "/h"} | env).settings == by_argument


@pytest.mark.parametrize("name", raised(errors))
def test_errors_pickle_and_belong_to_the_tree(name: str) -> None:
    kind = getattr(errors, name)
    error = pickle.loads(pickle.dumps(kind("state: /x is full; free some space")))  # noqa: S301 - our own
    assert type(error) is kind
    assert str(error) == "state: /x is full; free some space"
    assert isinstance(error, errors.StationError)
    assert name in (errors.__doc__ or "")
    assert ("(also UsageError)" in re.search(rf"{name}\b.*", errors.__doc__ or "")[0]) == issubclass(kind, UsageError)  # type: ignore[index]
