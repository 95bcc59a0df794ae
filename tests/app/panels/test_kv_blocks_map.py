"""The block map: each block where it belongs, in its request's colour, as full as it is; and what fits on a device."""

from __future__ import annotations

import json
from typing import cast

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.look import theme
from app.panels.kv_blocks_map import block_pixels
from app.panels.kv_memory import KvMemoryPanel
from engine.figures.kv_blocks import EVICTABLE, FREE, BlockState
from engine.figures.metrics import kv_fragmentation
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.helpers import click, colour_at, show
from tests.app.panels.sessions import decode_run
from tests.engine.figures.test_kv_blocks import PooledRun, long_session


def block_page(qtbot: QtBot, session: Session, width: int = 1000, height: int = 420) -> KvMemoryPanel:
    panel = cast(KvMemoryPanel, show(qtbot, KvMemoryPanel, session, width, height))
    panel.show_page("blocks")
    QApplication.processEvents()
    panel.refresh()
    return panel


def known_run() -> PooledRun:
    """Block 0 and 1 are shared; 2 holds two of four positions of request 0, 3 one of request 1; six are free."""
    run = PooledRun(limit=10)
    run.admit(0, list(range(9)))
    run.step()
    run.admit(1, [*range(8), 500])
    run.step()
    return run


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_blocks_have_their_requests_colour_up_to_their_fill(qtbot: QtBot, scheme: theme.Scheme) -> None:
    theme.apply(scheme)
    panel = block_page(qtbot, known_run().session)
    blocks, colours = panel.blocks.map, theme.theme()
    assert blocks.side >= 8

    def colour(block: int, height: float) -> str:
        box = blocks.cell_box(block)
        return colour_at(blocks, box.center().x(), box.bottom() - 1 - height * (box.height() - 1))

    assert colour(2, 0.25) == colours.request(0)
    assert colour(2, 0.8) not in (colours.request(0), colours.panel)
    assert colour(3, 0.1) == colours.request(1)
    assert colour(3, 0.5) not in (colours.request(1), colours.panel)
    assert colour(6, 0.5) == colours.panel
    box = blocks.cell_box(0)
    stripes = {colour_at(blocks, box.left() + x, box.center().y()) for x in range(1, 9)}
    assert colours.text in stripes
    assert len(stripes) > 1


def test_it_says_what_the_blocks_are(qtbot: QtBot) -> None:
    panel = block_page(qtbot, known_run().session)
    assert panel.blocks.map.sentence.replace("\u2009", " ") == (
        "after step 1: 10 blocks of 4 positions ● · 4 held, 2 of them shared · 0 evictable · 6 free "
        "· held blocks 68.8 % full ƒ"
    )
    assert [label for label, _, _ in panel.blocks.map.legend()] == [
        "shared: 2", "evictable: 0", "free: 6", "request 0: 1", "request 1: 1",
    ]  # fmt: skip
    assert panel.blocks.block_text(1) == "block 1: shared by requests 0, 1\npositions 4–7, 4 of 4 written ƒ"
    assert panel.blocks.block_text(2) == "block 2: request 0\npositions 8–9, 2 of 4 written ƒ"
    assert panel.blocks.block_text(7) == "block 7: free ƒ"
    names, rows = panel.rows()
    assert names == ["step", "block", "state", "request", "first_position", "end_position"]
    assert rows[2] == (1, 2, "held", 0, 8, 10)
    assert rows[0] == (1, 0, "shared", None, 0, 4)
    assert rows[9] == (1, 9, "free", None, None, None)


def test_the_selected_step_and_what_is_left_behind(qtbot: QtBot) -> None:
    run = known_run()
    run.step(finish=1)
    panel = block_page(qtbot, run.session)
    state = panel.blocks.map.state
    assert state is not None
    assert state.kind.tolist()[3] == FREE  # three positions of four: nothing to keep
    run.step(finish=0)
    panel.refresh()
    state = panel.blocks.map.state
    assert state is not None
    assert state.kind.tolist()[:3] == [EVICTABLE] * 3
    assert panel.blocks.block_text(0).startswith("block 0: evictable, kept in case its text comes again")
    panel.context.selection.change(step=0)
    assert panel.blocks.map.state is not None
    assert panel.blocks.map.state.step == 0
    assert panel.blocks.map.state.counts() == (7, 0, 3, 0)


def test_mouse_and_keys(qtbot: QtBot) -> None:
    panel = block_page(qtbot, known_run().session)
    blocks = panel.blocks.map
    box = blocks.cell_box(3)
    click(blocks, box.center().x(), box.center().y())
    assert panel.context.selection.now.request == 1
    assert blocks.highlighted == 1
    qtbot.keyClick(blocks, Qt.Key.Key_Left)
    assert blocks.pointed == 2
    assert blocks.accessibleDescription().startswith("block 2: request 0")
    qtbot.keyClick(blocks, Qt.Key.Key_Return)
    assert panel.context.selection.now.request == 0
    qtbot.keyClick(blocks, Qt.Key.Key_End)
    assert blocks.pointed == 9


def test_every_block_of_a_large_pool_has_a_pixel_and_more_are_pooled(qtbot: QtBot) -> None:
    session = long_session(3000, 100_000)
    panel = block_page(qtbot, session, 1200, 700)
    assert panel.blocks.map.together == 1
    box = panel.blocks.map.cell_box(99_999)
    assert panel.blocks.map.map_box().bottom() >= box.bottom() - 1
    panel.resize(260, 300)
    QApplication.processEvents()
    assert panel.blocks.map.together > 1
    assert f"a cell is the busiest of {panel.blocks.map.together} blocks" in panel.blocks.map.text()


def test_fragmentation_is_one_less_used_over_reserved(qtbot: QtBot) -> None:
    run = known_run()
    panel = block_page(qtbot, run.session)
    values = kv_fragmentation(run.session)
    assert values.tolist() == [1 - 9 / 40, 1 - 11 / 40]
    assert panel.blocks.chart.lines[0].y.tolist() == values.tolist()
    assert "72.5" in panel.blocks.step_text(1.5)


def test_without_blocks_it_says_what_to_do(qtbot: QtBot) -> None:
    panel = block_page(qtbot, decode_run(8, "contiguous").session)
    assert panel.blocks.map.state is None
    assert "kv is contiguous" in panel.blocks.map.sentence
    assert "Choose kv = paged" in panel.blocks.map.sentence


def test_how_many_requests_fit_beside_the_weights(qtbot: QtBot) -> None:
    recorder = decode_run(20, "contiguous")
    facts = {**json.loads(recorder.session.meta["model_config"]), "weight_bytes": 2**29}
    recorder.session.apply(
        [schema.SessionStarted({"model_config": json.dumps(facts), "device_memory_bytes": str(80 * 2**30)})]
    )
    panel = cast(KvMemoryPanel, show(qtbot, KvMemoryPanel, recorder.session, 1000, 420))
    calculator = panel.calculator
    assert calculator.requests_fit == 67  # (80 − 12.55) GiB / 1.00 GiB
    assert calculator.fit.text() == "67 such requests fit ~"
    calculator.preset.setCurrentIndex(calculator.preset.findData("current"))
    assert calculator.weights.value() == 0.5
    assert calculator.requests_fit == (80 * 2**30 - 2**29) // (2 * 20 * 128)
    calculator.device.setValue(0)
    assert calculator.requests_fit is None
    assert calculator.fit.text() == "— such requests fit ~"


def test_evictable_blocks_too_small_for_an_outline_have_no_requests_colour() -> None:
    colours = theme.theme()
    count = 64
    state = BlockState(
        0, 4, np.full(count, EVICTABLE, np.uint8), np.full(count, -1), np.zeros(count, np.int64), np.full(count, 4)
    )
    pixels = block_pixels(state, 8, 8, 1, 1, colours)
    assert len(set(pixels.ravel().tolist())) == 2
    assert (pixels[0, :-1] != pixels[0, 1:]).all()
    assert (pixels[:-1, 0] != pixels[1:, 0]).all()


def test_a_docked_panel_shows_fragmentation_too(qtbot: QtBot) -> None:
    """A quarter of a screen of 1280 × 800."""
    panel = block_page(qtbot, known_run().session, 460, 300)
    assert panel.blocks.chart.isVisible()
