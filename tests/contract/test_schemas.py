"""What crosses a process or a wire carries a version, and does not change under the same one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from tests.contract.crossing import FORMS, Description, entry, kept, what_is_wrong
from tests.contract.documents import PRINTED

from mhfd.contract.base import Model
from mhfd_client.cli import main
from mhfd_client.commands.common import VERSIONS


@pytest.mark.parametrize("name", FORMS)
def test_a_form_has_not_changed_under_its_version(name: str) -> None:
    wrong = what_is_wrong(name, entry(FORMS[name]), kept().get(name))
    assert wrong is None, wrong


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


class Before(Model):
    """A form."""

    a: int
    b: tuple[str, ...] = ()


def test_each_change_of_a_field_counts() -> None:
    class Renamed(Model):
        a: int
        c: tuple[str, ...] = ()

    class Retyped(Model):
        a: int
        b: tuple[int, ...] = ()

    class Defaulted(Model):
        a: int = 0
        b: tuple[str, ...] = ()

    class SameUnderAnotherName(Model):
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
