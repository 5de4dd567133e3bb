"""A state folder is as it was written: whatever byte is changed is found, and what can be proven is mended."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rigs.estimates import CAUSE, RADIUS, made
from tests.rigs.runs import Run

from mhfd_client.alerts.episodes import Episode
from mhfd_client.alerts.message import Rule
from mhfd_client.alerts.store import SUMMED, AlertStore, Delivery
from mhfd_client.cli import main
from mhfd_client.errors import StateLocked, StateMissing
from mhfd_client.journal import schema, sums
from mhfd_client.journal.folder import Lock
from mhfd_client.journal.sqlite import opened
from mhfd_client.journal.view import JournalView
from mhfd_client.results.sidecars import Recorder, sidecar_of
from mhfd_client.settings.load import load
from mhfd_client.soundness.examine import Soundness, examine, repair
from mhfd_client.soundness.flaw import Kind
from mhfd_client.station.rejudge import record_all

LOADED = load(env={})


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of which everything was kept, with its station stopped."""
    folder = tmp_path_factory.mktemp("run")
    run = Run(folder)
    said = made(RADIUS, 1.0, 2.0, radius_px=2.1, sd=0.5), made(CAUSE, refusal="it is not sure")
    for section in range(8):
        run.image(section, density=100.0 if section == 5 else 700.0, recorded=False, estimates=said)
    run.image(8, path="b\udcff'd/tile.tif", recorded=False)
    run.journal.labelled(3, sharp=True, who="Ada")
    run.journal.labelled(4, sharp=None, again=True, note="dirt")
    run.journal.note("question", "null")
    run.journal.trouble("io_error", "x.tif", "the disk fails")
    run.journal.beat("stopped", in_flight=0, capacity=1)
    record_all(run.journal, Recorder(run.state, run.journal, LOADED))
    run.close()
    with closing(AlertStore(run.state)) as store:
        episodes = [
            Episode(n, Rule.DRIFT, 1.5, "It drifts.", False, {"n": n}, ("a.tif",), closed=n or None) for n in (1, 2)
        ]
        store.save(episodes, [Delivery("a webhook", sent=3, sent_at=4.25)], {})
    assert not (run.state / "journal.db-wal").exists()
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "run", symlinks=True))


def look(folder: Path) -> Soundness:
    return examine(str(folder / "wafer7"), folder / "state", LOADED)


def mend(folder: Path) -> Soundness:
    root = folder / "wafer7"
    return repair(str(root), folder / "state", LOADED)


def test_what_was_written_is_sound(folder: Path) -> None:
    found = look(folder)
    assert [str(flaw) for flaw in found.flaws] == []
    assert found.images == 9
    assert not found.running


@pytest.mark.parametrize("tables", [sums.JOURNAL, SUMMED], ids=["journal", "alerts"])
def test_every_column_is_summed(folder: Path, tables: tuple[sums.Summed, ...]) -> None:
    name = "journal.db" if tables is sums.JOURNAL else "alerts.db"
    with closing(opened(folder / "state" / name, read_only=True)) as db:
        there = {
            table: {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        }
    assert there.pop(sums.TABLE)
    assert {one.table: set(one.columns) for one in tables} == there


# -- any byte

DATABASES = ("journal.db", "alerts.db")


def content(file: Path) -> object:
    """All that a database says: every value, as SQL's literal, and what it is."""
    with closing(opened(file, read_only=True)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        told: list[object] = [
            db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").fetchall()
        ]
        told += [db.execute(f"PRAGMA {of}").fetchone() for of in ("user_version", "application_id")]
        for table in tables:
            columns = ", ".join(f"quote({row[1]})" for row in db.execute(f"PRAGMA table_info({table})"))
            told.append(sorted(db.execute(f"SELECT {columns} FROM {table}")))  # noqa: S608 - our own names
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return told


def flipped(file: Path, at: int, by: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= by
    file.write_bytes(data)


def sweep(folder: Path, file: Path, offsets: list[tuple[int, int]]) -> tuple[int, int]:
    """Each byte in turn; how many were found, and how many are proven to be harmless: nothing that is read differs."""
    whole, found = file.read_bytes(), 0
    before = content(file) if file.suffix == ".db" else None
    for at, by in offsets:
        flipped(file, at, by)
        if look(folder).flaws:
            found += 1
        else:
            assert file.suffix == ".db", f"byte {at} of {file} by {by:#x} is not found"
            assert content(file) == before, f"byte {at} of {file} by {by:#x} is not found"
        for left in file.parent.glob(f"{file.name}-*"):
            left.unlink()
        file.write_bytes(whole)
    return found, len(offsets) - found


def some(file: Path, count: int, seed: int) -> list[tuple[int, int]]:
    rng, size = random.Random(seed), file.stat().st_size  # noqa: S311 - no secret
    return [(rng.randrange(size), 1 << rng.randrange(8)) for _ in range(count)]


@pytest.mark.parametrize("name", DATABASES)
def test_a_changed_byte_of_a_database_is_found_or_says_nothing(folder: Path, name: str) -> None:
    file = folder / "state" / name
    found, _ = sweep(folder, file, [*some(file, 12, seed=1), *((at, 0x40) for at in (0, 18, 21, 44, 56, 63, 71, 80))])
    assert found >= 8 + (4 if name == "journal.db" else 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", DATABASES)
def test_many_bytes(folder: Path, name: str, seed: int) -> None:
    file = folder / "state" / name
    found, harmless = sweep(folder, file, some(file, 250, seed=100 + seed))
    assert found + harmless == 250
    assert found > 20


def test_a_changed_byte_of_a_sidecar_is_found_wherever_it_is(folder: Path) -> None:
    file = sidecar_of(folder / "state", "S_003/tile_r1-c1.tif")
    assert sweep(folder, file, some(file, 20, seed=2)) == (20, 0)


# -- mending


def spoilt(file: Path, before: bytes, after: bytes) -> None:
    data = file.read_bytes()
    assert before in data
    file.write_bytes(data.replace(before, after, 1))


def with_sql(file: Path, *statements: str) -> None:
    """What a disk does: no rule of the schema is asked."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA ignore_check_constraints = ON")
        for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            rule = db.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
            db.execute(f"DROP TRIGGER {name}")
            statements = (*statements, rule)
        for sql in statements:
            db.execute(sql)


MENDED = {
    "report, by its sidecar": "UPDATE report SET json = '{}' WHERE image = 4",
    "report's list columns": "UPDATE report SET dof = 7, density = NULL WHERE image = 4",
    "a letter of a report": "UPDATE report SET json = replace(json, 'robust', 'rocust') WHERE image = 4",
    "verdict, by its sidecar": "UPDATE verdict SET sentence = 'Lies.', outcome = 'in_focus' WHERE image = 6",
    "a letter of a verdict": "UPDATE verdict SET outcome = 'in_focvs' WHERE image = 4",
    "a bit of a number": "UPDATE image SET size = size + 64 WHERE id = 2",
    "a bit of a section": "UPDATE image SET section = section + 1024 WHERE id = 2",
    "a letter of a path": "UPDATE image SET path = replace(path, 'S_', 'R_') WHERE id = 2",
    "a letter of a label": "UPDATE label SET note = 'dist' WHERE image = 4",
    "a letter of the root": "UPDATE station SET root = replace(root, 'wafer7', 'wafer5')",
    "a note": "UPDATE note SET json = '{' ",
    "a heartbeat": "UPDATE heartbeat SET doing = 'nothing at all'",
    "a sum": "UPDATE content_sum SET sum = CAST(X'00' || substr(sum, 2) AS BLOB) WHERE of = 'image' AND key = 3",
    "the name of a sum": "UPDATE content_sum SET key = 300 WHERE of = 'image' AND key = 3",
    "the number of the form": "PRAGMA user_version = 4",
    "whose it is": "PRAGMA application_id = 17",
}


@pytest.mark.parametrize("sql", MENDED.values(), ids=MENDED)
def test_what_can_be_proven_is_mended(folder: Path, sql: str) -> None:
    file = folder / "state" / "journal.db"
    before = content(file)
    with_sql(file, sql)
    assert look(folder).flaws
    found = mend(folder)
    assert [str(flaw) for flaw in found.flaws] == []
    assert found.mended
    if "note" not in sql and "heartbeat" not in sql:
        assert content(file) == before
    with JournalView.read(folder / "state") as view:
        assert sum(view.counts().values()) == 9


def test_what_cannot_be_mended_is_named_with_what_to_do(folder: Path) -> None:
    sidecar_of(folder / "state", "S_003/tile_r1-c1.tif").unlink()
    with_sql(folder / "state" / "journal.db", "UPDATE report SET json = '{\"lost\": 1}' WHERE image = 4")
    found = mend(folder)
    assert {flaw.kind for flaw in found.flaws} >= {Kind.ROW}
    (row,) = (flaw for flaw in found.flaws if flaw.kind is Kind.ROW)
    assert row.name.endswith("journal.db, report 4 (S_003/tile_r1-c1.tif)")
    assert "mhfd rescore" in row.do


def test_an_index_is_made_anew(folder: Path) -> None:
    file = folder / "state" / "journal.db"
    with_sql(
        file,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = 'CREATE INDEX image_place ON image (state, size)' WHERE name = 'image_place'",
    )
    assert look(folder).flaws
    assert not mend(folder).flaws


def test_a_page_is_damaged_of_which_every_row_is_known(folder: Path) -> None:
    """In the space that no row uses: the pages are made anew, and each row is proven by its sum."""
    file = folder / "state" / "journal.db"
    before = content(file)
    for at in range(4096, file.stat().st_size, 4096):
        data = file.read_bytes()
        if data[at] == 13:  # a leaf of rows
            flipped(file, at + 7, 0xFF)  # how many bytes of it are fragments
            break
    assert look(folder).flaws
    assert not mend(folder).flaws
    assert content(file) == before


def _denied(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "inside").write_text("")


SIDECARS: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:100]),
    "empty": lambda file: file.write_bytes(b""),
    "deep": lambda file: file.write_bytes(b"[" * 100_000),
    "a list": lambda file: file.write_bytes(b"[]"),
    "no text": lambda file: file.write_bytes(os.urandom(64)),
    "another's": lambda file: shutil.copy(file.parent.parent / "S_001" / file.name, file),
    "a folder": _denied,
}


@pytest.mark.parametrize("spoil", SIDECARS.values(), ids=SIDECARS)
def test_a_sidecar_is_written_again(folder: Path, spoil: Callable[[Path], object]) -> None:
    file = sidecar_of(folder / "state", "S_003/tile_r1-c1.tif")
    before = file.read_bytes()
    spoil(file)
    (flaw,) = look(folder).flaws
    assert flaw.kind is Kind.SIDECAR
    assert not mend(folder).flaws
    told = json.loads(file.read_bytes())
    assert (told["report"], told["history"]) == (json.loads(before)["report"], json.loads(before)["history"])


def test_a_sidecar_of_an_earlier_version_is_sound_without_a_sum(folder: Path) -> None:
    file = sidecar_of(folder / "state", "S_003/tile_r1-c1.tif")
    told = json.loads(file.read_bytes())
    del told["sum"]
    file.write_text(json.dumps(told, indent=1))
    assert not look(folder).flaws


def test_small_files(folder: Path) -> None:
    state = folder / "state"
    for name, data in {
        "thumbs/0000/3.jpg": b"no picture",
        "inbox/00000000000000000001-x.json": b"no label",
        "records/S_001/.x.part": b"half",
        "alerts.db": b"rubbish, and more than a hundred bytes of it" * 10,
    }.items():
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_bytes(data)
    kinds = {flaw.kind for flaw in look(folder).flaws}
    assert kinds == {Kind.PICTURE, Kind.LABEL, Kind.LEFTOVER, Kind.DATABASE}
    found = mend(folder)
    assert not found.flaws
    assert (state / "inbox" / "aside" / "00000000000000000001-x.json").read_bytes() == b"no label"
    assert (state / "aside" / "alerts.db").is_file()
    assert not (state / "records/S_001/.x.part").exists()


# -- around it


def test_a_running_station_is_looked_at_and_left_alone(folder: Path) -> None:
    with closing(Lock(folder / "state", root=str(folder / "wafer7"))):
        assert look(folder).running
        assert not look(folder).flaws
        with pytest.raises(StateLocked, match=r"is in use by process \d+"):
            mend(folder)


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(StateMissing, match="start `mhfd watch` first"):
        examine(str(tmp_path), tmp_path, LOADED)


def test_a_journal_of_an_older_version_is_brought_up_to_date_first(folder: Path) -> None:
    state = folder / "state"
    (state / "journal.db").unlink()
    db = sqlite3.connect(state / "journal.db", isolation_level=None)
    db.executescript(
        f"PRAGMA application_id = {schema.APPLICATION_ID}; {';'.join(schema.MIGRATIONS[:5])}; PRAGMA user_version = 5"
    )
    db.close()
    before = (state / "journal.db").read_bytes()
    with pytest.raises(StateMissing, match="older mhfd: start `mhfd watch` once"):
        mend(folder)
    assert (state / "journal.db").read_bytes() == before


def typed(folder: Path, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        main, ["check", str(folder / "wafer7"), "--state", str(folder / "state"), *more], catch_exceptions=False
    )
    return result.exit_code, result.output


def test_as_it_is_typed(folder: Path) -> None:
    assert typed(folder) == (0, f"{folder / 'state'}: 9 images; all of it is sound\n")
    spoilt(sidecar_of(folder / "state", "S_003/tile_r1-c1.tif"), b"robust", b"rocust")
    code, told = typed(folder)
    assert code == 1
    assert "tile_r1-c1.tif.mhfd.json: it is not what was written" in told
    assert "--repair` makes anew what can be" in told
    code, told = typed(folder, "--repair", "--json")
    assert code == 0
    document = json.loads(told)
    assert (document["schema_version"], document["sound"], len(document["mended"])) == (1, True, 1)
