"""Scenarios: there are nine, each one's settings are what runs, and its panels stand where it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QTabBar
from pytestqt.qtbot import QtBot

from app.models.scenario_outcome import outcome_of
from app.models.scenario_words import MOST_OF_CARD, fields_of, sentences
from app.models.scenarios import FOLDER, Scenario, load_scenario, load_scenarios
from app.panels.kv_memory import KvMemoryPanel
from app.widgets.unbroken import unbroken
from app.window.main_window import MainWindow
from engine.client.requests_file import read_requests
from engine.core.settings import Probe, RunSpec, Sampling, SwitchChange
from engine.errors import InputError
from engine.figures.improvements import PAGED
from engine.figures.loads import mixed_budget
from engine.figures.named import middle_step
from engine.host import protocol
from tests.app.conftest import Engines

PANEL_NAMES = {
    "timeline", "inspector", "redundancy", "kv-memory", "attention", "latency", "utilisation", "batch", "parallel",
    "before-after", "summary", "roofline",
}  # fmt: skip


MODEL = {"layers": 8, "heads": 8, "kv_heads": 4, "head_dim": 32, "itemsize": 4, "max_positions": 1024}


def scenario(section: str) -> Scenario:
    return next(one for one in load_scenarios() if one.section == section)


def test_every_section_has_one() -> None:
    assert [one.section for one in load_scenarios()] == ["1", "2.1", "2.2", "3", "4", "5", "6", "7", "8"]


@pytest.mark.parametrize("one", load_scenarios(), ids=lambda one: one.section)
def test_each_names_panels_and_says_what_to_look_at(one: Scenario) -> None:
    named = {name for row in one.panels for cell in row for name in cell}
    assert named
    assert named <= PANEL_NAMES
    assert {panel for panel, _ in one.pages} <= named
    for language, stop in (("en", ". "), ("zh_CN", "。")):
        words = one.words[language]
        assert words.title
        assert 0 < len(words.card) <= MOST_OF_CARD
        assert 2 <= (words.look + " ").count(stop) + (words.look + " ").count("：") <= 5
        assert one.effect.figure in fields_of(words.found[0])  # the effect is a number in what is said first
        for told, english in zip(words.found, one.words["en"].found, strict=True):
            assert sorted(fields_of(told)) == sorted(fields_of(english))
        assert bool(words.question) == (one.question is not None)
    if one.requests is not None:
        assert read_requests(str(one.requests), one.max_new_tokens, one.ignore_eos, one.sampling)


def test_three_ask_for_a_prediction() -> None:
    assert [one.section for one in load_scenarios() if one.question is not None] == ["2.1", "4", "8"]


def test_more_requests_than_slots_so_that_continuous_batching_refills() -> None:
    runs = [run.run for run in scenario("5").suite_of_runs({}, {})._left]
    assert [run.switches.batching for run in runs] == ["static", "continuous"]
    assert runs[0].requests == runs[1].requests
    assert [request.max_new_tokens for request in runs[0].requests][:4] == [20, 10, 24, 7]
    assert len(runs[0].requests) >= 2 * runs[0].switches.max_batch


def test_every_improvement_is_measured() -> None:
    suite = scenario("8").suite_of_runs({"attention=triton": "no GPU"}, MODEL)
    assert {run.key for run in suite._left} >= {"kv", "paged", "native", "ngram", "batching"}
    limits = {run.run.switches.kv_memory for run in suite._left if run.key == "paged"}
    assert limits == {mixed_budget(MODEL)}
    low, high = PAGED.claim or (0.0, 0.0)
    for words in scenario("8").words.values():
        assert f"{low:g}–{high:g}" in " ".join(words.found)  # the reference beside what is measured


def test_what_is_to_be_watched_has_a_pace_and_nothing_else(window: MainWindow) -> None:
    assert [one.section for one in load_scenarios() if one.pace_tokens_per_s] == ["1", "2.1", "2.2", "3"]
    for one in load_scenarios():
        assert one.run_spec().pace_tokens_per_s == 0.0  # without a window it runs at full speed
        most = max(request.max_new_tokens for request in one.run_spec().requests)
        assert not one.pace_tokens_per_s or 8 <= most / one.pace_tokens_per_s <= 15


def test_the_pace_ends_with_the_scenario(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "1")
        assert window.run_panel.pace.tokens_per_s == scenario("1").pace_tokens_per_s
    assert started(engines).pace_tokens_per_s == scenario("1").pace_tokens_per_s
    assert window.run_panel.pace.tokens_per_s == 0.0
    assert window.run_panel.run_spec().pace_tokens_per_s == 0.0


def test_the_pace_ends_with_a_scenario_that_is_stopped_and_a_pace_of_the_user_stays(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    engines.now.steps = 100_000
    for own, left in ((None, 0.0), (2.0, 2.0)):
        pick(window, "1")
        qtbot.waitUntil(lambda: window.control.state == "running")
        if own is not None:
            window.run_panel.pace.show_pace(own)
        with qtbot.waitSignal(window.control.run_ended):
            window.control.stop()
        qtbot.waitUntil(lambda: window.control.state == "idle")
        assert window.run_panel.pace.tokens_per_s == left


def test_sentences_that_were_not_measured_are_left_out() -> None:
    templates = ("KV {factor_kv}.", "Flash {factor_flash}.")
    figures: dict[str, float | None] = {"factor_kv": 4.0, "factor_flash": None}
    assert sentences(templates, figures, "en") == "KV 4.00×\u2009ƒ."
    assert (
        sentences(templates, {**figures, "factor_flash": 2.0}, "zh_CN")
        == "KV 4.00\u2009倍\u2009ƒ.Flash 2.00\u2009倍\u2009ƒ."
    )
    assert sentences(templates, {"factor_kv": None, "factor_flash": None}, "en") == "KV —."


def started(engines: Engines) -> RunSpec:
    (command,) = engines.commands(protocol.Start)
    assert isinstance(command, protocol.Start)
    return command.run


def pick(window: MainWindow, section: str) -> None:
    places = [one.section for one in window.scenarios.scenarios]
    window.scenarios.actions[places.index(section)].trigger()


def test_an_entry_sets_up_its_experiment_and_runs_it(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    window.run_panel.sampling.show_sampling(Sampling(temperature=0.8, top_k=5, top_p=0.9, min_p=0.1, seed=3))
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "1")
    run = started(engines)
    assert [request.prompt for request in run.requests] == [""]
    assert run.requests[0].max_new_tokens == 176
    assert run.requests[0].sampling == Sampling(temperature=0.8, seed=1)
    assert run.switches.kv == "none"
    assert run.observation.probe == Probe(0, 0)
    assert not run.teacher_pass
    assert window.run_panel.switches.switches.kv == "none"
    assert window.run_panel.sampling.sampling == Sampling(temperature=0.8, seed=1)
    assert window.run_panel.tokens.value() == 176
    note = window.scenarios.note
    assert note.isVisible()
    assert note.title.text() == "1  Generation, token by token"
    assert window.docks["redundancy"].is_seen
    assert window.docks["timeline"].is_seen
    assert window.docks["redundancy"].y() < window.docks["timeline"].y()
    assert not window.docks["latency"].is_seen


@pytest.mark.parametrize("section", ["1", "2.2", "3", "5", "6", "7"])
def test_at_its_end_the_sentence_is_shown_and_nothing_is_to_be_pressed(
    qtbot: QtBot, window: MainWindow, engines: Engines, section: str
) -> None:
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, section)
    qtbot.waitUntil(lambda: window.control.state == "idle")
    note, outcome, session = window.scenarios.note, window.scenarios.outcome, window.shown.session
    assert outcome is not None
    assert session is not None
    assert outcome.figures == outcome_of(scenario(section), session).figures
    assert unbroken(outcome.sentence("en")) in note.text.text()
    assert note.below.text() == scenario(section).words["en"].look
    assert not note.question.isVisible()
    assert window.feed.suite_progress is None
    assert window.selection.now.step == (middle_step(session) if section == "2.2" else None)


def test_the_calculator_is_shown_with_the_cache(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "2.2")
    panel = window.docks["kv-memory"].panel
    assert isinstance(panel, KvMemoryPanel)
    assert panel.pages.value == "layers"
    assert not panel.calculator.visibleRegion().isEmpty()
    window.docks["kv-memory"].panel.show_page("blocks")
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "2.2")
    assert panel.pages.value == "layers"


def test_a_request_list_all_heads_and_the_parallel_pass(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    assert scenario("3").run_spec().observation.probe == Probe(0, None)
    assert scenario("4").run_spec().teacher_pass
    assert scenario("7").run_spec().teacher_pass
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "2.2")
    requests = started(engines).requests
    assert [request.max_new_tokens for request in requests] == [96, 80, 64, 48]
    assert all(request.ignore_eos for request in requests)


# --- predictions ----------------------------------------------------------------------------------------------------


def test_a_question_is_asked_before_the_run_and_answered_beside_it(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    pick(window, "2.1")
    asked = window.scenarios.note.question
    assert asked.isVisible()
    assert "How many times shorter" in asked.words.text()
    assert not engines.commands(protocol.Start)
    qtbot.waitUntil(asked.number.hasFocus)
    qtbot.keyClicks(asked.number, "3")
    with qtbot.waitSignal(window.control.run_ended):
        qtbot.keyClick(asked.number, Qt.Key.Key_Return)
    assert started(engines).switch_at == (SwitchChange(96, {"kv": "contiguous"}),)
    assert not asked.isVisible()
    assert window.scenarios.note.text.text().startswith("You said 3×; measured: ")
    window.choices.choose("language", "zh_CN")
    qtbot.waitUntil(lambda: scenario("2.1").words["zh_CN"].title in window.scenarios.note.title.text())
    assert unbroken("3\u2009倍") in window.scenarios.note.text.text()
    window.choices.choose("language", "en")


def test_a_choice_is_one_of_several(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    pick(window, "8")
    asked = window.scenarios.note.question
    assert asked.choices is not None
    asked.choices.buttons["paged"].click()
    engines.now.steps = 5
    with qtbot.waitSignal(window.control.run_ended, timeout=20_000):
        qtbot.keyClick(asked.choices.buttons["paged"], Qt.Key.Key_Return)
    assert len(engines.commands(protocol.Start)) > 30
    assert window.scenarios.note.text.text().startswith("You said Paging; measured most: ")


def test_it_runs_without_a_prediction_by_its_button_and_by_run(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    pick(window, "4")
    with qtbot.waitSignal(window.control.run_ended):
        qtbot.mouseClick(window.scenarios.note.question.skip_button, Qt.MouseButton.LeftButton)
    assert "You said" not in window.scenarios.note.text.text()
    pick(window, "4")
    window.scenarios.note.question.skip_button.setFocus()
    with qtbot.waitSignal(window.control.run_ended):
        qtbot.keyClick(window.scenarios.note.question.skip_button, Qt.Key.Key_Return)
    assert "You said" not in window.scenarios.note.text.text()
    pick(window, "4")
    with qtbot.waitSignal(window.control.run_ended):
        window.menus.actions["run"].trigger()
    assert [one.run.teacher_pass for one in engines.commands(protocol.Start)] == 3 * [True]  # type: ignore[union-attr]
    assert window.scenarios.outcome is not None


def test_another_run_ends_the_scenario(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.control.run_ended):
        pick(window, "1")
    with qtbot.waitSignal(window.control.run_ended):
        window.control.run_prompt()
    assert window.scenarios.outcome is None
    assert not window.scenarios.note.isVisible()


def test_a_run_that_is_stopped_claims_nothing(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 100_000
    pick(window, "1")
    qtbot.waitUntil(lambda: window.control.state == "running")
    with qtbot.waitSignal(window.control.run_ended):
        window.control.stop()
    assert window.scenarios.outcome is None
    assert window.scenarios.note.text.text() == scenario("1").words["en"].look


# --- a file ---------------------------------------------------------------------------------------------------------


def test_it_takes_the_place_of_a_run_that_goes_on(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    window.control.run_prompt(paused=True)
    qtbot.waitUntil(lambda: window.control.state == "paused")
    pick(window, "1")

    def kinds() -> list[type]:
        return [type(one) for one in engines.now.sent if isinstance(one, protocol.Start | protocol.Stop)]

    qtbot.waitUntil(lambda: len(kinds()) == 3)
    assert kinds() == [protocol.Start, protocol.Stop, protocol.Start]


def test_what_cannot_run_here_is_grey_and_says_why(window: MainWindow, tmp_path: Path) -> None:
    text = (FOLDER / "2.1-recompute.toml").read_text(encoding="utf-8").replace('kv = "none"', 'attention = "triton"')
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
    qtbot.waitUntil(lambda: window.scenarios.note.title.text() == "1  逐 token 生成")
    assert window.scenarios.actions[0].text() == "1  逐 token 生成"
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
        ("sampling = {", "drawn = {", "has no 'sampling'"),
        ('"late_over_early"', '"how_much"', "there is no figure 'how_much'"),
        ("{late_step_s}", "{late_step_s.__class__}", "is not the name of a figure"),
        ("{late_step_s}", "{late_step_s!r}", "is not the name of a figure"),
        ('card = "', f'card = "{"x" * 90}', "more than 90 characters"),
        ('detail = "phase"', 'detail = "much"', "detail must be one of"),
        ("[en]", "[en", "is wrong"),
        ('section = "1"', 'section = "1"\nsuite = "batching"', "its suite sets ignore_eos itself"),
        ('section = "1"', 'section = "1"\nsuite = "all"', "suite must be one of"),
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
    window.panels.arrange(one.panels, one.first_share)
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
