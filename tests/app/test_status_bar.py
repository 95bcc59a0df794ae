"""The status bar's figure of the profiler's own cost, and what it says about where that figure comes from."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.look.units import DERIVED, NOT_APPLICABLE, percent, rate
from app.window.main_window import MainWindow
from app.window.status_bar import StatusBar
from engine.figures.metrics import summarise
from engine.session.schema import Overhead
from tests.app.conftest import Engines
from tests.app.test_window import run_to_the_end
from tests.engine.session.synthetic import synthetic_session


def test_the_profilers_own_cost_is_told_as_what_it_is(qtbot: QtBot) -> None:
    """Spans count at a price, so the share is derived; what it leaves out is said beside it."""
    bar = StatusBar()
    qtbot.addWidget(bar)
    session = synthetic_session(4)
    bar.refresh(session, live=True, overhead=Overhead(0.0123, 0.0204))
    assert bar.overhead.text() == f"profiler {percent(0.0123)}"
    first, second = bar.overhead.toolTip().split("\n")
    assert first.startswith(f"{DERIVED} derived: what this run loses against one at detail “off”")
    assert second == f"the record of each step, kept at any detail, takes {percent(0.0204)} beside it"
    bar.refresh(session, live=False, overhead=None)
    assert bar.overhead.text() == ""


def test_the_rate_is_the_runs_own_also_while_it_goes_on(qtbot: QtBot) -> None:
    """A run of more than a second, slower at its end: the last second's rate would be another figure."""
    bar = StatusBar()
    qtbot.addWidget(bar)
    session = synthetic_session(800)
    session.tokens["emitted_ns"][700:] += 5_000_000_000
    session.steps["end_ns"][700:] += 5_000_000_000
    for live in (True, False):
        bar.refresh(session, live=live, overhead=None)
        assert bar.rate.text() == rate(summarise(session).tokens_per_s, "tokens/s")


def test_what_a_run_costs_is_not_said_before_it_was_told(qtbot: QtBot) -> None:
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.refresh(synthetic_session(4), live=True, overhead=None)
    assert bar.overhead.text() == f"profiler {NOT_APPLICABLE}"


def tell_cost(qtbot: QtBot, window: MainWindow, engines: Engines, cost: Overhead) -> None:
    engines.now.answer(cost)
    qtbot.waitUntil(lambda: window.feed.overhead == cost)


def test_the_line_is_written_anew_when_a_run_has_ended(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    """The last run's cost goes with it, and the rate is the one that the command line tells."""
    run_to_the_end(qtbot, window)
    tell_cost(qtbot, window, engines, Overhead(0.0308))
    window.status_control.refresh()
    assert window.status.overhead.text() == f"profiler {percent(0.0308)}"
    run_to_the_end(qtbot, window)
    assert window.shown.session is not None
    assert window.status.overhead.text() == f"profiler {NOT_APPLICABLE}"
    assert window.status.rate.text() == rate(summarise(window.shown.session).tokens_per_s, "tokens/s")
    tell_cost(
        qtbot, window, engines, Overhead(0.0111)
    )  # comes after the run's last event, as the whole run's cost does
    window.refresher.draw_all()
    assert window.status.overhead.text() == f"profiler {percent(0.0111)}"


def test_what_was_said_stands_in_place_of_the_figures_and_never_over_them(qtbot: QtBot) -> None:
    bar = StatusBar()
    qtbot.addWidget(bar)
    bar.show_file("/tmp/one.dscope", saved=True)
    bar.resize(900, 30)
    bar.show()
    bar.say("Saved /a/long/path/" + 20 * "of/folders/" + "two.dscope", 60_000)
    assert not bar.file.isVisible()
    assert not bar.state.isVisible()
    assert bar.device.isVisible()
    assert bar.said.startswith("Saved /a/long")
    assert bar._said.geometry().right() <= bar._left.width()
    bar.show_busy("saving", can_be_given_up=True)  # begun meanwhile: it may be ended, so it comes first
    assert bar.said == ""
    assert bar.doing.isVisible()
    bar.say("Saved", 0)
    qtbot.waitUntil(lambda: bar.said == "")
    assert bar.file.isVisible()
