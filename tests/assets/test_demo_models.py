"""The bundled pair is what the model card says it is, and transformers loads it unchanged."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

DEMO = Path(__file__).parents[2] / "assets" / "demo"
PASSAGE = "Once upon a time there was a king who had three sons, and the youngest of them was called Simpleton."


@pytest.fixture(scope="module", params=["target", "draft"])
def loaded(request: pytest.FixtureRequest) -> tuple[str, Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = DEMO / request.param
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return request.param, model.eval(), AutoTokenizer.from_pretrained(folder)


def config(name: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((DEMO / name / "config.json").read_text(encoding="utf-8"))
    return facts


def test_the_target_has_the_shape_it_should_have() -> None:
    facts = config("target")
    assert facts["architectures"] == ["LlamaForCausalLM"]
    assert facts["num_hidden_layers"] == 8
    assert (facts["num_attention_heads"], facts["num_key_value_heads"]) == (8, 4)
    assert facts["max_position_embeddings"] >= 1024
    assert 4000 <= facts["vocab_size"] <= 4200


def test_the_sizes_are_within_their_limits(loaded: tuple[str, Any, Any]) -> None:
    name, model, _ = loaded
    parameters = sum(p.numel() for p in model.parameters())
    low, high = (6_000_000, 10_000_000) if name == "target" else (1, 999_999)
    assert low <= parameters <= high
    assert sum(f.stat().st_size for pair in ("target", "draft") for f in (DEMO / pair).iterdir()) <= 30 * 2**20


def test_weights_are_stored_in_bfloat16() -> None:
    for name in ("target", "draft"):
        assert {t.dtype for t in load_file(DEMO / name / "model.safetensors").values()} == {torch.bfloat16}


def test_both_share_one_tokenizer_that_gives_back_what_it_was_given() -> None:
    files = [(DEMO / name / "tokenizer.json").read_bytes() for name in ("target", "draft")]
    assert files[0] == files[1]
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(files[0].decode())
    for text in (PASSAGE, "café, 你好\n\ttabs"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_it_reads_a_tale_far_better_than_chance(loaded: tuple[str, Any, Any]) -> None:
    name, model, tokenizer = loaded
    ids = torch.tensor([[tokenizer.bos_token_id, *tokenizer(PASSAGE, add_special_tokens=False)["input_ids"]]])
    with torch.inference_mode():
        loss = model(ids, labels=ids).loss.item()
    assert math.exp(loss) < (100 if name == "target" else 300)


def test_the_target_writes_words(loaded: tuple[str, Any, Any]) -> None:
    name, model, tokenizer = loaded
    if name == "draft":
        return
    ids = tokenizer("The cat sits on", return_tensors="pt", add_special_tokens=False)["input_ids"]
    torch.manual_seed(0)
    out = model.generate(ids, max_new_tokens=60, do_sample=True, temperature=0.8, top_p=0.95, top_k=0)
    words = tokenizer.decode(out[0]).split()
    assert len(words) > 30
    assert len(set(words)) > 20
