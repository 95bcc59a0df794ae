"""Attention panel: the picture holds the recorded probabilities, and choosing asks the engine for others."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.core.selection import Selected
from app.look import theme
from app.models.attention_grid import CELLS
from app.models.attention_rows import AttentionRows
from app.models.head_maps import HeadMaps
from app.panels.attention import AttentionPanel
from app.panels.attention_words import nothing
from app.widgets.heatmap import CLIPPED, LOG_FLOOR, lookup_table, shade
from engine.core.settings import Probe
from engine.figures.json_figures import json_figures
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl, shown
from tests.app.panels.helpers import show
from tests.engine.session.synthetic import PROMPT, synthetic_events, synthetic_session


@pytest.fixture
def panel(qtbot: QtBot) -> AttentionPanel:
    made = shown(AttentionPanel, synthetic_session(20))
    assert isinstance(made, AttentionPanel)
    made.clamp.setCurrentIndex(0)  # colours to 1: what a test of shades expects
    qtbot.addWidget(made)
    return made


def control(panel: AttentionPanel) -> RecordingControl:
    assert isinstance(panel.context.control, RecordingControl)
    return panel.context.control


def recorded(session: Session, position: int) -> np.ndarray:
    rows = {row[1]: row[2] for row in session.details.attention_map(0, 0, 0)}
    return np.frombuffer(rows[position], np.float16).astype(np.float32)


def test_the_picture_holds_the_recorded_probabilities(panel: AttentionPanel) -> None:
    assert panel.session is not None
    assert panel.map.shades.shape == (23, 23)
    for position in (PROMPT - 1, 10, 22):
        expected = 1 + np.rint(254 * recorded(panel.session, position))
        np.testing.assert_array_equal(panel.map.shades[position, : position + 1], expected)
        assert (panel.map.shades[position, position + 1 :] == 0).all()
    assert (panel.map.shades[: PROMPT - 1] == 0).all()  # the prompt's first rows were not recorded
    np.testing.assert_array_equal(panel.map.image.image, panel.map.shades)


def test_the_logarithmic_scale(panel: AttentionPanel) -> None:
    panel.log_box.setChecked(True)
    probs = recorded(panel.session, 22)  # type: ignore[arg-type]
    scaled = 1 + np.log10(np.maximum(probs, LOG_FLOOR)) / 4
    np.testing.assert_array_equal(panel.map.shades[22], 1 + np.rint(254 * scaled))
    assert [label for _, label in panel.map.colour_bar.ticks()] == ["≤0.0001", "0.001", "0.01", "0.1", "1"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("log", [False, True])
def test_what_is_no_number_has_the_shade_of_what_is_not_recorded(log: bool) -> None:
    values = np.array([np.nan, 0.0, 1.0, -1.0], np.float32)
    assert shade(values, log).tolist() == [0, 1, 255, 0]


@pytest.mark.filterwarnings("error")
def test_a_row_that_is_not_finite_looks_at_no_token(qtbot: QtBot) -> None:
    session = synthetic_session(4)
    row = np.full(PROMPT + 4, np.nan, np.float16).tobytes()
    session.apply([schema.AttentionRow(3, 0, 0, 0, PROMPT + 3, row)])
    made = shown(AttentionPanel, session)
    assert isinstance(made, AttentionPanel)
    qtbot.addWidget(made)
    assert made.row_label.text().endswith("no token: the probabilities of this row are not finite")
    assert "nats" not in made.row_label.text()
    maps = HeadMaps(AttentionRows(session), 0, 0)
    maps.update()
    assert math.isnan(maps.entropy(0, PROMPT + 3) or 0.0)
    told = [one for one in json_figures(session, (3, 3))["detail"]["attention"] if one["position"] == PROMPT + 3]
    assert [(one["entropy_nats"], one["most_at"], one["most"], one["nine_tenths_on"]) for one in told] == [(None,) * 4]


def test_shades_tell_not_recorded_from_zero() -> None:
    values = np.array([-1, 0, 1e-4, 1e-2, 1], np.float32)
    assert shade(values, log=False).tolist() == [0, 1, 1, 4, 255]
    assert shade(values, log=True).tolist() == [0, 1, 1, 128, 255]
    table = lookup_table()
    assert table.shape == (256, 3)
    assert len({tuple(table[0]), tuple(table[1]), tuple(table[255])}) == 3


def test_it_grows_with_the_session_as_if_drawn_at_once(qtbot: QtBot) -> None:
    live = Session()
    panel = shown(AttentionPanel, live)
    qtbot.addWidget(panel)
    assert isinstance(panel, AttentionPanel)
    for batch in synthetic_events(60):
        for start in range(0, len(batch), 7):
            live.apply(batch[start : start + 7])
            panel.refresh()
    whole = shown(AttentionPanel, synthetic_session(60))
    qtbot.addWidget(whole)
    assert isinstance(whole, AttentionPanel)
    np.testing.assert_array_equal(panel.map.shades, whole.map.shades)
    assert panel.figures() == whole.figures()
    assert "60" in panel.figures()


def long_context(n: int) -> Session:
    """One recorded row of query n - 1, with three probabilities that are not zero."""
    session = Session()
    session.apply(next(synthetic_events(1)))
    probs = np.zeros(n, np.float16)
    probs[[5, 6, 700]] = 0.25, 0.5, 0.125
    session.apply([schema.AttentionRow(0, 0, 0, 0, n - 1, probs.tobytes())])
    return session


def test_a_long_context_is_pooled_and_says_so(qtbot: QtBot) -> None:
    n = CELLS + 300
    panel = shown(AttentionPanel, long_context(n), 1600, 1200)
    qtbot.addWidget(panel)
    assert isinstance(panel, AttentionPanel)
    panel.clamp.setCurrentIndex(0)
    panel.show()
    qtbot.waitExposed(panel)
    row = panel.map.shades[(n - 1) // 2]
    assert panel.map.shades.shape == (n // 2, n // 2)
    assert row[2] == 1 + round(254 * 0.25)
    assert row[3] == 1 + round(254 * 0.5)
    assert row[350] == 1 + round(254 * 0.125)
    assert "2 × 2" in panel.figures()
    assert "2 × 2" in panel.note.text()
    assert "50" in panel.describe(n - 1, 6)
    assert f"{n - 2}-{n - 1}" in panel.describe(n - 1, 6)


def test_no_cell_is_lost_where_cells_are_smaller_than_pixels(qtbot: QtBot) -> None:
    panel = shown(AttentionPanel, long_context(1000), 500, 260)
    qtbot.addWidget(panel)
    assert isinstance(panel, AttentionPanel)
    panel.clamp.setCurrentIndex(0)
    panel.show()
    qtbot.waitExposed(panel)
    k = panel.map.coarseness
    assert k >= 8
    assert f"{k} × {k}" in panel.note.text()
    picture = panel.map.image.image
    assert len(picture) == -(-1000 // k)
    assert picture[999 // k, 6 // k] == 1 + round(254 * 0.5)
    assert picture[999 // k, 700 // k] == 1 + round(254 * 0.125)
    panel.map.view.setRange(xRange=(0, 20), yRange=(980, 1000), padding=0)  # zooming in shows every position again
    assert panel.map.coarseness == 1
    assert len(panel.map.image.image) == 1000


def test_choosing_a_layer_and_a_head_asks_the_engine_and_selects(panel: AttentionPanel) -> None:
    panel.layer_picker.setValue(3)
    assert control(panel).probes == [Probe(3, 0)]
    panel.head_picker.setCurrentIndex(6)
    assert control(panel).probes[-1] == Probe(3, 5)
    assert (panel.context.selection.now.layer, panel.context.selection.now.head) == (3, 5)
    panel.head_picker.setCurrentIndex(0)
    assert control(panel).probes[-1] == Probe(3, None)
    assert panel.context.selection.now.head is None


def test_what_is_not_recorded_says_so_and_appears_when_it_is(panel: AttentionPanel) -> None:
    panel.layer_picker.setValue(3)
    assert not panel.map.message.isHidden()
    assert "layer 3" in panel.map.message.text()
    assert "L0 H0" in panel.map.message.text()
    assert panel.session is not None
    panel.session.apply([schema.AttentionRow(19, 0, 3, 0, 2, np.array([0, 0.5, 0.5], np.float16).tobytes())])
    panel.refresh()
    assert panel.map.message.isHidden()
    assert panel.map.shades[2].tolist() == [1, 128, 128]


def test_a_selection_from_elsewhere_moves_the_pickers_without_asking_the_engine(panel: AttentionPanel) -> None:
    panel.context.selection.change(layer=2, head=None)
    assert (panel.layer_picker.value(), panel.head_picker.currentIndex()) == (2, 0)
    assert control(panel).probes == []


def test_a_recording_opens_where_something_was_recorded(qtbot: QtBot) -> None:
    session = synthetic_session(5, attention_rows=0)
    session.apply([schema.AttentionRow(0, 0, 5, 2, 0, np.ones(1, np.float16).tobytes())])
    panel = shown(AttentionPanel, session)
    qtbot.addWidget(panel)
    assert panel.context.selection.now == Selected(layer=5, head=2)
    assert isinstance(panel, AttentionPanel)
    assert panel.map.message.isHidden()


def test_hover_names_both_tokens_and_the_probability(panel: AttentionPanel) -> None:
    assert panel.session is not None
    texts = panel.session.requests[0].prompt_token_texts
    probs = recorded(panel.session, 3)
    text = panel.describe(3, 1)
    assert texts[3].replace(" ", "⋅") in text
    assert texts[1].replace(" ", "⋅") in text
    assert f"{100 * probs[1]:.3g}"[:3] in text
    assert "●" in text
    assert panel.describe(1, 3) == ""  # nobody looks ahead
    assert panel.describe(0, 0) == ""  # was not recorded


def test_a_click_in_the_map_selects_the_token_that_the_row_chose(panel: AttentionPanel, qtbot: QtBot) -> None:
    panel.map.clicked.emit(10)
    assert panel.context.selection.now.token == 11 - PROMPT
    assert panel.context.selection.now.request == 0
    np.testing.assert_allclose(panel.flow.weights, recorded(panel.session, 10))  # type: ignore[arg-type]
    assert (panel.query_shown, panel.flow.query) == (10, 11)  # the frame is on the chosen token, as in the Inspector
    assert "(10), which chose " in panel.row_label.text()
    panel.flow.resize(600, 200)
    qtbot.mouseClick(panel.flow.viewport(), Qt.MouseButton.LeftButton, pos=panel.flow.chip_rect(5).center())
    assert panel.context.selection.now.token == 5 - PROMPT
    texts, value = panel.flow.texts, float(recorded(panel.session, 4)[2])  # type: ignore[arg-type]
    assert panel.rows()[1][2] == (0, 0, 0, 4, texts[4], 2, texts[2], value, "")


def test_a_position_of_the_prompt_shows_its_own_row(panel: AttentionPanel) -> None:
    panel.choose_query(PROMPT - 1)  # the last of the prompt chose the first token
    assert (panel.context.selection.now.token, panel.query_shown) == (0, PROMPT - 1)
    panel.choose_token(PROMPT - 1)
    now = panel.context.selection.now
    assert (now.token, now.request, now.position) == (None, 0, PROMPT - 1)
    assert (panel.query_shown, panel.flow.query) == (PROMPT - 1, PROMPT - 1)
    assert "which chose" not in panel.row_label.text()
    assert panel.figures().startswith(f"request 0 · position {PROMPT - 1} of the prompt")
    panel.context.selection.change(token=5)
    assert panel.context.selection.now.position is None


def test_a_real_click_on_a_cell_reaches_its_row(panel: AttentionPanel, qtbot: QtBot) -> None:
    panel.show()
    qtbot.waitExposed(panel)
    view = panel.map.view
    point = panel.map.plot.mapFromScene(view.mapViewToScene(pg_point(4.5, 12.5)))
    qtbot.mouseClick(panel.map.plot.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(point.x(), point.y()))
    assert panel.context.selection.now.token == 13 - PROMPT


def pg_point(x: float, y: float):  # type: ignore[no-untyped-def]
    from PySide6.QtCore import QPointF

    return QPointF(x, y)


@pytest.mark.parametrize("token", [5, 19])
def test_a_token_shows_the_row_that_chose_it(panel: AttentionPanel, token: int) -> None:
    """Also where it has been a query since: the Inspector shows this row too."""
    panel.context.selection.change(token=token)
    assert panel.query_shown == PROMPT + token - 1
    assert panel.flow.query == PROMPT + token
    assert f"({PROMPT + token - 1}), which chose " in panel.row_label.text()
    assert f"({PROMPT + token}), looks at" in panel.row_label.text()


def test_the_arrow_keys_walk_rows_and_layers(panel: AttentionPanel, qtbot: QtBot) -> None:
    panel.map.clicked.emit(10)
    qtbot.keyClick(panel.map.plot, Qt.Key.Key_Right)
    assert (panel.query_shown, panel.context.selection.now.token) == (11, 12 - PROMPT)
    qtbot.keyClick(panel.map.plot, Qt.Key.Key_Left)
    qtbot.keyClick(panel.map.plot, Qt.Key.Key_Left)
    assert (panel.query_shown, panel.context.selection.now.token) == (9, 10 - PROMPT)
    qtbot.keyClick(panel.map.plot, Qt.Key.Key_Down)
    assert panel.context.selection.now.layer == 1


def test_the_mean_of_the_heads(qtbot: QtBot) -> None:
    session = synthetic_session(3, attention_rows=0)
    for head, probs in ((0, [0.25, 0.75]), (1, [0.75, 0.25])):
        session.apply([schema.AttentionRow(0, 0, 0, head, 1, np.array(probs, np.float16).tobytes())])
    panel = shown(AttentionPanel, session)
    qtbot.addWidget(panel)
    panel.context.selection.change(head=None)
    assert isinstance(panel, AttentionPanel)
    panel.clamp.setCurrentIndex(0)
    assert panel.map.shades[1].tolist() == [128, 128]
    assert "2 heads ƒ" in panel.note.text()


def test_another_session_starts_over(panel: AttentionPanel) -> None:
    panel.map.clicked.emit(10)
    panel.show_session(None)
    assert panel.is_empty
    assert panel.figures() == ""
    assert panel.empty_text().endswith(".")
    panel.context.selection.reset()
    panel.show_session(synthetic_session(6))
    assert panel.map.shades.shape == (9, 9)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_theme_changes_every_colour(panel: AttentionPanel, scheme: theme.Scheme) -> None:
    theme.apply(scheme)
    panel.restyle()
    np.testing.assert_array_equal(panel.map.image.lut, lookup_table())
    assert panel.map.plot.backgroundBrush().color().name() == (theme.DARK if scheme == "dark" else theme.LIGHT).panel


def test_everything_has_an_accessible_name(panel: AttentionPanel) -> None:
    for widget in (
        panel.layer_picker,
        panel.head_picker,
        panel.log_box,
        panel.map.plot,
        panel.flow,
        panel.map.colour_bar,
    ):
        assert widget.accessibleName()
        assert widget.focusPolicy() != Qt.FocusPolicy.NoFocus or widget is panel.map.colour_bar


@pytest.mark.parametrize("width", [330, 420, 900])
def test_controls_are_whole_in_a_narrow_panel(qtbot: QtBot, width: int) -> None:
    panel = show(qtbot, AttentionPanel, synthetic_session(30, attention_rows=30), width, 500)
    assert isinstance(panel, AttentionPanel)
    qtbot.waitExposed(panel)
    controls = (panel.layer_picker, panel.head_picker, panel.heads_box, panel.log_box, panel.clamp)
    for control in controls:
        assert control.width() >= control.sizeHint().width(), control.accessibleName()
        assert panel.rect().contains(control.rect().translated(control.mapTo(panel, QPoint(0, 0))))
    rows = {control.mapTo(panel, control.rect().center()).y() for control in controls}
    assert len(rows) == (1 if width == 900 else 2)


def test_the_percentile_is_of_the_cells_that_are_drawn(qtbot: QtBot) -> None:
    """Of cells that share a pixel the largest is drawn: a percentile of all cells would leave most of those clipped."""
    n = 600
    session = Session()
    session.apply(next(synthetic_events(1)))
    draw = np.random.default_rng(0)
    rows = [np.exp(2 * draw.standard_normal(position + 1)) for position in range(n)]
    session.apply([
        schema.AttentionRow(0, 0, 0, 0, position, (row / row.sum()).astype(np.float16).tobytes())
        for position, row in enumerate(rows)
    ])  # fmt: skip
    panel = shown(AttentionPanel, session, 320, 300)
    qtbot.addWidget(panel)
    assert isinstance(panel, AttentionPanel)
    panel.show()
    qtbot.waitExposed(panel)
    assert panel.map.coarseness > 1
    drawn = panel.map.image.image
    assert 0.03 < (drawn == CLIPPED).sum() / (drawn > 0).sum() < 0.07


def test_of_a_request_without_rows_it_is_not_said_that_the_head_was_not_recorded() -> None:
    """In a replay, for example, where the request that is selected has not begun."""
    session = synthetic_session(4)
    session.apply([schema.RequestArrived(9, "later", [1, 2], ["la", "ter"], "{}", 10**12)])
    there, elsewhere = Selected(layer=0, head=0), Selected(layer=3, head=0)
    assert nothing(session, there, 9) == "Of request 9 nothing was recorded. Recorded: L0 H0."
    assert nothing(session, elsewhere, 9).startswith("No attention of layer 3, head 0 is recorded yet;")
