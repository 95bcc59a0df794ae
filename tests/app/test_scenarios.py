"""Scenarios: there are nine, each one's settings are what runs, and its panels stand where it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QTabBar
from pytestqt.qtbot import QtBot

from app.core.layout import SCENARIO_SHARE
from app.models.scenarios import FOLDER, Scenario, load_scenario, load_scenarios
from app.window.main_window import MainWindow
from engine.client.requests_file import read_requests
from engine.core.settings import Probe, RunSpec, Sampling, SwitchChange
from engine.errors import InputError
from engine.host import protocol
from tests.app.conftest import Engines

PANEL_NAMES = {
    "timeline", "inspector", "redundancy", "kv-memory", "attention", "latency", "utilisation", "batch", "parallel",
    "before-after", "summary", "roofline",
}  # fmt: skip


def scenario(section: str) -> Scenario:
    return next(one for one in load_scenarios() if one.section == section)


def test_every_section_has_one() -> None:
    assert [one.section for one in load_scenarios()] == ["1", "2.1", "2.2", "3", "4", "5", "6", "7", "8"]


@pytest.mark.parametrize("one", load_scenarios(), ids=lambda one: one.section)
def test_each_names_panels_and_says_what_to_look_at(one: Scenario) -> None:
    named = {name for row in one.panels for cell in row for name in cell}
    assert named
    assert named <= PANEL_NAMES
    for language, stop in (("en", ". "), ("zh_CN", "。")):
        title, look = one.texts[language]
        assert title
        assert 2 <= len((look + " ").split(stop)) - 1 <= 3 or look.count(stop.strip()) in (2, 3)
    if one.requests is not None:
        assert read_requests(str(one.requests), one.max_new_tokens, one.ignore_eos, Sampling())
    else:
        assert one.prompt


def test_the_batch_is_the_example_batch() -> None:
    one = scenario("5")
    assert one.requests is not None
    requests = read_requests(str(one.requests), 1, False, Sampling())
    assert [request.max_new_tokens for request in requests] == [20, 10, 24, 7]
    assert (one.switches.batching, one.switches.max_batch) == ("static", 4)


def started(engines: Engines) -> RunSpec:
    (command,) = engines.commands(protocol.Start)
    assert isinstance(command, protocol.Start)
    return command.run


def pick(window: MainWindow, section: str) -> None:
    places = [one.section for one in window.scenarios.scenarios]
    window.scenarios.actions[places.index(section)].trigger()


def test_an_entry_sets_up_its_experiment_and_runs_it(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "2.1")
    run = started(engines)
    assert [request.prompt for request in run.requests] == ["The cat sits on"]
    assert run.requests[0].max_new_tokens == 96
    assert run.switches.kv == "none"
    assert run.switch_at == (SwitchChange(48, {"kv": "contiguous"}),)
    assert not run.teacher_pass
    assert window.run_panel.switches.switches.kv == "none"
    assert window.run_panel.tokens.value() == 96
    note = window.scenarios.note
    assert note.isVisible()
    assert note.title.text() == "2.1  Recomputing the history"
    assert "hatched orange" in note.text.text()
    assert window.docks["redundancy"].is_seen
    assert window.docks["latency"].is_seen
    assert window.docks["redundancy"].y() < window.docks["latency"].y()
    assert not window.docks["timeline"].is_seen


def test_a_request_list_all_heads_and_the_parallel_pass(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    shown = window.run_panel.run_spec()
    assert scenario("3").run_spec(shown).observation.probe == Probe(0, None)
    assert scenario("4").run_spec(shown).teacher_pass
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "5")
    requests = started(engines).requests
    assert [request.max_new_tokens for request in requests] == [20, 10, 24, 7]
    assert all(request.ignore_eos for request in requests)


def test_what_is_held_against_each_other_is_greedy(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    window.run_panel.sampling.show_sampling(Sampling(temperature=0.8, top_k=5, top_p=0.9, min_p=0.1, seed=3))
    assert window.run_panel.run_spec().requests[0].sampling == Sampling(0.8, 5, 0.9, 0.1, 3)
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "4")
    assert started(engines).requests[0].sampling == Sampling()
    assert window.run_panel.sampling.sampling.greedy


def test_it_takes_the_place_of_a_run_that_goes_on(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    window.control.run_prompt(paused=True)
    qtbot.waitUntil(lambda: window.control.state == "paused")
    with qtbot.waitSignal(window.shown.changed):
        pick(window, "1")
    kinds = [type(one) for one in engines.now.sent if isinstance(one, protocol.Start | protocol.Stop)]
    assert kinds == [protocol.Start, protocol.Stop, protocol.Start]


def test_what_cannot_run_here_is_grey_and_says_why(window: MainWindow, tmp_path: Path) -> None:
    text = (FOLDER / "8-improvements.toml").read_text(encoding="utf-8").replace('"sdpa"', '"triton"')
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    one = load_scenario(path)
    assert one.unavailable({"attention=triton": "Triton needs a CUDA device."}) == "Triton needs a CUDA device."
    assert one.unavailable({"speculate=draft": "No draft model is loaded."}) == ""
    assert all(action.isEnabled() for action in window.scenarios.actions)


def test_the_words_follow_the_language_and_can_be_closed(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "1")
    window.choices.choose("language", "zh_CN")
    qtbot.waitUntil(lambda: window.scenarios.note.title.text() == "1  逐词元生成")
    assert window.scenarios.actions[0].text() == "1  逐词元生成"
    qtbot.mouseClick(window.scenarios.note.close_button, Qt.MouseButton.LeftButton)
    assert not window.scenarios.note.isVisible()
    window.choices.choose("language", "en")
    qtbot.waitUntil(lambda: window.scenarios.actions[0].text() == "1  Generation, token by token")
    assert not window.scenarios.note.isVisible()


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('section = "1"', "", "has no 'section'"),
        ('kv = "none"', 'kv = "nowhere"', "kv must be one of"),
        ('detail = "phase"', 'detail = "much"', "detail must be one of"),
        ("[en]", "[en", "is wrong"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    text = (FOLDER / "1-generation.toml").read_text(encoding="utf-8").replace(before, after)
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence) as raised:
        load_scenario(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("one", load_scenarios(), ids=lambda one: one.section)
def test_the_tabs_of_a_scenario_say_their_titles_whole(qtbot: QtBot, window: MainWindow, one: Scenario) -> None:
    window.resize(1280, 800)
    window.show()
    qtbot.waitExposed(window)
    window.panels.arrange(one.panels, SCENARIO_SHARE)
    QApplication.processEvents()
    bars = [bar for bar in window.findChildren(QTabBar) if bar.parent() is window and bar.isVisible()]
    assert bars
    for bar in bars:
        for index in range(bar.count()):
            title = bar.tabText(index)
            assert bar.fontMetrics().horizontalAdvance(title) < bar.tabRect(index).width(), title
    for row in one.panels:
        for cell in row:
            assert not window.docks[cell[0]].visibleRegion().isEmpty()  # what the scenario is about is in front
