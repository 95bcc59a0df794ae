"""Why a row of attention is missing: what each step says of its recording, position by position."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.core.settings import Observation, Probe, RequestSpec, RunSpec, Switches
from engine.decode.engine import Engine
from engine.figures.attention_gaps import AttentionGaps, Missing, probe_at, recording_counts
from engine.figures.metrics import summarise
from engine.model.loader import LoadedModel
from engine.session import schema
from engine.session.store import Session
from tests.engine.drive import drive
from tests.engine.drive import session_of as events_session
from tests.engine.session.synthetic import synthetic_events


def session_of(
    steps: list[tuple[str, int]], work: list[tuple[int, int, int, int, int, int]], dropped: int = 0
) -> Session:
    """`steps`: (probe, left out) of each; `work`: (step, request, first, new_from, end, rejected)."""
    events: list[Any] = []
    base = next(event for batch in synthetic_events(1) for event in batch if isinstance(event, schema.Step))
    session = Session()
    session.apply(next(synthetic_events(1, requests=2)))
    events += [schema.Work(step, request, 0, first, new, end, rejected, first)
               for step, request, first, new, end, rejected in work]  # fmt: skip
    for id, (probe, left_out) in enumerate(steps):
        events.append(msgspec.structs.replace(base, id=id, attention_probe=probe, attention_left_out=left_out))
    session.apply([*events, schema.Dropped(dropped, 0)])
    return session


STEPS = [("1/2", 7), ("off", 0), ("1/*", 0), ("0/2", 0), ("1/2", 0), ("", 0)]
WORK = [(0, 0, 2, 2, 10, 0), (0, 1, 0, 0, 4, 0), *((i, 0, 9 + i, 9 + i, 10 + i, 0) for i in range(1, 6))]
"""Request 0 takes two positions from a cache, computes 2 to 9 in step 0, then one position a step."""


@pytest.mark.parametrize(
    ("position", "head", "missing"),
    [
        (0, 2, Missing("reused")),
        (3, 2, Missing("limit", 0, 1, 2)),
        (10, 2, Missing("off", 1)),
        (11, 2, Missing("dropped", 2, 1, None)),
        (12, 2, Missing("elsewhere", 3, 0, 2)),
        (13, 2, Missing("dropped", 4, 1, 2)),
        (13, 0, Missing("elsewhere", 4, 1, 2)),
        (13, None, Missing("dropped", 4, 1, 2)),
        (14, 2, Missing("unknown", 5)),
        (15, 2, Missing("waiting")),
    ],
)
def test_each_reason(position: int, head: int | None, missing: Missing) -> None:
    gaps = AttentionGaps(session_of(STEPS, WORK, dropped=2), 0)
    gaps.update()
    assert gaps.computed == 15
    assert gaps.why(position, 1, head) == missing


def test_without_a_dropped_row_nothing_is_said_to_be_dropped() -> None:
    gaps = AttentionGaps(session_of(STEPS, WORK), 0)
    gaps.update()
    assert gaps.why(13, 1, 2).why == "unknown"


def test_rows_are_counted_by_reason() -> None:
    session = session_of(STEPS, WORK, dropped=2)
    gaps = AttentionGaps(session, 0)
    gaps.update()
    recorded = np.zeros(12, bool)
    recorded[[5, 6, 7, 8, 9, 11]] = True
    found = {"reused": 2, "limit": 3, "off": 1, "elsewhere": 1, "dropped": 1, "unknown": 1}
    assert gaps.counts(recorded, 1, 2) == found
    assert gaps.counts(np.ones(99, bool), 1, 2) == {}
    assert AttentionGaps(Session(), 0).counts(recorded, 1, 2) == {}
    assert recording_counts(session) == {"steps_on": 4, "steps_off": 1, "prompt_rows_left_out": 7}
    assert recording_counts(session, (1, 2)) == {"steps_on": 1, "steps_off": 1, "prompt_rows_left_out": 0}
    assert recording_counts(session, (5, 5)) == recording_counts(Session()) == {}


def test_a_position_computed_again_for_the_first_time_counts_where_it_was_kept() -> None:
    """A rejected draft's position is computed again, and its row recorded, or not, in the later step."""
    gaps = AttentionGaps(session_of([("1/2", 0), ("off", 0)], [(0, 0, 0, 0, 6, 2), (1, 0, 4, 4, 5, 0)]), 0)
    gaps.update()
    assert gaps.computed == 5
    assert gaps.why(4, 1, 2) == Missing("off", 1)


@pytest.mark.parametrize("word", ["", "off", "3", "3/", "/2", "a/b", "3/x", "-1/2", "3/-1"])
def test_words_that_name_no_recording(word: str) -> None:
    assert probe_at(word) is None


def test_the_engine_says_what_each_step_recorded(tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is missing has the reason that is true of it, and nothing that is there is said to be missing."""
    monkeypatch.setattr("engine.measure.probe.ROWS_A_SPAN", 3)
    monkeypatch.setattr("engine.measure.probe.BYTES_A_STEP", 0)
    probes = {3: None, 6: Probe(0, None), 9: Probe(1, 1)}

    def before_step(engine: Engine, call: int) -> None:
        if call in probes:
            engine.observe(replace(engine.runner.observation, probe=probes[call]))

    spec = RunSpec((RequestSpec("abcdefgh", 12, ignore_eos=True),), Switches(), Observation("phase", Probe(1, 0)))
    session = events_session(drive(tiny_model, spec, before_step))
    prompt = session.requests[0].prompt_tokens
    assert prompt > 3
    words = session.steps.words["attention_probe"]
    assert [words[code] for code in session.steps["attention_probe"]] == ["1/0"] * 3 + ["off"] * 3 + ["0/*"] * 3 + [
        "1/1"
    ] * 3
    assert session.steps["attention_left_out"].tolist() == [prompt - 3] + [0] * 11
    gaps = AttentionGaps(session, 0)
    gaps.update()
    recorded = np.zeros(gaps.computed, bool)
    recorded[[row[1] for row in session.details.attention_map(0, 1, 0)]] = True
    assert np.flatnonzero(recorded).tolist() == list(range(prompt - 3, prompt + 2))
    assert gaps.counts(recorded, 1, 0) == {"limit": prompt - 3, "off": 3, "elsewhere": 6}
    assert json.loads(json.dumps(summarise(session).to_json()))["attention"] == {
        "steps_on": 9, "steps_off": 3, "prompt_rows_left_out": prompt - 3,
    }  # fmt: skip
