"""What waits in a station's inbox: read in one way, and nothing that lies there can stop whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mhfd_client.station import inbox
from mhfd_client.verdicts.from_journal import JournalJudge

DAMAGED: dict[str, Callable[[Path], object]] = {
    "cut off": lambda file: file.write_text('{"image": 1, "sha'),
    "empty": lambda file: file.write_bytes(b""),
    "not text": lambda file: file.write_bytes(b"\xff\xfe\x00"),
    "a list": lambda file: file.write_text("[]"),
    "no object": lambda file: file.write_text("7"),
    "nothing said": lambda file: file.write_text('{"image": 1}'),
    "image by name": lambda file: file.write_text('{"image": "1", "sharp": true}'),
    "image by yes": lambda file: file.write_text('{"image": true, "sharp": true}'),
    "neither yes nor no": lambda file: file.write_text('{"image": 1, "sharp": 1}'),
    "fine by number": lambda file: file.write_text('{"image": 1, "sharp": true, "fine": 0}'),
    "who by number": lambda file: file.write_text('{"image": 1, "sharp": true, "who": 5}'),
    "again by number": lambda file: file.write_text('{"image": 1, "sharp": null, "again": 1}'),
    "a note by number": lambda file: file.write_text('{"image": 1, "sharp": null, "again": true, "note": 7}'),
    "too deep": lambda file: file.write_text("[" * 100_000),
    "too large a number": lambda file: file.write_text('{"image": 1' + "0" * 30 + ', "sharp": true}'),
    "a folder": lambda file: file.mkdir(),
}


class Knowing(JournalJudge):
    """Knows every image."""

    def __init__(self) -> None:
        pass

    def knows(self, image: int) -> bool:
        return True


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_label_is_put_aside_once(
    tmp_path: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    waiting = inbox.Inbox(tmp_path, Knowing())
    damage(tmp_path / "inbox" / "0.json")
    inbox.put(tmp_path, inbox.GivenLabel(image=7, sharp=True, who="Ann"))
    assert inbox.images_waiting(tmp_path) == {7}
    assert not caplog.records, "a reader beside the station leaves it alone"
    ((file, label),) = waiting.labels().items()
    assert (label.image, label.sharp, label.fine, label.who) == (7, True, False, "Ann")
    assert "0.json" in caplog.text
    assert not list((tmp_path / "inbox").glob("0.json"))
    caplog.clear()
    assert waiting.labels() == {file: label}
    assert not caplog.records
    waiting.done(file)
    assert not waiting.labels()


def test_what_teaches_is_told_to_the_judge_and_nothing_else() -> None:
    said = {
        "sharp": inbox.GivenLabel(image=1, sharp=True),
        "not sharp": inbox.GivenLabel(image=1, sharp=False),
        "taken back": inbox.GivenLabel(image=1, sharp=None, task=False),
        "of an older version": inbox.GivenLabel(image=1, sharp=None),
        "again": inbox.GivenLabel(image=1, sharp=None, again=True, note="dirt", task=True),
        "fine": inbox.GivenLabel(image=1, sharp=None, fine=True),
        "no longer again": inbox.GivenLabel(image=1, sharp=None, task=True),
    }
    assert [name for name, label in said.items() if label.teaches] == [*said][:4]


def test_a_label_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Version 0 of the file had no `fine` and no `who`; what a newer one adds is left aside."""
    waiting = inbox.Inbox(tmp_path, Knowing())
    for number, text in enumerate(('{"image": 3, "sharp": null}', '{"image": 4, "sharp": false, "why": "tear"}')):
        (tmp_path / "inbox" / f"{number}.json").write_text(text)
    assert [(label.image, label.sharp, label.fine, label.who) for label in waiting.labels().values()] == [
        (3, None, False, None),
        (4, False, False, None),
    ]
