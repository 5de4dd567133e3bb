"""What commands share: the watched folder, where its state is, the settings, and how text reaches a terminal."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from mhfd.errors import UsageError
from mhfd_client.printing import printable

if TYPE_CHECKING:
    from mhfd_endpoint.finding import Check

F = TypeVar("F", bound=Callable[..., Any])


class Group(click.Group):
    """Commands of one kind. Its help has the whole first sentence of each, where click cuts it to one line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands, with what each does."""
        with formatter.section("Commands"):
            told = [(name, self.commands[name].get_short_help_str(limit=200)) for name in self.list_commands(ctx)]
            formatter.write_dl(told)


EXIT_PERSON: Final = 1
"""Something needs a person; what was printed says what."""

EXIT_INTERRUPTED: Final = 130
"""Somebody ended it: by Ctrl-C."""

CONFIG: Final = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file (TOML).  [default: see `mhfd config`]",
)
STATE: Final = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="The station's own folder, on a local disk; `watch` remembers it.  [default: see `mhfd config DIR`]",
)
SET: Final = click.option(
    "--set", "pairs", multiple=True, metavar="KEY=VALUE", help="Any other setting; may be repeated."
)
JSON: Final = click.option("--json", "as_json", is_flag=True, help="Everything as one JSON document.")
VERSIONS: Final = {
    "alert list": 2,
    "plan": 3,
    "config": 2,
    "retake": 3,
    "alert digest": 2,
    "endpoint usage": 3,
} | dict.fromkeys(
    (
        *("replay", "inspect", "calibrate", "tolerance", "check", "doctor", "whoami", "alert test"),
        *("function register", "function list", "endpoint check", "endpoint explain", "endpoint who"),
        *("flow dry-run", "flow validate", "flow deploy", "run list", "run show", "run cancel"),
        "service status",
        "propose",
        *("dataset build", "dataset check", "train", "learn", "evaluate"),
        *(
            f"models {name}"
            for name in ("list", "show", "verify", "apply", "assess", "add", "promote", "pull", "rollback", "remove")
        ),
        *(f"adjust {name}" for name in ("moves", "learn", "calibrate", "apply", "undo", "status", "audit")),
        *(f"work {name}" for name in ("begin", "list", "show", "follow", "cancel")),
        *("flow start", "flow timer create", "flow timer list", "flow timer delete"),
    ),
    1,
)
"""Of the document that `--json` of a command gives. An object has it as `schema_version`; in a list it has no place."""


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """The watched folder as a command was given it, with where its settings are."""

    root: str
    state: Path | None
    config: Path | None
    pairs: tuple[str, ...]

    def loaded(self, **args: object) -> Any:
        """The settings: file < environment < arguments. `args` are keys with `__` for the dot, as options are named."""
        from mhfd_client.settings.load import load

        return load(self.config, args=self.arguments(**args))

    def arguments(self, **args: object) -> dict[str, object]:
        """What the command line says of settings, by their keys. SettingsError."""
        given: dict[str, object] = {"state.dir": self.state} | set_pairs(self.pairs)
        return given | {key.replace("__", "."): value for key, value in args.items() if value not in (None, ())}

    def state_dir(self) -> Path:
        """Where its state is."""
        from mhfd_client.station.assembly import state_of

        return state_of(self.root, self.loaded().settings)

    def journal(self) -> Any:
        """The journal, for reading."""
        from mhfd_client.journal.view import JournalView

        return JournalView.read(self.state_dir())


def set_pairs(pairs: Iterable[str]) -> dict[str, object]:
    """What `--set` says, by the settings' keys. SettingsError."""
    from mhfd_client.errors import SettingsError

    given: dict[str, object] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"--set: {pair!r} is no setting; write KEY=VALUE, as in --set arrival.settle_s=5")
        given[key.strip()] = value.strip()
    return given


def decorated_by(function: F, options: Sequence[Callable[[Any], Any]]) -> F:
    """A command with further options, in their order in the help."""
    decorated: Any = function
    for decorate in reversed(options):
        decorated = decorate(decorated)
    return cast("F", decorated)


def folder_options(function: F) -> F:
    """DIR and the options that lead to its state and settings."""

    @functools.wraps(function)
    def command(
        directory: str, state: Path | None, config: Path | None, pairs: tuple[str, ...], **options: object
    ) -> object:
        return function(WatchedFolder(directory, state, config, pairs), **options)

    decorated: Any = command
    for decorate in (SET, CONFIG, STATE, click.argument("directory", metavar="DIR", type=click.Path())):
        decorated = decorate(decorated)
    return cast("F", decorated)


def recipe_options(function: F) -> F:
    """DIR and what a recipe of a container is written for."""
    decorated: Any = function
    for decorate in (
        click.option("--force", is_flag=True, help="Replace what is there."),
        click.option(
            "--gpu",
            "cuda",
            type=click.Choice(["none", "cuda12", "cuda13"]),
            default="none",
            show_default=True,
            help="What a GPU needs: by its driver, CUDA 12 or 13.",
        ),
        click.option(
            "--tool",
            "tools",
            multiple=True,
            type=click.Choice(["docker", "apptainer"]),
            help="For which; Podman takes what Docker takes.  [default: both]",
        ),
        click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False)),
    ):
        decorated = decorate(decorated)
    return cast("F", decorated)


def echo_recipe(written: Iterable[Path], commands: Iterable[str]) -> None:
    """What was written, and what is to be typed next."""
    for path in written:
        echo(f"wrote {path}")
    echo("next:")
    for line in commands:
        echo(f"  {line}")


def echo(text: str = "", *, err: bool = False) -> None:
    """One line; nothing in it can move the cursor."""
    click.echo(printable(text), err=err)


def echo_json(value: object) -> None:
    """One JSON document; an object that is ours has the version of its form."""
    context = click.get_current_context()
    version = VERSIONS.get(context.command_path.removeprefix(context.find_root().command_path).strip())
    if version is not None and isinstance(value, dict):
        value = {"schema_version": version, **value}
    click.echo(json.dumps(value, indent=2, ensure_ascii=True, default=os.fspath))  # a path is the text of it


def chosen_options(pairs: tuple[str, ...]) -> dict[str, Any]:
    """What is chosen of the endpoint's configuration: a number or true where it reads as one, else text. UsageError."""
    chosen: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--option: {pair!r} is none; write KEY=VALUE, as in --option purpose=train")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        chosen[name.strip()] = value if isinstance(value, bool | int | float) else text.strip()
    return chosen


def counter(what: str) -> Callable[[int, int], object] | None:
    """How many of `what` are done, on one line of a terminal; None where there is none."""
    if not sys.stderr.isatty():
        return None

    def told(done: int, of: int) -> None:
        click.echo(f"\r{done} of {of} {what}" + ("\n" if done == of else ""), err=True, nl=False)

    return told


def say(document: object, lines: Iterable[str], *, as_json: bool) -> None:
    """The same for programs, as one JSON document, or for people, line by line."""
    if as_json:
        echo_json(document)
    else:
        for line in lines:
            echo(line)


def tell(checks: Iterable[Check], *, as_json: bool) -> None:
    """Each check as it is made, or all as one document. Ends with `EXIT_PERSON` when one of them fails."""
    found = []
    for check in checks:
        found.append(check)
        if not as_json:
            echo(str(check))
    if as_json:
        echo_json([check.as_json() for check in found])
    if any(check.level == "fail" for check in found):
        sys.exit(EXIT_PERSON)
