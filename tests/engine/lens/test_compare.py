"""The precision lens against transformers, and what must be exact: equal models, cut texts, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.errors import InputError, NotFiniteError
from engine.figures.precision import precision_figures
from engine.lens import stream
from engine.lens.compare import Comparison, windows
from engine.model.loader import LoadedModel
from engine.session.schema import PrecisionLayer
from tests.engine.lens.comparing import events_of, loaded, session_of, spec
from tests.engine.model.checkpoints import save_checkpoint
from tests.engine.tiny import disturb, save_tiny_llama


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model of three layers, and the same with other weights."""
    a = save_tiny_llama(tmp_path_factory.mktemp("lens") / "a", layers=3)
    b = a.with_name("b")
    disturb(a, b, 0.02)
    return a, b


@pytest.fixture(scope="module")
def models(folders: tuple[Path, Path]) -> tuple[LoadedModel, LoadedModel]:
    return loaded(folders[0]), loaded(folders[1])


def reference(folder: Path, ids: list[int], exchanged: tuple[Path, int] | None = None) -> torch.Tensor:
    """log p of each window's tokens by transformers, float64 [n, vocab]; with one layer of another checkpoint."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if exchanged is not None:
        other = AutoModelForCausalLM.from_pretrained(exchanged[0], dtype=torch.float32)
        model.model.layers[exchanged[1]] = other.model.layers[exchanged[1]]
    parts = [ids[start : start + 32] for start in range(0, len(ids), 32)]
    with torch.no_grad():
        logits = [model(torch.tensor([part])).logits[0, :-1] for part in parts if len(part) > 1]
    return torch.log_softmax(torch.cat(logits).double(), -1)


def kl_of(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return (p.exp() * (p - q)).sum(-1)


def test_each_position_and_each_layer_is_what_transformers_gives(
    folders: tuple[Path, Path], models: tuple[LoadedModel, LoadedModel]
) -> None:
    session = session_of(Comparison(*models, spec(folders[1], most=70)))
    rows, layers = session.precision_positions, session.precision_layers
    ids = models[0].tokenizer.encode(spec(folders[1]).text)[:70]
    a, b = (reference(folder, ids) for folder in folders)
    wanted = [index for index in range(70) if index % 32]  # the first token of each window is not predicted
    assert rows["position"].tolist() == wanted
    assert rows["context"].tolist() == [index % 32 for index in wanted]
    assert rows["token_id"].tolist() == [ids[index] for index in wanted]
    at = torch.arange(len(wanted)), torch.tensor([ids[index] for index in wanted])
    np.testing.assert_allclose(rows["nll_a"], -a[at], atol=2e-4)
    np.testing.assert_allclose(rows["nll_b"], -b[at], atol=2e-4)
    np.testing.assert_allclose(rows["kl"], kl_of(a, b), rtol=1e-3, atol=1e-5)
    assert rows["kl"].max() > 0.01
    np.testing.assert_array_equal(rows["top_a"], a.argmax(-1))
    np.testing.assert_array_equal(rows["top_b"], b.argmax(-1))
    judged = ids[:60]
    count = sum(1 for index in range(60) if index % 32)
    for layer in range(3):
        own = layers["layer"] == layer
        hybrid = reference(folders[0], judged, (folders[1], layer))
        whole = reference(folders[0], judged)
        tokens = torch.tensor([judged[index] for index in range(60) if index % 32])
        assert int(layers["positions"][own].sum()) == count
        assert layers["kl"][own].sum() == pytest.approx(float(kl_of(whole, hybrid).sum()), rel=1e-3)
        assert layers["nll"][own].sum() == pytest.approx(-float(hybrid[torch.arange(count), tokens].sum()), rel=1e-4)
        assert int(layers["same_top"][own].sum()) == int((whole.argmax(-1) == hybrid.argmax(-1)).sum())


def test_equal_models_differ_in_nothing(folders: tuple[Path, Path], models: tuple[LoadedModel, LoadedModel]) -> None:
    figures = precision_figures(session_of(Comparison(models[0], loaded(folders[0]), spec(folders[0]))))
    assert figures is not None
    assert (figures.kl, figures.kl_p99, figures.kl_max, figures.same_top) == (0.0, 0.0, 0.0, 1.0)
    assert figures.a.perplexity == figures.b.perplexity
    assert [(one.layer, one.kl, one.same_top) for one in figures.layers] == [
        (0, 0.0, 1.0),
        (1, 0.0, 1.0),
        (2, 0.0, 1.0),
    ]
    assert figures.done == 1.0


@pytest.mark.parametrize("kind", ["gemma3", "gpt2", "phi3", "qwen3", "mistral-window"])
def test_layers_of_every_kind_are_exchanged_exactly(tmp_path: Path, kind: str) -> None:
    """Windows of attention, rotations by layer and norms after a part: a layer of the model itself changes nothing."""
    save_checkpoint(tmp_path, kind)
    model = loaded(tmp_path)
    text = "<0> " + " ".join(f"t{index % 90}" for index in range(50))
    figures = precision_figures(session_of(Comparison(model, loaded(tmp_path), spec(tmp_path, text=text, window=40))))
    assert figures is not None
    assert figures.positions > 30
    assert [one.kl for one in figures.layers] == [0.0] * 3
    assert figures.kl == 0.0


def test_a_layer_that_computes_in_another_precision_is_exchanged_too(folders: tuple[Path, Path]) -> None:
    a, b = loaded(folders[0]), loaded(folders[0], "bfloat16")
    figures = precision_figures(session_of(Comparison(a, b, spec(folders[0]))))
    assert figures is not None
    assert figures.b.dtype == "bfloat16"
    assert all(0 < one.kl < 0.1 for one in figures.layers)


def test_logits_are_in_memory_for_some_positions_at_a_time(
    folders: tuple[Path, Path], models: tuple[LoadedModel, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    whole = stream.Passes.logits

    def counted(self: stream.Passes, given: stream.Stream) -> torch.Tensor:
        rows.append(len(given.x))
        return whole(self, given)

    monkeypatch.setattr(stream.Passes, "logits", counted)
    long = spec(folders[1], text="a long text " * 40, window=200, most=200, layers=0)
    assert not any(isinstance(event, PrecisionLayer) for event in events_of(Comparison(*models, long)))
    assert max(rows) == stream.ROWS_AT_ONCE
    assert sum(rows) == 2 * 199


def test_a_large_vocabulary_takes_no_more_memory() -> None:
    assert [part.stop - part.start for part in stream.chunks(130, 49_152)] == [64, 64, 2]
    assert [part.stop - part.start for part in stream.chunks(70, 262_144)] == [32, 32, 6]
    assert [part.stop - part.start for part in stream.chunks(2, 10**9)] == [1, 1]


def test_speed_is_of_both_models_in_turn(folders: tuple[Path, Path], models: tuple[LoadedModel, LoadedModel]) -> None:
    session = session_of(Comparison(*models, spec(folders[1], most=32)))
    table = session.precision_timings
    words = [table.words["model"][code] + table.words["part"][part] for code, part in zip(
        table["model"].tolist(), table["part"].tolist(), strict=True)]  # fmt: skip
    assert words[:4] == ["aprompt", "bprompt"] * 2
    assert words[4:] == [*["adecode"] * 8, *["bdecode"] * 8] * 2
    assert set(table["positions"][:4].tolist()) == {16}  # half of the window are steps
    assert (table["took_ns"] > 0).all()


def test_a_text_of_two_tokens_is_enough_and_of_one_is_refused(
    folders: tuple[Path, Path], models: tuple[LoadedModel, LoadedModel]
) -> None:
    figures = precision_figures(session_of(Comparison(*models, spec(folders[1], text="a", layers=2))))
    assert figures is not None
    assert (figures.positions, figures.layers[0].positions) == (1, 1)
    with pytest.raises(InputError, match="a text has 1 tokens; a comparison needs at least 2"):
        Comparison(*models, spec(folders[1], text=""))


def test_windows_leave_out_a_last_token_alone() -> None:
    assert windows(range(9), 4) == [(0, [0, 1, 2, 3]), (4, [4, 5, 6, 7])]
    assert windows(range(6), 4) == [(0, [0, 1, 2, 3]), (4, [4, 5])]


def test_other_shapes_and_other_tokens_are_refused(
    folders: tuple[Path, Path], models: tuple[LoadedModel, LoadedModel], tmp_path: Path
) -> None:
    deeper = loaded(save_tiny_llama(tmp_path / "deeper", layers=4))
    with pytest.raises(InputError, match=r"deeper \(B\) is no other precision of a \(A\): layers 3 in A, 4 in B"):
        Comparison(models[0], deeper, spec(folders[1]))
    other = save_tiny_llama(tmp_path / "other", layers=3)
    told = json.loads((other / "tokenizer.json").read_text())
    told["model"]["vocab"] |= {"a": told["model"]["vocab"]["b"], "b": told["model"]["vocab"]["a"]}
    (other / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match=r"tokenizers of a \(A\) and other \(B\) make different tokens of a text"):
        Comparison(models[0], loaded(other), spec(other))


def test_logits_that_are_not_finite_are_named(
    folders: tuple[Path, Path], models: tuple[LoadedModel, LoadedModel]
) -> None:
    broken = loaded(folders[1])
    broken.decoder.final_norm.weight.fill_(float("nan"))
    comparison = Comparison(models[0], broken, spec(folders[1]))
    with pytest.raises(NotFiniteError, match=r"b \(B\) gives logits that are not finite"):
        events_of(comparison)
