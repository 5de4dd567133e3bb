"""The journal's tables, as a list of migrations: `PRAGMA user_version` counts how many have run.

SQL only; that of the sums of rows is made in `sums`. Never edit a migration that was released: append one. What must
hold is said here, where no code path can forget it: one report per revision and parameters, a verdict history that
only grows, one current verdict, each verdict recorded once.
"""

from typing import Final

from mhfd_client.journal import sums

APPLICATION_ID: Final = 0x6D686664  # 'mhfd': `file journal.db` tells whose it is

_FIRST: Final = """
-- Whose journal this is. One row.
CREATE TABLE station (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    root ANY NOT NULL,
    created_ns INTEGER NOT NULL
) STRICT;

-- A sign of life for other processes. One row, overwritten at most once a second.
CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at_ns INTEGER NOT NULL,
    started_ns INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    doing TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    capacity INTEGER NOT NULL
) STRICT;

-- Work handed to a runner. The row is there before the runner hears of it.
CREATE TABLE batch (
    token TEXT PRIMARY KEY,
    runner TEXT NOT NULL,
    params TEXT NOT NULL,
    at_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per revision of a file. `path` is text where the name is UTF-8, else its bytes.
-- Times are UTC nanoseconds; each is the first time the step was done (submitted, started: the last try).
CREATE TABLE image (
    id INTEGER PRIMARY KEY,
    path ANY NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 1),
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    section INTEGER,
    tile TEXT,
    state TEXT NOT NULL
        CHECK (state IN ('whole', 'submitted', 'scored', 'judged', 'recorded', 'replaced')),
    token TEXT REFERENCES batch (token),
    attempts INTEGER NOT NULL DEFAULT 0,
    faults INTEGER NOT NULL DEFAULT 0,
    why TEXT,
    report INTEGER REFERENCES report (id),
    verdict INTEGER REFERENCES verdict (id),
    arrived_ns INTEGER NOT NULL,
    whole_ns INTEGER NOT NULL,
    submitted_ns INTEGER,
    started_ns INTEGER,
    scored_ns INTEGER,
    judged_ns INTEGER,
    recorded_ns INTEGER,
    UNIQUE (path, revision),
    CHECK ((state = 'submitted') = (token IS NOT NULL)),
    CHECK ((state IN ('scored', 'judged', 'recorded')) <= (report IS NOT NULL)),
    CHECK ((state IN ('judged', 'recorded')) <= (verdict IS NOT NULL))
) STRICT;
CREATE INDEX image_state ON image (state, faults, id);
CREATE INDEX image_token ON image (token) WHERE token IS NOT NULL;
CREATE INDEX image_place ON image (tile, section);

-- What scoring said: once per revision and parameters. The columns beside `json` are what lists are made of.
CREATE TABLE report (
    id INTEGER PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES image (id),
    params_id TEXT NOT NULL,
    finding TEXT NOT NULL,
    dof INTEGER,
    density REAL,
    cross_spectrum REAL,
    tissue REAL,
    json TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    UNIQUE (image, params_id)
) STRICT;

-- What was said of it: a history that only grows. The current one is the one `image.verdict` names.
CREATE TABLE verdict (
    id INTEGER PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES image (id),
    report INTEGER NOT NULL REFERENCES report (id),
    outcome TEXT NOT NULL
        CHECK (outcome IN ('in_focus', 'out_of_focus', 'undetermined', 'incomplete')),
    provisional INTEGER NOT NULL CHECK (provisional IN (0, 1)),
    sentence TEXT NOT NULL,
    reason TEXT,
    detail TEXT NOT NULL,
    at_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX verdict_image ON verdict (image);
CREATE TRIGGER verdict_current AFTER INSERT ON verdict BEGIN
    UPDATE image SET verdict = NEW.id WHERE id = NEW.image;
END;
CREATE TRIGGER verdict_kept_insert BEFORE INSERT ON verdict
    WHEN EXISTS (SELECT 1 FROM verdict WHERE id = NEW.id) BEGIN
    SELECT RAISE(ABORT, 'verdicts are append-only');
END;
CREATE TRIGGER verdict_kept_update BEFORE UPDATE ON verdict BEGIN
    SELECT RAISE(ABORT, 'verdicts are append-only');
END;
CREATE TRIGGER verdict_kept_delete BEFORE DELETE ON verdict BEGIN
    SELECT RAISE(ABORT, 'verdicts are append-only');
END;

-- Each verdict is recorded (sidecar written) once.
CREATE TABLE record (
    verdict INTEGER PRIMARY KEY REFERENCES verdict (id),
    at_ns INTEGER NOT NULL
) STRICT;

-- What is or was wrong around the station: the folder, the runner, the disk. Open while `until_ns` is null.
CREATE TABLE trouble (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    path ANY,
    why TEXT NOT NULL,
    since_ns INTEGER NOT NULL,
    until_ns INTEGER
) STRICT;
CREATE UNIQUE INDEX trouble_open ON trouble (kind, ifnull(path, '')) WHERE until_ns IS NULL;
"""

_PEOPLE: Final = """
-- What people said of images, in the order they said it. `after`: the newest verdict at that moment, so that
-- everything can be judged again in the order in which it happened. `sharp` is null when a word was taken back.
CREATE TABLE word (
    id INTEGER PRIMARY KEY,
    image INTEGER NOT NULL REFERENCES image (id),
    sharp INTEGER CHECK (sharp IN (0, 1)),
    after INTEGER NOT NULL,
    at_ns INTEGER NOT NULL
) STRICT;
CREATE INDEX word_image ON word (image);

-- What the station has to say to people now, by name (`question`, `drifts`), as JSON; overwritten.
CREATE TABLE note (
    name TEXT PRIMARY KEY,
    json TEXT NOT NULL,
    at_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_WHO: Final = """
-- Who said it; `fine`: whatever the image shows, nothing has to be done about it.
ALTER TABLE word ADD COLUMN who TEXT;
ALTER TABLE word ADD COLUMN fine INTEGER NOT NULL DEFAULT 0 CHECK (fine IN (0, 1));
"""

_LEDGER: Final = """
-- Moments on the road of an image that only a runner far away knows: its bytes lay on the other side, its report was
-- back here. Null where the image took no such road.
ALTER TABLE image ADD COLUMN transferred_ns INTEGER;
ALTER TABLE image ADD COLUMN returned_ns INTEGER;
"""

_LABELS: Final = """
-- What a person says of an image is its label: what learning will read. Null in `sharp`: it was taken back.
ALTER TABLE word RENAME TO label;
DROP INDEX word_image;
CREATE INDEX label_image ON label (image);
"""

_TRUST: Final = """
-- Labels: a row is what stands of an image once it was said. `again`: it is to be taken again whatever its verdict,
-- which teaches nothing; `note`: why.
ALTER TABLE label ADD COLUMN again INTEGER NOT NULL DEFAULT 0 CHECK (again IN (0, 1));
ALTER TABLE label ADD COLUMN note TEXT;

-- When the file system last changed the file, and its number there (`ctime_ns:inode`): tells that it was written again
-- where size and mtime stand still. Null where that cannot be trusted, and for images of before.
ALTER TABLE image ADD COLUMN inode TEXT;
"""

# What each row was when it was written, so that `mhfd check` finds what a disk made of it. Stays at a migration's end.
_SUMS: Final = sums.migration(sums.FIRST_SUMMED, version=6)

_ESTIMATES: Final = """
-- What learned packages said of an image, beside its verdict: once each. `features`: what the package was shown, as
-- float32 in base64, in the order of its recipe; null where it was shown nothing. No foreign key names a package: it
-- may be gone.
CREATE TABLE estimate (
    image INTEGER NOT NULL REFERENCES image (id),
    package TEXT NOT NULL,
    json TEXT NOT NULL,
    features TEXT,
    at_ns INTEGER NOT NULL,
    PRIMARY KEY (image, package)
) STRICT, WITHOUT ROWID;
CREATE INDEX estimate_package ON estimate (package);
"""
_MORE_SUMS: Final = sums.migration((sums.ESTIMATES,), version=7)

_RETESTS: Final = """
-- How many images were judged, each once: counted by the database, so that no code path can forget one. One row.
CREATE TABLE judging (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    images INTEGER NOT NULL
) STRICT;
INSERT INTO judging SELECT 1, count(*) FROM image WHERE judged_ns IS NOT NULL;
CREATE TRIGGER image_judged AFTER UPDATE OF judged_ns ON image
    WHEN OLD.judged_ns IS NULL AND NEW.judged_ns IS NOT NULL BEGIN
    UPDATE judging SET images = images + 1 WHERE id = 1;
END;

-- Tests of who judges, each with the image that was judged last when it became due; numbered for each reason apart.
-- `answer` is JSON; null: it is still to be made. `well_ns`: of one on drift, when there was none any more.
CREATE TABLE retest (
    id INTEGER PRIMARY KEY,
    reason TEXT NOT NULL CHECK (reason IN ('count', 'drift')),
    number INTEGER NOT NULL CHECK (number >= 1),
    image INTEGER NOT NULL REFERENCES image (id),
    judged INTEGER NOT NULL,
    package TEXT,
    due_ns INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    why TEXT,
    answer TEXT,
    done_ns INTEGER,
    well_ns INTEGER,
    UNIQUE (reason, number),
    UNIQUE (reason, image),
    CHECK ((answer IS NULL) = (done_ns IS NULL))
) STRICT;
"""
_SUMS_OF_RETESTS: Final = sums.migration((sums.JUDGING, sums.RETESTS), version=8)

MIGRATIONS: Final[tuple[str, ...]] = (
    *(_FIRST, _PEOPLE, _WHO, _LEDGER, _LABELS, _TRUST + _SUMS),
    _ESTIMATES + _MORE_SUMS,
    _RETESTS + _SUMS_OF_RETESTS,
)
