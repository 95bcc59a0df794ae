"""Where Linux keeps the limits of the control groups (cgroups) that this process is in: containers and services."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path("/")


def group_folders(controller: str, root: Path) -> list[Path]:
    """The folders of this process's groups that may limit `controller` ("cpu", "memory"), groups further up included.

    Both versions of cgroups are looked for. An empty list where the system has no control groups.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounts = [root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"]
        elif controller in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup" / controller]
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for mount in mounts:
            # In a container the mount may be the group itself, and the path does not exist below it: try each depth.
            folders += [mount.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
