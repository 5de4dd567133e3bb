"""The mount table: what a path lies on, and whether it is another machine's."""

from __future__ import annotations

from pathlib import Path

import pytest

from mhfd_client import mounts
from mhfd_client.arrival.root import is_shared
from mhfd_client.mounts import Mount

TABLE = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
40 22 0:50 / /mnt/sem ro,relatime shared:9 master:2 - cifs //SEMPC/atlas rw,vers=3.0,user=x
41 22 0:51 / /mnt/my\040disk rw - ext4 /dev/sdb1 rw
42 22 0:52 / /data rw - ext4 /dev/sdc1 rw
43 42 0:53 / /data/far rw - nfs4 server:/export rw
44 22 0:54 / /mnt/ssh rw - fuse.sshfs me@there:/x rw
45 22 0:55 / /mnt/usb rw - fuseblk /dev/sdd1 rw
46 22 0:56 / /twice rw - ext4 /dev/a rw
47 46 0:57 / /twice rw - tmpfs none rw

broken line
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("path", "point", "network"),
    [
        ("/home/me", "/", False),
        ("/mnt/sem/wafer7", "/mnt/sem", True),
        ("/mnt/semolina", "/", False),
        ("/mnt/my disk/x", "/mnt/my disk", False),
        ("/data", "/data", False),
        ("/data/far/x", "/data/far", True),
        ("/mnt/ssh", "/mnt/ssh", True),
        ("/mnt/usb", "/mnt/usb", False),
    ],
)
def test_of(table: Path, path: str, point: str, network: bool) -> None:
    mount = mounts.of(path, table=table)
    assert mount is not None
    assert (mount.point, mount.network) == (point, network)


def test_the_last_one_covers(table: Path) -> None:
    assert mounts.of("/twice/x", table=table) == Mount("/twice", "tmpfs", "none")


def test_words(table: Path) -> None:
    mount = mounts.of("/mnt/sem", table=table)
    assert mount is not None
    assert str(mount) == "cifs //SEMPC/atlas on /mnt/sem"


def test_below(table: Path) -> None:
    assert [mount.point for mount in mounts.below("/data", table=table)] == ["/data/far"]
    assert mounts.below("/data/far", table=table) == []
    assert len(mounts.below("/", table=table)) == 9


def test_a_share_inside_a_local_folder_is_one(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No notice comes of what others write there."""
    monkeypatch.setattr(mounts, "of", lambda root, of=mounts.of: of(root, table=table))
    monkeypatch.setattr(mounts, "below", lambda root, below=mounts.below: below(root, table=table))
    assert is_shared("/data")
    assert is_shared("/mnt/sem/wafer7")
    assert not is_shared("/home/me")


def test_where_there_is_no_table(tmp_path: Path) -> None:
    assert mounts.of("/", table=tmp_path / "none") is None
    assert mounts.below("/", table=tmp_path / "none") == []


def test_this_machine_has_one(tmp_path: Path) -> None:
    assert mounts.of("/proc/self") is not None
    assert not is_shared(str(tmp_path))
