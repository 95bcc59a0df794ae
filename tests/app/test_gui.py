"""Drawing a session without a display, as the command line does."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QImage
from PySide6.QtSvg import QSvgRenderer
from pytestqt.qtbot import QtBot

from app.panels.registry import PANELS
from app.window.gui import render
from engine.errors import InputError, SessionFileError
from engine.session.writer import SessionWriter
from tests.engine.importing.made import serving_trace
from tests.engine.lens import made
from tests.engine.session.synthetic import synthetic_events


@pytest.fixture
def session_file(tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "a.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(80, attention_rows=80):
            writer.append(batch)
    return path


def colours_of(image: QImage) -> int:
    """How many colours a picture has, on a grid of points."""
    return len({image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)})


def test_the_window_is_drawn_at_the_size_asked_for(session_file: Path, tmp_path: Path) -> None:
    render(str(session_file), str(tmp_path / "w.png"), None, (1280, 800), "png")
    image = QImage(str(tmp_path / "w.png"))
    assert (image.width(), image.height()) == (1280, 800)
    assert colours_of(image) > 20


def test_a_panel_that_needs_a_window_says_so(session_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The panel compare has nothing to show"):
        render(str(session_file), str(tmp_path / "p.png"), "compare", (800, 500), "png")


OF_OTHERS = ("compare", "kernels", "precision")
"""Panels of two sessions, of imported traces and of comparisons of precisions."""


@pytest.mark.parametrize("name", [entry.name for entry in PANELS if entry.name not in OF_OTHERS])
def test_each_panel_is_drawn(session_file: Path, tmp_path: Path, name: str) -> None:
    render(str(session_file), str(tmp_path / "p.png"), name, (800, 500), "png")
    image = QImage(str(tmp_path / "p.png"))
    assert (image.width(), image.height()) == (800, 500)
    assert colours_of(image) > 5


@pytest.mark.parametrize("panel", [None, "kernels", "timeline"])
def test_a_trace_is_drawn_from_its_own_file(tmp_path: Path, panel: str | None) -> None:
    path = serving_trace(4, layers=2).write(tmp_path / "t.pt.trace.json.gz")
    render(str(path), str(tmp_path / "p.png"), panel, (800, 500), "png")
    assert colours_of(QImage(str(tmp_path / "p.png"))) > 5
    assert sorted(one.name for one in tmp_path.iterdir()) == ["p.png", "t.pt.trace.json.gz"]


def test_an_svg_is_vectors_and_can_be_read(session_file: Path, tmp_path: Path) -> None:
    render(str(session_file), str(tmp_path / "p.svg"), "latency", (800, 500), "svg")
    picture = QSvgRenderer(str(tmp_path / "p.svg"))
    assert picture.isValid()
    assert (picture.viewBox().width(), picture.viewBox().height()) == (800, 500)
    assert "<text" in (tmp_path / "p.svg").read_text()


def test_wrong_input_is_one_sentence(session_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no panel 'nope'"):
        render(str(session_file), str(tmp_path / "a.png"), "nope", (800, 500), "png")
    with pytest.raises(InputError, match="does not exist"):
        render(str(session_file), str(tmp_path / "no" / "a.png"), None, (800, 500), "png")
    with pytest.raises(SessionFileError, match="There is no file"):
        render(str(tmp_path / "no.dscope"), str(tmp_path / "a.png"), None, (800, 500), "png")


def test_a_comparison_of_precisions_is_drawn_by_its_panel_alone(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "compared.dscope"
    with SessionWriter(path) as writer:
        writer.append([*made.started(), *made.positions(0, 100), *made.layers()])
    render(str(path), str(tmp_path / "p.png"), "precision", (800, 500), "png")
    assert colours_of(QImage(str(tmp_path / "p.png"))) > 5
    with pytest.raises(InputError, match="A comparison of two precisions tells of a text that is given"):
        render(str(path), str(tmp_path / "l.png"), "latency", (800, 500), "png")
