"""A model whose logits are no numbers ends the run with a sentence that says since which part, greedy or sampled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.core.settings import RequestSpec, RunSpec, Sampling, Switches
from engine.decode.draft import DraftProposer
from engine.decode.engine import Engine
from engine.decode.new_request import make_request
from engine.errors import NotFiniteError
from engine.graphs.device import PlainDevice
from engine.sampling.sampler import choices, describe, draw
from engine.session.schema import AnyEvent
from tests.engine.drive import drive, session_of, tokens_of
from tests.engine.scripted import EOS, load_scripted, poison, save_scripted

SCRIPT = "a b c d e f g a"
LAYER = "model.layers.1.mlp.down_proj.weight"


@pytest.mark.parametrize(
    ("weight", "part"),
    [
        ("model.norm.weight", "the final norm's output"),
        ("lm_head.weight", "the LM head's output"),
        (LAYER, "layer 1's output"),
        ("model.layers.0.input_layernorm.weight", "layer 0's output"),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_sentence_names_the_first_part_that_gives_none(
    tmp_path: Path, weight: str, part: str, temperature: float
) -> None:
    model = load_scripted(poison(save_scripted(tmp_path / "model", SCRIPT, layers=3), weight))
    run = RunSpec((RequestSpec("a b", 5, sampling=Sampling(temperature=temperature)),))
    with pytest.raises(NotFiniteError, match=f"logits are not finite.*: {part} is the first"):
        drive(model, run)


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
@pytest.mark.parametrize("speculate", ["off", "ngram"])
def test_it_is_noticed_in_the_middle_of_a_text(
    tmp_path: Path, graphs: bool, temperature: float, speculate: str
) -> None:
    """Only the token `c` has a row of the embedding that is no number: all is well until it is fed."""
    folder = save_scripted(tmp_path / "model", SCRIPT)
    model = load_scripted(poison_row(folder, 4))
    spec = RequestSpec("a b d a b", 6, sampling=Sampling(temperature=temperature, top_k=1 if temperature else 0))
    switches = Switches(kv="paged", graphs=graphs, speculate=speculate)  # type: ignore[arg-type]
    with pytest.raises(NotFiniteError, match="the embedding's output"):
        drive(model, RunSpec((spec,), switches), graph_device=PlainDevice())


def test_a_draft_model_that_gives_none_is_named(tmp_path: Path) -> None:
    model = load_scripted(save_scripted(tmp_path / "model", SCRIPT))
    draft = load_scripted(poison(save_scripted(tmp_path / "draft", SCRIPT), "lm_head.weight"))
    for temperature in (0.0, 1.0):
        run = RunSpec((RequestSpec("a b", 9, sampling=Sampling(temperature=temperature)),), Switches(speculate="draft"))
        with pytest.raises(NotFiniteError, match=r"draft model's logits are not finite.*the LM head's output"):
            drive(model, run, draft=draft)


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_draft_that_leads_there_is_part_of_the_text_that_is_searched(
    tmp_path: Path, graphs: bool, temperature: float
) -> None:
    """`c` is drafted, accepted and fed in one pass: it is no token of the request yet when its row is no number."""
    model = load_scripted(poison_row(save_scripted(tmp_path / "model", SCRIPT), 4))
    draft = load_scripted(save_scripted(tmp_path / "draft", SCRIPT))
    spec = RequestSpec("a", 9, sampling=Sampling(temperature=temperature, top_k=1 if temperature else 0))
    run = RunSpec((spec,), Switches(kv="paged", speculate="draft", graphs=graphs))
    with pytest.raises(NotFiniteError, match="the embedding's output is the first"):
        drive(model, run, draft=draft, graph_device=PlainDevice())


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_what_stands_after_a_texts_end_may_be_none(tmp_path: Path, graphs: bool, temperature: float) -> None:
    """A text that ends with a draft is the same text as without drafts, whatever the rows after its end hold.

    What the end token gives overflows behind the last attention, so that no row before it sees any of it.
    """
    script = "a b E a"
    folder = save_scripted(tmp_path / "model", script)
    weights = load_file(str(folder / "model.safetensors"))
    weights["model.layers.0.mlp.gate_proj.weight"][0, EOS] = torch.finfo(torch.float32).max
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    model = load_scripted(folder)
    draft = load_scripted(save_scripted(tmp_path / "draft", script))
    spec = RequestSpec("a", 9, sampling=Sampling(temperature=temperature, top_k=1 if temperature else 0))
    switches = Switches(kv="paged", speculate="draft", graphs=graphs)
    events = drive(model, RunSpec((spec,), switches), draft=draft, graph_device=PlainDevice())
    [request] = session_of(events).requests.values()
    assert request.finish_reason == "eos"
    assert tokens_of(events) == tokens_of(drive(model, RunSpec((spec,))))


def test_it_is_found_at_the_end_of_a_long_text(tmp_path: Path) -> None:
    folder = save_scripted(tmp_path / "model", SCRIPT, config={"max_position_embeddings": 2048})
    model = load_scripted(poison_row(folder, 4))
    with pytest.raises(NotFiniteError, match="the embedding's output is the first"):
        drive(model, RunSpec((RequestSpec("a b " * 400 + "c", 5),)))


def test_it_is_told_where_no_pass_more_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> str:
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = load_scripted(poison(save_scripted(tmp_path / "model", SCRIPT), "lm_head.weight"))
    monkeypatch.setattr("engine.decode.not_finite.first_not_finite", no_memory)
    with pytest.raises(NotFiniteError, match=r"not finite .* could not be found out\.$"):
        drive(model, RunSpec((RequestSpec("a", 5),)))


def test_who_ends_in_the_step_that_fails_is_cancelled_as_everyone(tmp_path: Path) -> None:
    """Its last token was not told, so that it must not count as finished."""
    model = load_scripted(poison_row(save_scripted(tmp_path / "model", SCRIPT), 4))
    specs = (RequestSpec("e", 1), RequestSpec("c", 5))
    events: list[AnyEvent] = []
    engine = Engine(model, RunSpec(specs, Switches(kv="paged", batching="continuous")), {}, events.extend)
    engine.begin(0)
    with pytest.raises(NotFiniteError):
        engine.step()
    engine.cancel()
    assert [one.finish_reason for one in session_of(events).requests.values()] == ["cancelled"] * 2
    assert tokens_of(events) == {}


def test_a_draft_model_with_a_smaller_vocabulary_is_searched_with_what_it_was_fed(tmp_path: Path) -> None:
    """The target has rows for tokens that the draft model has none for."""
    model = load_scripted(save_scripted(tmp_path / "model", SCRIPT))
    draft = load_scripted(poison(save_scripted(tmp_path / "draft", SCRIPT), "lm_head.weight"))
    beyond = draft.config.vocab
    request = make_request(RequestSpec("a", 5), 0, 0, model)
    request.tokens = [2, beyond, 3]
    with pytest.raises(NotFiniteError, match=r"draft model's logits.*the LM head's output"):
        DraftProposer(draft, Switches(graphs=False), beyond + 8).propose([request], [2])


def test_infinite_logits_of_tokens_that_cannot_come_are_no_fault(tmp_path: Path) -> None:
    """A row of -inf is a token ruled out, and its share of the entropy is 0."""
    logits = torch.tensor([[1.0, -torch.inf, 0.5]])
    [choice] = choices(describe(logits, torch.tensor([0]), 0))
    p = torch.softmax(torch.tensor([1.0, 0.5]), -1).double()
    assert choice.entropy == pytest.approx(float(-(p * p.log()).sum()), rel=1e-6)


def test_a_draw_from_what_is_no_distribution_is_still_a_token() -> None:
    """On a GPU an index beyond the row would end the process."""
    rows = torch.tensor([[float("nan")] * 4, [0.1, 0.2, 0.3, 0.4]], dtype=torch.float64)
    assert draw(rows, torch.tensor([0.5, 0.99], dtype=torch.float64)).tolist()[1] == 3
    assert 0 <= draw(rows, torch.tensor([0.5, 0.99], dtype=torch.float64)).tolist()[0] < 4


def poison_row(folder: Path, token: int) -> Path:
    """Make the embedding of one token no number."""
    file = folder / "model.safetensors"
    weights = load_file(str(file))
    weights["model.embed_tokens.weight"][token] = float("nan")
    save_file(weights, str(file), metadata={"format": "pt"})
    return folder
