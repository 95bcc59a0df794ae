"""What Qt cannot take from the environment is passed over or refused, in a sentence, before it can end the program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.start.qt_environment import check_platform, drop_what_cannot_be, platform_plugins
from engine.errors import InputError
from tests.engine.session.hostile import write_many

CANNOT_BE = {
    "QT_SCALE_FACTOR": ("nan", "inf", "-inf", "0", "-1", "1e9", "", "x", "1e-300"),
    "QT_SCREEN_SCALE_FACTORS": ("nan", "1;inf", "HDMI-1=nan", "HDMI-1=0", "", ";"),
    "QT_FONT_DPI": ("nan", "0", "-96", "999999999", "", "1e3"),
    "QT_AUTO_SCREEN_SCALE_FACTOR": ("nan", "2"),
    "QT_ENABLE_HIGHDPI_SCALING": ("nan",),
    "QT_SCALE_FACTOR_ROUNDING_POLICY": ("nan",),
}
CAN_BE = {
    "QT_SCALE_FACTOR": ("1", "1.5", "2", "0.75"),
    "QT_SCREEN_SCALE_FACTORS": ("1;2", "HDMI-1=1.5;DP-1=1"),
    "QT_FONT_DPI": ("96", "192"),
    "QT_AUTO_SCREEN_SCALE_FACTOR": ("0", "1"),
    "QT_SCALE_FACTOR_ROUNDING_POLICY": ("PassThrough", "Round"),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in CANNOT_BE.items() for value in values])
def test_what_cannot_be_is_dropped_and_said(name: str, value: str) -> None:
    environment = {name: value, "PATH": "/bin"}
    said = drop_what_cannot_be(environment)
    assert environment == {"PATH": "/bin"}
    assert len(said) == (1 if value else 0)  # an empty one asks for nothing
    assert all(sentence.startswith(f"{name} is not ") for sentence in said)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in CAN_BE.items() for value in values])
def test_what_can_be_is_kept(name: str, value: str) -> None:
    environment = {name: value}
    assert drop_what_cannot_be(environment) == []
    assert environment == {name: value}


def test_a_platform_that_qt_lacks_is_refused_and_its_own_are_not() -> None:
    plugins = platform_plugins()
    assert "offscreen" in plugins
    for asked in ("offscreen", "", "xcb;offscreen", "wayland-egl", "offscreen:size=100x100", "nosuch;offscreen"):
        check_platform({"QT_QPA_PLATFORM": asked}, plugins)
    with pytest.raises(
        InputError, match=r"QT_QPA_PLATFORM is 'nosuch', which this Qt does not have; it has .*offscreen"
    ):
        check_platform({"QT_QPA_PLATFORM": "nosuch"}, plugins)
    check_platform({"QT_QPA_PLATFORM": "mine", "QT_QPA_PLATFORM_PLUGIN_PATH": "/opt"}, plugins)


@pytest.mark.parametrize("value", ["nan", "1e9"])
def test_the_window_is_drawn_where_the_scale_is_no_number(value: str, tmp_path: Path) -> None:
    out = tmp_path / "window.png"
    session = write_many(tmp_path / "a.dscope", steps=4)
    done = subprocess.run(
        [sys.executable, "-m", "app.main", "screenshot", str(session), "-o", str(out), "--size", "900x600"],
        env={**os.environ, "QT_SCALE_FACTOR": value}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, str(out))
    assert done.stderr.strip() == "decodescope: QT_SCALE_FACTOR is not a number from 0.2 to 8 and was passed over."


def test_a_platform_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.main"], env={**os.environ, "QT_QPA_PLATFORM": "nosuch"},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("decodescope: QT_QPA_PLATFORM is 'nosuch', which this Qt does not have")
    assert done.stderr.count("\n") == 1
