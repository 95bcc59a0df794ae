"""A model whose logits are no numbers ends the run with a sentence that says since which part, greedy or sampled."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.decode.sampler import choices, describe, draw
from engine.decode.settings import RequestSpec, RunSpec, Sampling, Switches
from engine.errors import NotFiniteError
from engine.graphs.device import PlainDevice
from tests.engine.drive import drive
from tests.engine.scripted import load_scripted, poison, save_scripted

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
