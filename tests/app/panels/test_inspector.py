"""Inspector panel: what it says of a token is what the session holds of it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtWidgets import QStackedWidget
from pytestqt.qtbot import QtBot

from app.look import theme
from app.look.units import percent, seconds, significant
from app.panels.inspector import InspectorPanel
from engine.figures.token_facts import TokenNames, token_facts
from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.app.panels.sessions import MS, busy_run
from tests.engine.figures.test_why_slow import session_of, step, usual
from tests.engine.session.synthetic import PROMPT, synthetic_session


def inspector(qtbot: QtBot, session: Session, token: int | None = None, width: int = 900) -> InspectorPanel:
    panel = shown(InspectorPanel, session, width)
    qtbot.addWidget(panel)
    assert isinstance(panel, InspectorPanel)
    if token is not None:
        panel.context.selection.change(token=token)
    return panel


def test_facts_of_a_token_by_hand() -> None:
    session = busy_run().session
    names = TokenNames(session)
    names.update()
    facts = token_facts(session, 3, names.names)  # " the", the second token of request 0 in step 1
    assert (facts.text, facts.source, facts.step, facts.step_kind) == (" the", "target", 1, "decode")
    assert facts.position == 4
    assert facts.step_s == pytest.approx(10e-3)
    assert facts.gap_s == 0.0
    assert token_facts(session, 2, names.names).gap_s == pytest.approx(30e-3)
    assert token_facts(session, 0, names.names).gap_s is None
    assert dict(facts.phases_s)["attention"] == pytest.approx(3e-3)
    assert dict(facts.phases_s)["draft"] == pytest.approx(1.5e-3)
    assert sum(value for _, value in facts.phases_s) == pytest.approx(10 * MS / 1e9)
    assert facts.positions["computed"] == sum(
        facts.positions[n] or 0 for n in ("new", "recomputed", "padding", "rejected")
    )
    assert facts.positions["rejected"] == 3
    assert facts.probability == pytest.approx(np.exp(-0.5))
    assert facts.alternatives == ()


def test_the_panel_says_what_the_session_holds(qtbot: QtBot) -> None:
    session = synthetic_session(64)
    panel = inspector(qtbot, session, 10)
    logprob = float(session.tokens["logprob"][10])
    assert session.tokens["text"][10].strip() in panel.token_label.text()
    assert f"probability {percent(np.exp(logprob))} ●" in panel.chance_label.text()
    assert f"entropy {significant(float(session.tokens['entropy'][10]))} nats" in panel.chance_label.text()
    assert f"position {PROMPT + 10}" in panel.fact_labels["token"].text()
    wall = float(session.steps["end_ns"][10] - session.steps["start_ns"][10]) / 1e9
    assert seconds(wall) in panel.fact_labels["step"].text()
    assert f"{PROMPT} prompt tokens, 64 generated" in panel.fact_labels["request"].text()
    phases = {bar.name: bar.number for bar in panel.phases.bars}
    assert phases["ffn"] == seconds(float(session.phases["us"][10][PHASES.index("ffn")]) / 1e6)
    positions = {bar.name: bar.number for bar in panel.positions.bars}
    assert positions == {"new": "1", "recomputed": "0", "padding": "0", "rejected": "0", "reused from the cache": "13"}
    ids, logprobs = session.details.alternatives(10)
    assert len(panel.alternatives.bars) == len(ids)
    assert panel.alternatives.bars[0].number == percent(float(np.exp(logprobs[0])))
    assert panel.alternatives.bars[0].share == 1.0


def test_the_chosen_alternative_is_marked_and_known_ids_are_named(qtbot: QtBot) -> None:
    session = synthetic_session(3)
    chosen, other = int(session.tokens["token_id"][2]), 4090
    ids = np.array([other, chosen], np.int32).tobytes() + np.log(np.array([0.75, 0.25], np.float32)).tobytes()
    session.apply([schema.Token(3, 0, 2, 7, chosen, " end", np.log(0.25), 0.56, "target", 10**8, ids)])
    panel = inspector(qtbot, session, 3)
    first, second = panel.alternatives.bars
    assert (first.name, first.strong, first.number) == ("#4090", False, percent(0.75))
    assert (second.name, second.strong) == ("⋅end", True)


def test_an_alternative_that_was_never_emitted_is_its_text_and_its_id_is_in_the_tip(qtbot: QtBot) -> None:
    session = synthetic_session(3)
    ids = np.array([4090, 4091], np.int32).tobytes() + np.log(np.array([0.75, 0.25], np.float32)).tobytes()
    session.apply([
        schema.TokenText(4090, " \n"), schema.TokenText(4091, "<0xE4>"),
        schema.Token(3, 0, 2, 7, 4091, "", np.log(0.25), 0.56, "target", 10**8, ids),
    ])  # fmt: skip
    panel = inspector(qtbot, session, 3)
    first, second = panel.alternatives.bars
    assert (first.name, second.name, second.strong) == ("⋅↵", "<0xE4>", True)
    assert panel.token_label.text().startswith("“<0xE4>”")
    place = panel.alternatives.place_at(QPointF(20, 1.5 * panel.alternatives.row_height))
    assert place is first
    assert panel.alternatives.words_for(first).startswith("“⋅↵” · id 4090 · logprob")
    assert ("alternative_text", 4090, " \n") in panel.rows()[1]


def test_the_attention_row_is_that_of_the_query_that_chose_it(qtbot: QtBot) -> None:
    session = synthetic_session(20)
    panel = inspector(qtbot, session, 10)
    row = {position: probs for _, position, probs in session.details.attention_map(0, 0, 0)}[PROMPT + 9]
    np.testing.assert_allclose(panel.flow.weights, np.frombuffer(row, np.float16))
    assert panel.flow.query == PROMPT + 10
    assert f"({PROMPT + 9})" in panel.row_label.text()
    panel.context.selection.change(layer=4)  # nothing was recorded there: it shows, and names, what there is
    assert "layer 0, head 0" in panel.row_label.text()
    np.testing.assert_allclose(panel.flow.weights, np.frombuffer(row, np.float16))


def test_without_any_attention_row_it_says_where_to_ask_for_one(qtbot: QtBot) -> None:
    panel = inspector(qtbot, synthetic_session(20, attention_rows=0), 10)
    assert len(panel.flow.weights) == 0
    assert f"({PROMPT + 9}), which chose it, was not recorded (layer 0, head 0). The session does not say why." in (
        panel.row_label.text()
    )
    assert ("attention_row", "query_position", PROMPT + 9) in panel.rows()[1]


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_labels_keep_their_dress_when_the_panel_moves(qtbot: QtBot, scheme: theme.Scheme) -> None:
    theme.apply(scheme)
    panel = inspector(qtbot, synthetic_session(20), 10)
    holder = QStackedWidget()
    qtbot.addWidget(holder)
    holder.addWidget(panel)
    colours = theme.DARK if scheme == "dark" else theme.LIGHT
    assert panel.row_label.drawing_colour() == colours.muted
    assert panel.token_label.drawing_colour() == colours.text
    assert panel.token_label.drawing_font().pointSizeF() > 1.2 * panel.row_label.drawing_font().pointSizeF()
    picture = panel.row_label.grab().toImage()
    drawn = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
    assert colours.text not in drawn


def test_without_a_selection_it_follows_the_newest_token(qtbot: QtBot) -> None:
    session = synthetic_session(5)
    panel = inspector(qtbot, session)
    assert panel.facts is not None
    assert panel.facts.row == 4
    assert "newest" in panel.token_label.text()
    last = int(session.tokens["emitted_ns"][-1])
    session.apply([schema.Token(5, 0, 4, PROMPT + 5, 9, " more", -0.1, 0.2, "target", last + 1000, b"")])
    panel.refresh()
    assert panel.facts.row == 5
    assert panel.alternatives.note == "not recorded"
    assert panel.alternatives.bars == []


def test_arrows_and_chips_walk_the_tokens(qtbot: QtBot) -> None:
    panel = inspector(qtbot, synthetic_session(20), 10)
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert panel.context.selection.now.token == 11
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    qtbot.keyClick(panel, Qt.Key.Key_Left)
    assert panel.context.selection.now.token == 9
    panel.flow.clicked.emit(PROMPT + 2)
    assert panel.context.selection.now.token == 2
    panel.flow.clicked.emit(0)  # a token of the prompt has no row of its own
    assert panel.context.selection.now.token == 2


def test_rows_for_the_clipboard(qtbot: QtBot) -> None:
    session = synthetic_session(12)
    panel = inspector(qtbot, session, 4)
    header, rows = panel.rows()
    assert header == ["of", "what", "value"]
    assert ("token", "id", int(session.tokens["token_id"][4])) in rows
    assert ("positions", "computed", 1) in rows


@pytest.mark.parametrize(("width", "columns"), [(300, 1), (500, 2), (1600, 3)])
def test_columns_follow_the_width(qtbot: QtBot, width: int, columns: int) -> None:
    panel = inspector(qtbot, synthetic_session(6), 2, width)
    panel.show()
    qtbot.waitExposed(panel)
    lists = (panel.alternatives, panel.phases, panel.positions)
    assert len({bars.x() for bars in lists}) == columns
    for one in lists:
        for other in lists:
            assert one is other or not one.geometry().intersects(other.geometry())


def test_an_empty_session_says_what_will_come(qtbot: QtBot) -> None:
    panel = inspector(qtbot, Session())
    assert panel.is_empty
    assert panel.figures() == ""
    assert panel.empty_text().endswith(".")


def test_a_selected_step_shows_its_token(qtbot: QtBot) -> None:
    panel = inspector(qtbot, synthetic_session(20, requests=2))
    panel.context.selection.changed.connect(panel.select)
    panel.context.selection.change(step=5)
    assert panel.facts is not None
    assert (panel.facts.step, panel.facts.request.id) == (5, 0)
    panel.context.selection.change(request=1)
    assert panel.facts is not None
    assert (panel.facts.step, panel.facts.request.id) == (5, 1)
    assert "newest" not in panel.token_label.text()


def test_in_a_low_panel_the_bars_stand_beside_the_facts(qtbot: QtBot) -> None:
    panel = inspector(qtbot, synthetic_session(12), width=1000)
    panel.show()
    holder = panel.chance_label.parentWidget()
    body = holder.layout() if holder is not None else None
    assert body is not None

    def places(width: int, height: int) -> tuple[QRect, QRect]:
        panel.resize(width, height)
        body.activate()
        return panel.chance_label.geometry(), panel.alternatives.geometry()

    facts, bars = places(1000, 500)
    assert bars.top() > facts.bottom()
    facts, bars = places(1000, 150)
    assert bars.left() > facts.right()
    assert bars.top() <= facts.top()
    facts, bars = places(500, 150)  # no room beside them
    assert bars.top() > facts.bottom()


def test_the_step_is_compared_with_others_of_its_kind(qtbot: QtBot) -> None:
    steps = usual()
    steps[20] = step(20, 20 * 6 * MS, {"attention": 9.9, "ffn": 2.0, "norm": 0.4, "sample": 0.2})
    session = session_of(steps)
    session.apply([schema.RequestArrived(0, "x", [1], ["x"], "{}", 0)])
    session.apply([
        schema.Token(n, 0, n, n + 1, 5, "a", -0.5, 1.0, "target", steps[n].end_ns, b"") for n in range(40) if n != 7
    ])  # fmt: skip
    panel = inspector(qtbot, session, 19)
    assert session.tokens["step_id"][19] == 20
    assert "× the median of 39 other decode steps of one request" in panel.fact_labels["slow"].text()
    assert ("compared", "steps", 39) in panel.rows()[1]
    panel.context.selection.change(token=3)
    assert panel.fact_labels["slow"].text().startswith("about as long as the median of 39 other decode steps")
    session.apply([schema.Work(7, 0, 0, 7, 7, 8, 0, 0)])
    panel.context.selection.change(step=7, request=0, token=None)
    assert panel.is_empty
    assert "Step 7 took 4.60" in panel.empty_text()


def test_in_a_low_panel_the_comparison_is_in_sight(qtbot: QtBot) -> None:
    panel = inspector(qtbot, synthetic_session(64), 40, 920)
    panel.resize(920, 140)
    panel.show()
    qtbot.waitExposed(panel)
    label = panel.fact_labels["slow"]
    bottom = label.mapTo(panel, label.rect().bottomLeft()).y()
    assert label.text()
    assert 0 < bottom <= 140
