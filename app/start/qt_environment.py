"""Checks the environment variables for Qt's scaling and platform, and removes invalid ones.

Qt does not check these variables: an impossible scale ends the program inside Qt, where Python cannot catch the error.
So invalid values are removed before the QApplication is made, and a sentence tells the user.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import QLibraryInfo

from engine.errors import InputError
from engine.plain_text import quoted

SCALES: Final = (0.2, 8.0)
"""Lowest and highest scale of a window: at 8, a window of 1600 × 1000 is a picture of 400 MB."""
DPI: Final = (24.0, 768.0)
SWITCHES: Final = ("QT_AUTO_SCREEN_SCALE_FACTOR", "QT_ENABLE_HIGHDPI_SCALING", "QT_USE_PHYSICAL_DPI")
ELSEWHERE: Final = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_PLUGIN_PATH")
"""If one of these is set, platforms may come from other folders than Qt's own."""
PLUGIN: Final = re.compile(r"(?:lib)?q([a-z]+)[a-z0-9-]*\.(?:so|dll|dylib)")
ROUNDING: Final = ("round", "ceil", "floor", "roundpreferfloor", "passthrough")


def drop_what_cannot_be(environment: MutableMapping[str, str]) -> list[str]:
    """Remove the variables that Qt cannot use; returns a sentence for each."""
    said = []
    for name, wanted in (
        ("QT_SCALE_FACTOR", f"a number from {SCALES[0]:g} to {SCALES[1]:g}"),
        ("QT_SCREEN_SCALE_FACTORS", "factors such as 1.5;1 or HDMI-1=1.5"),
        ("QT_FONT_DPI", f"a whole number from {DPI[0]:g} to {DPI[1]:g}"),
        ("QT_SCALE_FACTOR_ROUNDING_POLICY", "one of Qt's policies"),
        *((name, "0 or 1") for name in SWITCHES),
    ):
        value = environment.get(name)
        if value is not None and not _can_be(name, value):
            del environment[name]
            if value:
                said.append(f"{name} is not {wanted} and was passed over.")
    return said


def take_environment(environment: MutableMapping[str, str]) -> None:
    """Remove variables that Qt cannot use, with a note on standard error.

    Raises InputError for a platform that this Qt does not have: Qt would end the program.
    """
    check_platform(environment, platform_plugins())
    for sentence in drop_what_cannot_be(environment):
        print(f"decodescope: {sentence}", file=sys.stderr)


def check_platform(environment: Mapping[str, str], plugins: list[str]) -> None:
    """Raise InputError where none of the platforms that QT_QPA_PLATFORM names is among Qt's own `plugins`."""
    asked = environment.get("QT_QPA_PLATFORM", "")
    if not asked or not plugins or any(environment.get(name) for name in ELSEWHERE):
        return
    names = [one.partition(":")[0].strip() for one in asked.split(";")]
    if not any(plugin.startswith(name.partition("-")[0].lower()) for name in names if name for plugin in plugins):
        raise InputError(
            f"QT_QPA_PLATFORM is {quoted(asked)}, which this Qt does not have; it has {', '.join(plugins)}."
        )


def platform_plugins() -> list[str]:
    """The platforms that come with Qt, by the names of their files; empty where they are not found."""
    folder = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)) / "platforms"
    names = (PLUGIN.fullmatch(file.name) for file in folder.glob("*"))
    return sorted({match[1] for match in names if match})


def _can_be(name: str, value: str) -> bool:
    if name == "QT_SCALE_FACTOR":
        return _is_between(value, *SCALES)
    if name == "QT_SCREEN_SCALE_FACTORS":
        factors = [one.rpartition("=")[2] for one in value.split(";")]
        return all(_is_between(one, *SCALES) for one in factors)
    if name == "QT_FONT_DPI":
        return re.fullmatch(r"\s*[0-9]+\s*", value, re.ASCII) is not None and _is_between(value, *DPI)
    if name == "QT_SCALE_FACTOR_ROUNDING_POLICY":
        return value.lower() in ROUNDING
    return re.fullmatch(r"[01]", value) is not None


def _is_between(text: str, least: float, most: float) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and least <= number <= most
