"""What the system allows this process: the folders of its control groups, of version 1 and 2, up to the root."""

from collections.abc import Iterator
from pathlib import Path


def folders(controller: str, root: Path) -> Iterator[Path]:
    """Each group from the process's own upwards that limits this: `cpu`, `memory`. `root`: where /proc and /sys are."""
    for line in lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounts = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif controller in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / name for name in (controllers, controller)]
        else:
            continue
        for mount in mounts:
            # Inside a container the path may be the host's; the mount itself is then the container's group.
            group = mount / path.strip("/")
            for folder in (group, *group.parents):
                yield folder
                if folder == mount:
                    break


def lines(path: Path) -> list[str]:
    """The lines of a file of the system that say something; none where it is not there, or not for us."""
    try:
        return [line.strip() for line in path.read_text().splitlines() if line.strip()]
    except OSError:  # not Linux, not this cgroup version, or not ours to read
        return []
