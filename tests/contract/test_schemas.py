"""What crosses a process or a wire carries a version, and does not change under the same one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from tests.contract.crossing import FORMS, Description, digest_of, entry, kept, what_is_wrong
from tests.contract.documents import PRINTED
from tests.contract.released_forms import breaks_a_release, released, released_with
from tests.rigs.changelog import dated

from mhfd.contract.base import Wire
from mhfd_client.cli import main
from mhfd_client.commands.common import VERSIONS


@pytest.mark.parametrize("name", FORMS)
def test_a_form_has_not_changed_under_its_version(name: str) -> None:
    wrong = what_is_wrong(name, entry(FORMS[name]), kept().get(name))
    assert wrong is None, wrong


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_was_released_has_its_number_for_good(name: str) -> None:
    wrong = breaks_a_release(name, kept()[name], released())
    assert wrong is None, wrong


def test_what_the_newest_version_has_is_released() -> None:
    """What waits under 'Unreleased' may be newer than that."""
    versions = [one.version for one in reversed(dated())]
    recorded = list(released())
    assert recorded == versions[-len(recorded) :], "python -m tests.contract.crossing --release"


def test_a_migration_that_was_released_is_not_edited() -> None:
    """A journal's number is how many migrations there are: those of before must be in it as they were."""
    migrations = FORMS["journal"].read()
    for forms in released().values():
        if journal := forms.get("journal"):
            assert digest_of(migrations[: journal["version"]]) == journal["digest"], "append a migration instead"


def test_a_release_only_adds() -> None:
    first = {"a": {"version": 1, "digest": "x"}, "b": {"version": 2, "digest": "y"}}
    second = {**first, "a": {"version": 2, "digest": "z"}}
    one = released_with("0.1.0", first, {})
    two = released_with("0.2.0", second, one)
    assert one == {"0.1.0": first}
    assert two == {"0.1.0": first, "0.2.0": {"a": second["a"]}}


def test_a_number_that_was_released_stands_for_no_other_form() -> None:
    """Not even after many versions, nor when `schemas.json` was written by hand."""
    name = "ScoreRequest"
    before = {"0.1.0": {name: {"version": 1, "digest": "x"}}, "0.2.0": {name: {"version": 2, "digest": "y"}}}
    assert breaks_a_release(name, {"version": 2, "digest": "y"}, before) is None
    assert breaks_a_release(name, {"version": 3, "digest": "z"}, before) is None
    changed = breaks_a_release(name, {"version": 2, "digest": "z"}, before)
    assert changed is not None
    assert "mhfd 0.2.0 has its 2 already: raise its version" in changed
    fallen = breaks_a_release(name, {"version": 1, "digest": "x"}, before)
    assert fallen is not None
    assert "a number only rises" in fallen


def test_nothing_is_kept_of_what_no_longer_crosses() -> None:
    assert set(kept()) == set(FORMS)


def test_every_document_of_a_command_has_a_form_with_a_version() -> None:
    def commands(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
        for name, command in group.commands.items():
            yield before + name, command
            if isinstance(command, click.Group):
                yield from commands(command, f"{before}{name} ")

    of_others = {"score": "FocusReport", "status": "status --json"}  # `flow show`: a definition, which is of Globus
    documents = {name for name, command in commands(main) if "as_json" in {one.name for one in command.params}}
    assert documents == set(VERSIONS) | set(of_others)
    assert set(FORMS) >= {f"{name} --json" for name in VERSIONS} | set(of_others.values())


@pytest.mark.parametrize("name", PRINTED)
def test_an_object_that_is_printed_says_its_version_first(name: str) -> None:
    document = PRINTED[name]()
    if isinstance(document, dict):
        assert next(iter(document.items())) == ("schema_version", VERSIONS[name])


def test_a_change_is_seen_and_says_what_to_do() -> None:
    then = entry(FORMS["ScoreRequest"])
    now = {**then, "digest": "another"}
    said = what_is_wrong("ScoreRequest", now, then)
    assert said is not None
    assert "raise its version in mhfd.contract.base and run" in said
    assert what_is_wrong("ScoreRequest", {**now, "version": 2}, then) is not None
    assert what_is_wrong("ScoreRequest", then, then) is None


class Before(Wire):
    """A form."""

    a: int
    b: tuple[str, ...] = ()


def test_each_change_of_a_field_counts() -> None:
    class Renamed(Wire):
        a: int
        c: tuple[str, ...] = ()

    class Retyped(Wire):
        a: int
        b: tuple[int, ...] = ()

    class Defaulted(Wire):
        a: int = 0
        b: tuple[str, ...] = ()

    class SameUnderAnotherName(Wire):
        a: int
        b: tuple[str, ...] = ()

    told = [str(Description().of(one)) for one in (Before, Renamed, Retyped, Defaulted)]
    assert len(set(told)) == len(told)
    assert Description().of(SameUnderAnotherName) == Description().of(Before)


def test_a_page_of_another_mhfd_says_so() -> None:
    page = [sys.executable, "-m", "mhfd_client.page"]
    done = subprocess.run(page, input=b'{"schema_version": 99}\n', capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"exchanged while the watch ran: start the watch again" in done.stderr
