"""How a step compares with others, in words, in the window's units."""

from __future__ import annotations

from dataclasses import replace

from pytestqt.qtbot import QtBot

from app.look.units import THIN_SPACE
from app.models.slow_words import slow_sentence, slow_words
from engine.figures.why_slow import Differs, WhySlow, why_slow
from engine.session.schema import Mark
from tests.engine.figures.test_why_slow import MS, session_of, step, usual


def plain(text: str) -> str:
    return text.replace(THIN_SPACE, " ")


def slow() -> WhySlow:
    steps = usual()
    steps[20] = step(20, 20 * 6 * MS, {"attention": 9.9, "ffn": 3.1, "norm": 0.4, "sample": 0.2, "other": 0.6},
                     positions_computed=212)  # fmt: skip
    found = why_slow(session_of(steps), 20)
    assert found is not None
    return found


def test_a_slow_step_says_by_how_much_where_and_what_was_special(qtbot: QtBot) -> None:
    assert plain(slow_sentence(slow())) == (
        "Step 20 took 14.2 ms ●, 3.09× the median of 39 other decode steps of one request (4.60 ms ƒ): "
        "+7.90 ms attention, +1.10 ms ffn, +600 µs unexplained; it computed 212 positions instead of 1."
    )


def test_a_usual_step_says_only_that(qtbot: QtBot) -> None:
    found = why_slow(session_of(usual()), 3)
    assert found is not None
    assert plain(slow_words(found)) == (
        "about as long as the median of 39 other decode steps of one request (4.60 ms ƒ)"
    )


def test_every_special_thing_has_its_words(qtbot: QtBot) -> None:
    found = replace(
        slow(), verdict="faster", parts=(("ffn", -2e-3),), unexplained_s=-1e-4, positions=Differs(3, 1.5), recomputed=2,
        launch="eager", kernel="reference", marks=(Mark(0, "switch", "kv: none → paged"),), paused_before=True,
        gap_s=0.02, gap_median_s=0.001, alike="near", rows=(2, 3), kind="verify",
    )  # fmt: skip
    assert [plain(part) for part in slow_words(found).split(" · ")] == [
        "3.09× the median of 39 other verify steps of 2 to 3 requests (4.60 ms ƒ): −2.00 ms ffn, −100 µs unexplained",
        "it computed 3 positions instead of 1.50, 2 of them again",
        "unlike them it ran operation by operation",
        "unlike them it ran reference",
        "before it: kv: none → paged",
        "the run rested right before it",
        "the gap before it was 20.0 ms instead of 1.00 ms",
    ]
    only_again = replace(found, positions=None, parts=(), unexplained_s=None, alike="kind")
    words = plain(slow_words(only_again))
    assert words.startswith("3.09× the median of 39 other verify steps of any settings (4.60 ms ƒ) · it computed 2 ")
    assert "with these settings" in slow_words(replace(found, alike="settings"))
    for launch in ("graph", "twin", "compiled"):
        assert "unlike them it" in slow_words(replace(found, launch=launch, kernel=""))
