"""A text that ends within a proposal: what stands after its end was never said, so it was not accepted either."""

from __future__ import annotations

import pytest

from engine.core.settings import RequestSpec, RunSpec, Switches
from engine.figures.acceptance import acceptance_by_position, speculation_figures
from engine.graphs.device import PlainDevice
from engine.model.loader import LoadedModel
from engine.session.schema import Speculation, Token
from tests.engine.drive import drive, session_of
from tests.engine.scripted import load_scripted, save_scripted

PROMPT = "a b c E d e f g a"
"""The n-grams that follow `a` in it are proposed whole: `b c E d`."""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_scripted(save_scripted(tmp_path_factory.mktemp("scripted") / "chain", "a b c E d e f g a"))


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize(
    ("spec", "text", "k"),
    [
        (RequestSpec(PROMPT, 20), ["b", "c", "E"], 6),
        (RequestSpec(PROMPT, 20, ignore_eos=True, stop=("d",)), ["b", "c", "E", "d"], 6),
        (RequestSpec(PROMPT, 4, ignore_eos=True), ["b", "c", "E", "d"], 6),
        (RequestSpec(PROMPT, 12, ignore_eos=True), ["b", "c", "E", "d", "e", "f", "g", "a", "b", "c", "E", "d"], 3),
    ],
)
def test_accepted_drafts_are_the_tokens_that_came_from_drafts(
    chain: LoadedModel, spec: RequestSpec, text: list[str], k: int, graphs: bool
) -> None:
    switches = Switches(kv="paged", speculate="ngram", k=k, graphs=graphs)
    events = drive(chain, RunSpec((spec, spec), switches), graph_device=PlainDevice())
    words = [chain.tokenizer.fast.id_to_token(e.token_id) for e in events if isinstance(e, Token) and not e.request_id]
    assert words == text
    drafts: dict[tuple[int, int], int] = {}
    for event in events:
        if isinstance(event, Token):
            key = (event.step_id, event.request_id)
            drafts[key] = drafts.get(key, 0) + (event.source == "draft")
    trials = [event for event in events if isinstance(event, Speculation)]
    assert trials
    assert all(trial.accepted == drafts[trial.step_id, trial.request_id] for trial in trials)
    session = session_of(events)
    figures = speculation_figures(session)
    assert figures["accepted"] == sum(drafts.values())
    assert figures["drafted"] == sum(trial.proposed for trial in trials)
    assert figures["drafted"] - figures["accepted"] == session.steps["positions_rejected"].sum()
    assert 1 + acceptance_by_position(session).sum() == pytest.approx(figures["length"])
