"""A file system with the files by which Linux tells a process what it may use."""

from __future__ import annotations

from pathlib import Path


def fake_root(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    """`root`, with that text in /proc/self/cgroup and with the files by path below it."""
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
