"""What the hour saw, to be kept and committed: JSON for programs, Markdown for people, with no more of a site than its
people wish.

Written after every answer, so that an hour that is interrupted has its record too.
"""

import json
import platform
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

import mhfd
from mhfd_client import files
from mhfd_client.first_hour.answers import Seen, Standing
from mhfd_client.first_hour.guesses import BY_ID, GUESSES
from mhfd_client.first_hour.site import HourSite
from mhfd_client.times import iso_z, utc

Ids = Literal["short", "full", "none"]
"""How much of an id is written down."""

FORM: Final = 1
_UUID: Final = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_MAIL: Final = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_TOKEN: Final = re.compile(r"\b(?:Bearer\s+)?(?:Ag|Rf)[A-Za-z0-9_-]{30,}")
_HOME: Final = re.compile(r"(/(?:home|Users)/)[^/\s'\",:;)]+")
_MOST: Final = 600


@dataclass(slots=True)
class HourRecord:
    """What was seen, guess by guess."""

    site: HourSite
    began: float = field(default_factory=time.time)
    services: Mapping[str, str] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    over: bool = False

    def having(self, standing: Standing) -> list[Seen]:
        """In the order of the list."""
        return [
            self.seen[guess.id]
            for guess in GUESSES
            if guess.id in self.seen and self.seen[guess.id].standing is standing
        ]

    def as_json(self, ids: Ids) -> dict[str, Any]:
        """The whole of it; texts are as `hidden` leaves them."""
        hide = hidden(self.site, ids)
        return {
            "schema_version": FORM,
            "began": iso_z(self.began),
            "over": self.over,
            "versions": _versions(),
            "services": {name: str(url) for name, url in self.services.items()},
            "endpoint": hide(self.site.endpoint),
            "near": hide(self.site.near),
            "staging": hide(self.site.staging),
            "mapped": len(self.site.mapped),
            "guesses": [
                {
                    "guess": guess.id,
                    "assumed": guess.assumed,
                    "rests": guess.rests,
                    "standing": None if (seen := self.seen.get(guess.id)) is None else seen.standing.value,
                    "saw": "" if seen is None else hide(seen.saw)[:_MOST],
                    "took_s": None if seen is None or seen.took_s is None else round(seen.took_s, 1),
                }
                for guess in GUESSES
            ],
            "left": [hide(one) for one in self.left],
        }

    def markdown(self, ids: Ids) -> str:
        """The same for people."""
        told = self.as_json(ids)
        counts = ", ".join(f"{len(self.having(one))} {one.value}" for one in Standing)
        lines = [
            f"# The first hour, {utc(self.began)} UTC",
            "",
            f"{counts}, of {len(GUESSES)}." + ("" if self.over else " It was not finished."),
            "",
            ", ".join(f"{name} {version}" for name, version in told["versions"].items()) + ".",
            f"Services: {', '.join(told['services'].values()) or 'not reached'}.",
            f"Endpoint {told['endpoint']}, collections {told['near']} and {told['staging']}, {told['mapped']} mapped.",
            "",
        ]
        for standing, heading in (
            (Standing.WRONG, "Wrong: what in mhfd rests on it must change"),
            (Standing.UNANSWERED, "Not answered"),
            (Standing.HOLDS, "Holds"),
        ):
            rows = [row for row in told["guesses"] if row["standing"] == standing.value]
            if rows:
                lines += [f"## {heading}", "", "| guess | what we took for true | what was seen | what rests on it |"]
                lines += ["|---|---|---|---|"]
                lines += [
                    f"| `{row['guess']}` | {_cell(row['assumed'])} | {_cell(row['saw'])} | {_cell(row['rests'])} |"
                    for row in rows
                ]
                lines.append("")
        if told["left"]:
            lines += ["## Left behind", "", *(f"- {one}" for one in told["left"]), ""]
        return "\n".join(lines)

    def write(self, into: Path, ids: Ids) -> tuple[Path, Path]:
        """Both files, whole. StateError; OSError."""
        into.mkdir(parents=True, exist_ok=True)
        name = f"first-hour-{utc(self.began, '%Y%m%dT%H%M%SZ')}"
        plain, words = into / f"{name}.json", into / f"{name}.md"
        files.write_whole(plain, (json.dumps(self.as_json(ids), indent=1, ensure_ascii=False) + "\n").encode())
        files.write_whole(words, self.markdown(ids).encode())
        return plain, words


def hidden(site: HourSite, ids: Ids) -> Callable[[str], str]:
    """What takes out of a text what is nobody's business: tokens, e-mail addresses, a site's folders, ids."""
    folders = {
        str(site.near_here): "NEAR",
        site.near_path: "NEAR",
        site.staging_path: "STAGING",
        site.staging_root: "STAGING_ROOT",
    }
    ordered = sorted((one for one in folders if len(one.strip("/")) > 1), key=len, reverse=True)

    def hide(text: str) -> str:
        for folder in ordered:
            text = text.replace(folder.rstrip("/"), folders[folder])
        text = _HOME.sub(r"\1<user>", _MAIL.sub("<e-mail>", _TOKEN.sub("<token>", text)))
        if ids == "full":
            return text
        return _UUID.sub(lambda found: f"{found[1]}..." if ids == "short" else "<id>", text)

    return hide


def named(seen: Seen) -> str:
    """One line for people: the guess, how it stands, and of a wrong one what rests on it."""
    guess = BY_ID[seen.guess]
    line = f"{seen.standing.value:10} {seen.guess}: {seen.saw}"
    if seen.standing is Standing.WRONG:
        line += f". We took for true: {guess.assumed}. What rests on it: {guess.rests}"
    return line


def _versions() -> dict[str, str]:
    found = {"mhfd": mhfd.__version__, "python": platform.python_version()}
    for package in ("globus-sdk", "globus-compute-sdk"):
        found[package] = metadata.version(package)
    return found


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
