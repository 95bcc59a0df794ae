"""Panels of a server's session: what it does not tell says so, and nothing is advised that only our engine can do."""

from __future__ import annotations

from typing import cast

import pytest
from PySide6.QtWidgets import QPushButton, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.units import THIN_SPACE, percent
from app.panels.base import EngineControl, Panel, PanelContext
from app.panels.batch import BatchPanel
from app.panels.frame import PanelDock
from app.panels.kv_memory import KvMemoryPanel
from app.panels.redundancy import RedundancyPanel
from app.panels.registry import PANELS, entry
from app.panels.summary import SummaryPanel
from app.panels.untold import REASONS, not_told, why_untold
from app.panels.utilisation import UtilisationPanel
from app.widgets.lane_chart import Lane
from engine.serving import attached
from engine.session import serving
from engine.session.schema import MetricSample, SessionStarted
from engine.session.serving import NO_STEPS_TRACED, NOT_TRACED
from engine.session.store import Session
from tests.app.figures.shown import texts_of
from tests.app.panels.acting import RecordingControl, shown
from tests.app.panels.sessions import decode_run
from tests.engine.figures.served import WITH_RECORDER, meta, probed, recorded, session_of

ADVICE = ("record it anew", "record anew", "run the prompt again", "tick “", "detail “", "Run with", "Press", "press ",
          "Run a prompt")  # fmt: skip
"""Words that make no sense of a server's session."""


def test_the_reasons_that_are_translated_are_those_that_sessions_give() -> None:
    of_servers = {attached.BY_NO_SERVER, attached.WITH_RECORDER, attached.ON_ASKING}
    assert set(REASONS) == of_servers | {NOT_TRACED, NO_STEPS_TRACED}
    assert serving.NOT_TOLD == attached.BY_NO_SERVER


def test_a_reason_that_is_not_known_here_is_shown_as_it_is() -> None:
    facts = meta(("metrics",))
    facts["serving"] = facts["serving"].replace(WITH_RECORDER, "Its clock is broken.")
    session = session_of([SessionStarted(facts)])
    assert why_untold(session, "steps") == "Its clock is broken."
    facts["serving"] = facts["serving"].replace("Its clock is broken.", "up \\u202e" + 900 * "x")
    assert len(why_untold(session_of([SessionStarted(facts)]), "steps")) == 300
    assert "\u202e" not in why_untold(session_of([SessionStarted(facts)]), "steps")
    assert why_untold(decode_run(2, "none").session, "steps") == ""
    assert why_untold(None, "steps") == ""


def dock_of(qtbot: QtBot, name: str, session: Session) -> PanelDock:
    dock = PanelDock(entry(name), PanelContext(Selection(), cast(EngineControl, RecordingControl())))
    qtbot.addWidget(dock)
    dock.resize(900, 600)
    dock.show_session(session)
    dock.show()
    dock.refresh()
    return dock


def sentence_of(dock: PanelDock) -> str:
    """The sentence of an empty panel, after checking that no button stands below it."""
    assert dock.panel is not None
    assert dock.panel.is_empty
    assert not dock._empty.run_button.isVisibleTo(dock)
    return dock._empty.sentence.text()


@pytest.mark.parametrize("name", ["attention", "roofline", "parallel", "before-after"])
@pytest.mark.parametrize("events", [recorded, probed])
def test_what_only_our_engine_does_says_so_in_place_of_a_picture(qtbot: QtBot, name: str, events: object) -> None:
    dock = dock_of(qtbot, name, session_of(cast("list[object]", events())))  # type: ignore[operator]
    sentence = sentence_of(dock)
    assert "DecodeScope's own engine" in sentence
    assert not any(words in sentence for words in ADVICE)
    assert dock.header.figures.text() == ""


@pytest.mark.parametrize("name", ["redundancy", "kv-memory", "batch"])
def test_without_a_recorder_what_steps_did_says_what_would_tell_it(qtbot: QtBot, name: str) -> None:
    sentence = sentence_of(dock_of(qtbot, name, session_of(probed())))
    assert sentence.endswith(WITH_RECORDER)
    assert "can be told only from inside the server." in sentence


def test_a_server_that_has_told_of_no_step_yet_is_waited_for(qtbot: QtBot) -> None:
    session = session_of([SessionStarted(meta(("probe", "recorder")))])
    assert sentence_of(dock_of(qtbot, "redundancy", session)) == "The server has told nothing yet that appears here."


@pytest.mark.parametrize("name", [one.name for one in PANELS if one.name not in ("timeline", "inspector", "latency")])
def test_our_own_engine_is_asked_for_nothing(qtbot: QtBot, name: str) -> None:
    dock = dock_of(qtbot, name, decode_run(4, "contiguous").session)
    assert dock.panel is not None
    assert dock.panel.untold_text() == ""


# --- redundancy -----------------------------------------------------------------------------------------------------


def test_redundancy_says_why_there_are_no_flops(qtbot: QtBot) -> None:
    panel = cast(RedundancyPanel, shown(RedundancyPanel, session_of(recorded()), 900, 600))
    qtbot.addWidget(panel)
    assert not panel.flops.isVisibleTo(panel)
    assert panel.untold_note.isVisibleTo(panel)
    assert panel.untold_note.text() == "FLOPs and padding: Not told by this server."
    assert "FLOP" not in panel.totals_text(3.0)
    assert "after step 3: 10 positions computed ●" in panel.totals_text(3.0)
    names, rows = panel.rows()
    row = dict(zip(names, rows[3], strict=True))
    assert (row["padding"], row["flops"], row["computed"]) == (None, None, 2)


def test_redundancy_has_its_flops_again_for_our_own_engine(qtbot: QtBot) -> None:
    panel = cast(RedundancyPanel, shown(RedundancyPanel, session_of(recorded()), 900, 600))
    qtbot.addWidget(panel)
    panel.show_session(decode_run(4, "contiguous").session)
    panel.refresh()
    assert panel.flops.isVisibleTo(panel)
    assert not panel.untold_note.isVisibleTo(panel)
    assert panel.rows()[1][0][-1] == 1000


# --- KV memory ------------------------------------------------------------------------------------------------------


def test_kv_memory_opens_on_the_blocks_where_no_layer_is_told(qtbot: QtBot) -> None:
    panel = cast(KvMemoryPanel, shown(KvMemoryPanel, session_of(recorded()), 900, 600))
    qtbot.addWidget(panel)
    assert panel.pages.value == "blocks"
    panel.show_session(decode_run(4, "contiguous").session)
    assert panel.pages.value == "layers"


def test_a_page_that_the_user_chose_stays(qtbot: QtBot) -> None:
    panel = cast(KvMemoryPanel, shown(KvMemoryPanel, session_of(recorded()), 900, 600))
    qtbot.addWidget(panel)
    panel.pages.picked.emit("layers")
    assert panel.bars.layers == []
    assert panel.bars.sentence.endswith("What each layer holds: Not told by this server.")
    assert panel.rows()[1] == []
    panel.pages.set_value("blocks")
    panel.pages.picked.emit("blocks")
    panel.show_session(decode_run(4, "contiguous").session)
    assert panel.pages.value == "blocks"


def test_all_memory_of_a_server_is_its_cache(qtbot: QtBot) -> None:
    panel = cast(KvMemoryPanel, shown(KvMemoryPanel, session_of(recorded()), 900, 600))
    qtbot.addWidget(panel)
    panel.show_page("all")
    root = panel.memory.tree.topLevelItem(0)
    assert root is not None
    sizes = _texts(root)
    assert {name for name, text in sizes.items() if text == not_told()} == {
        "All of it", "Weights", "Activations, at most", "Allocator's reserve", "Everything else",
    }  # fmt: skip
    assert sizes["KV cache, reserved"].endswith("●")
    assert root.text(2) == "—"
    assert not panel.memory.bar.isVisibleTo(panel.memory)


def test_the_calculator_knows_no_weights_of_a_server(qtbot: QtBot) -> None:
    panel = cast(KvMemoryPanel, shown(KvMemoryPanel, session_of(recorded()), 900, 600))
    qtbot.addWidget(panel)
    panel.pages.picked.emit("layers")
    calculator = panel.calculator
    assert calculator.device.text() == "not told"
    calculator.preset.setCurrentIndex(calculator.preset.findData("current"))
    calculator.device.setValue(80.0)
    assert calculator.weights.text() == "not told"
    assert calculator.requests_fit is None


def _texts(item: QTreeWidgetItem) -> dict[str, str]:
    found = {item.text(0): item.text(1)}
    for index in range(item.childCount()):
        child = item.child(index)
        assert child is not None
        found |= _texts(child)
    return found


# --- batch ----------------------------------------------------------------------------------------------------------


def test_batch_has_lanes_of_its_own_and_says_that_padding_is_not_told(qtbot: QtBot) -> None:
    panel = cast(BatchPanel, shown(BatchPanel, session_of(recorded()), 900, 500))
    qtbot.addWidget(panel)
    assert panel.figures() == "continuous: 22 slot-steps useful ●, padding not told by this server"
    assert not panel.run_button.isVisibleTo(panel)
    assert "a server tells no slots" in panel.note.text()
    words = [text for _, text in panel.charts[0].legend()]
    assert "padding not told by this server" in words
    assert not any("wasted" in text for text in words)
    assert panel.cell_text(3, 1).startswith("step 3, lane 1")
    assert "no request in this lane" in panel.cell_text(0, 1)


# --- summary --------------------------------------------------------------------------------------------------------


def test_summary_says_of_each_missing_figure_who_could_tell_it(qtbot: QtBot) -> None:
    panel = cast(SummaryPanel, shown(SummaryPanel, session_of(recorded()), 1100, 500))
    qtbot.addWidget(panel)
    cells = {line.row.metric: [cell.text for cell in line.cells] for line in panel.lines}
    assert {texts[1] for texts in cells.values()} == {"needs DecodeScope's own engine"}
    assert cells["complexity"][3] == f"26 positions{THIN_SPACE}● · FLOPs not told by this server"
    assert cells["utilisation"][3] == cells["busy"][3] == "not told by this server"
    assert not panel.run_button.isVisibleTo(panel)
    streams = cast(SummaryPanel, shown(SummaryPanel, session_of(probed()), 1100, 500))
    qtbot.addWidget(streams)
    assert streams.range_line.text() == "steps not told by this server"
    assert {line.row.metric for line in streams.lines if line.cells[3].figure} == {"throughput"}


# --- utilisation ----------------------------------------------------------------------------------------------------


def utilisation_of(qtbot: QtBot, session: Session) -> UtilisationPanel:
    panel = cast(UtilisationPanel, shown(UtilisationPanel, session, 900, 600))
    qtbot.addWidget(panel)
    return panel


def lane(panel: UtilisationPanel, title: str) -> Lane:
    return next(lane for lane in panel.chart.lanes if lane.title.startswith(title))


def test_utilisation_shows_the_servers_own_counters(qtbot: QtBot) -> None:
    panel = utilisation_of(qtbot, session_of(recorded()))
    assert panel.figures() == f"2 running ● · 2 waiting ● · KV cache {percent(0.1)} ● · prefix hits {percent(0.5)} ƒ"
    running = lane(panel, "Requests running")
    assert running.y.tolist() == [1.0, 2.0, 2.0]
    assert running.x.tolist() == [1.0, 5.0, 9.0]  # at the ends of the steps 0, 4 and 8
    assert running.heading == "Requests running  2 ● · mean 1.67 · max 2"
    assert running.ticks(1.08, 4) == [0, 1]
    assert lane(panel, "Preemptions").heading == "Preemptions since the recording began  1 ●"
    assert lane(panel, "Tokens a second").heading == "Tokens a second, for all clients of the server  200 ƒ · " \
        "mean 188 · max 200"  # fmt: skip
    for title in ("Memory bandwidth used (MBU)", "Arithmetic used (MFU)"):
        assert lane(panel, title).heading == f"{title}: not told by this server"
        assert not len(lane(panel, title).x)
    assert panel.note.text() == "by the server's own counters; its devices: not told by this server"
    assert (50_000_000, "server", "running", 2.0) in panel.rows()[1]


def test_utilisation_of_a_range_has_the_readings_of_its_steps(qtbot: QtBot) -> None:
    panel = utilisation_of(qtbot, session_of(recorded()))
    panel.context.selection.change(steps=(3, 5))
    panel.select(panel.context.selection.now)
    assert lane(panel, "Requests waiting").heading == "Requests waiting  1 ● · mean 1 · max 1"
    panel.context.selection.change(steps=(5, 6))
    panel.select(panel.context.selection.now)
    assert lane(panel, "Requests waiting").heading == "Requests waiting: no reading in the selected steps"


def test_without_steps_the_counters_stand_over_time(qtbot: QtBot) -> None:
    session = session_of([*probed(), MetricSample(2_000_000, "metrics", "vllm:generation_tokens_total", "", 5.0)])
    panel = utilisation_of(qtbot, session)
    assert panel.chart.x_title == "time"
    assert not panel.axis_picker.isVisibleTo(panel)
    assert lane(panel, "Tokens a second").heading.endswith(": its counters did not grow between two readings")
    assert lane(panel, "Requests running").heading == "Requests running: not told by this server"
    panel.chart.clicked.emit(0.01)  # no step is there to be selected
    assert panel.context.selection.now.step is None


@pytest.mark.parametrize("name", ["redundancy", "kv-memory", "batch", "summary", "utilisation"])
def test_no_text_of_a_panel_advises_what_makes_no_sense_of_a_server(qtbot: QtBot, name: str) -> None:
    dock = dock_of(qtbot, name, session_of(recorded()))
    panel = cast(Panel, dock.panel)
    assert not panel.is_empty
    texts = [one.text for one in texts_of(panel, True)]
    assert texts
    buttons = [one.text() for one in panel.findChildren(QPushButton) if one.isVisibleTo(panel)]
    found = [(text, words) for text in (*texts, *buttons) for words in ADVICE if words in text]
    assert found == []
