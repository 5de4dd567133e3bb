"""Which file system a path lies on, and whether it is another machine's.

Two decisions rest on it: change notices do not tell what other machines do to a share, so it is polled; and SQLite's
locks cannot be trusted there, so state is refused. Read from /proc/self/mountinfo, which asks no server and so cannot
hang on one that is gone.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")

# fmt: off
NETWORK = frozenset({
    "9p", "acfs", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "fhgfs", "gfs2", "glusterfs",
    "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb2", "smb3",
    "smbfs", "vboxsf", "virtiofs", "vmhgfs", "wekafs",
})
# fmt: on
LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.exfat", "fuse.bindfs", "fuseblk"})


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the mount table."""

    point: str
    fstype: str
    source: str

    @property
    def network(self) -> bool:
        """Whether others may change it without this kernel noticing. An unknown FUSE file system counts as such."""
        if self.fstype.startswith("fuse"):
            return self.fstype not in LOCAL_FUSE
        return self.fstype in NETWORK

    def __str__(self) -> str:
        return f"{self.fstype} {self.source} on {self.point}"


def mounts(table: Path = MOUNTINFO) -> list[Mount]:
    """The mount table, oldest first. Empty where there is none (not Linux)."""
    try:
        lines = os.fsdecode(table.read_bytes()).splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        # 36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue
        left, dash, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if dash and len(fields) >= 6 and len(kind) >= 2:
            found.append(Mount(_plain(fields[4]), kind[0], _plain(kind[1])))
    return found


def of(path: str | os.PathLike[str], *, table: Path = MOUNTINFO) -> Mount | None:
    """The mount that a path lies on, whether the path exists or not; None where the system does not tell."""
    real = os.path.realpath(path)
    best: Mount | None = None
    for mount in mounts(table):
        # Of two on the same point the later one covers the earlier.
        if _inside(real, mount.point) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def below(path: str | os.PathLike[str], *, table: Path = MOUNTINFO) -> list[Mount]:
    """What is mounted somewhere inside a folder."""
    real = os.path.realpath(path)
    return [mount for mount in mounts(table) if mount.point != real and _inside(mount.point, real)]


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _plain(text: str) -> str:
    r"""Space, tab, newline and backslash are written as octal there: `\040`."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), os.fsencode(text)))
