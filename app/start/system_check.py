"""Names the missing system package before Qt fails with an obscure error. Imports only the standard library."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

OFFSCREEN_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
"""Shared libraries that Qt loads without a display: name to Debian package."""

WINDOW_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}
"""Further libraries that a window on X11 needs."""


def missing_packages(window: bool, load: Callable[[str], object] = ctypes.CDLL) -> list[str]:
    """Debian names of the packages whose libraries cannot be loaded here, for a window or for offscreen drawing."""
    wanted = OFFSCREEN_LIBRARIES | (WINDOW_LIBRARIES if window else {})
    missing = []
    for library, package in wanted.items():
        try:
            load(library)
        except OSError:
            missing.append(package)
    return missing


def sentence(missing: list[str]) -> str:
    """What to do about missing packages."""
    names = " ".join(missing)
    return (
        f"Qt needs system packages that are not installed: {names} (Debian and Ubuntu names; "
        f"for example: sudo apt-get install {names})."
    )


def main() -> int:
    """Print one sentence and return 1 if a package is missing; 0 otherwise, and wherever this is not Linux."""
    if not sys.platform.startswith("linux"):
        return 0
    missing = missing_packages(window="--window" in sys.argv[1:])
    if not missing:
        return 0
    print(sentence(missing), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
