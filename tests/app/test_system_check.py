"""A missing system package is named in plain words."""

from __future__ import annotations

import pytest

from app import main
from app.start import system_check


def absent(*names: str):  # type: ignore[no-untyped-def]
    def load(library: str) -> object:
        if library in names:
            raise OSError(library)
        return object()

    return load


def test_it_names_the_package_of_each_library_that_cannot_be_loaded() -> None:
    assert system_check.missing_packages(window=False, load=absent("libEGL.so.1")) == ["libegl1"]
    assert system_check.missing_packages(window=True, load=absent("libxcb-cursor.so.0")) == ["libxcb-cursor0"]


def test_what_only_a_window_needs_is_not_asked_for_offscreen() -> None:
    assert system_check.missing_packages(window=False, load=absent(*system_check.WINDOW_LIBRARIES)) == []


def test_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(system_check, "missing_packages", lambda window: ["libegl1"])
    monkeypatch.setattr(system_check.sys, "platform", "linux")
    monkeypatch.setattr(system_check.sys, "argv", ["system_check"])
    assert system_check.main() == 1
    assert "apt-get install libegl1" in capsys.readouterr().err


def test_a_command_that_cannot_load_qt_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> int:
        raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(main, "_obey", fail)
    for missing, says in ((["libegl1"], "apt-get install libegl1"), ([], "cannot be loaded: libEGL.so.1")):
        monkeypatch.setattr(system_check, "missing_packages", lambda window, missing=missing: missing)
        assert main.main(["screenshot"]) == 1
        said = capsys.readouterr().err
        assert said.startswith("decodescope: ")
        assert said.count("\n") == 1
        assert says in said
