"""A tokenizer.json as GGUF's metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.errors import CheckpointError
from engine.gguf.of_tokenizer import (
    BYTE,
    CONTROL,
    NORMAL,
    PRE_TOKENIZERS,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    pre_tokenizer,
    special_metadata,
    tokenizer_metadata,
)
from engine.gguf.pre_tokenizers import KINDS

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
WITH_WORDS = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}


def split(expression: str, behavior: str = "Isolated", invert: bool = False) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": expression}, "behavior": behavior, "invert": invert}


def sequence(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(steps)}


def byte_level(pre: dict[str, Any] | None, **model: Any) -> dict[str, Any]:
    vocab = {"a": 0, "b": 1, "ab": 2}
    return {
        "pre_tokenizer": pre, "model": {"type": "BPE", "vocab": vocab, "merges": ["a b"], **model},
        "added_tokens": [
            {"id": 3, "content": "<e>", "special": True}, {"id": 4, "content": "<|x|>", "special": False},
            {"id": 5, "content": "own", "special": False},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pre", "ignores", "name"),
    [
        (WITH_WORDS, False, "gpt-2"),
        (sequence({"type": "Digits", "individual_digits": True}, WITH_WORDS), False, "smollm"),
        (sequence(split(QWEN2), BYTES), False, "qwen2"),
        (sequence(split(QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)), BYTES), True, "llama-bpe"),
        (sequence(split(QWEN2.replace(r"\p{N}|", r"\p{N}{1,3}|", 1), "Removed", True), BYTES), False, "dbrx"),
    ],
)
def test_the_split_of_published_tokenizers_has_llama_cpps_name(pre: dict[str, Any], ignores: bool, name: str) -> None:
    assert pre_tokenizer(byte_level(pre, ignore_merges=ignores)) == name


@pytest.mark.parametrize(
    "pre", [None, {"type": "Whitespace"}, split("x"), sequence(split(QWEN2, "Removed"), BYTES), {"type": "Digits"}]
)
def test_a_split_without_a_name_is_refused(pre: dict[str, Any] | None) -> None:
    with pytest.raises(CheckpointError, match=r"llama\.cpp has no name for"):
        pre_tokenizer(byte_level(pre))


def test_every_name_is_one_that_can_be_read_again() -> None:
    known = {name for names in KINDS for name in names}
    assert {*PRE_TOKENIZERS.values(), "llama-bpe"} <= known


@pytest.mark.parametrize("merges", [["a b"], [["a", "b"]]])
def test_byte_level_vocabularies(merges: list[Any]) -> None:
    values = tokenizer_metadata(byte_level(WITH_WORDS, merges=merges), 8)
    assert values["tokenizer.ggml.model"] == "gpt2"
    assert values["tokenizer.ggml.tokens"] == ["a", "b", "ab", "<e>", "<|x|>", "own", "[PAD6]", "[PAD7]"]
    types = values["tokenizer.ggml.token_type"]
    assert isinstance(types, np.ndarray)
    assert types.tolist() == [NORMAL, NORMAL, NORMAL, CONTROL, CONTROL, USER_DEFINED, UNUSED, UNUSED]
    assert values["tokenizer.ggml.merges"] == ["a b"]


def test_sentencepiece_vocabularies_merge_by_score() -> None:
    vocab = {"<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁": 3, "a": 4, "b": 5, "▁a": 6, "▁ab": 7, "ab": 8}
    merges = [["a", "b"], ["▁", "a"], ["▁a", "b"], ["▁", "ab"]]
    tokenizer = {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}]}, "pre_tokenizer": None,
        "model": {"type": "BPE", "vocab": vocab, "merges": merges, "byte_fallback": True, "unk_token": "<unk>"},
        "added_tokens": [{"id": 1, "content": "<s>", "special": True}, {"id": 9, "content": "▁▁", "special": False}],
    }  # fmt: skip
    values = tokenizer_metadata(tokenizer, 10)
    scores, types = values["tokenizer.ggml.scores"], values["tokenizer.ggml.token_type"]
    assert isinstance(scores, np.ndarray)
    assert isinstance(types, np.ndarray)
    assert values["tokenizer.ggml.model"] == "llama"
    assert values["tokenizer.ggml.add_space_prefix"] is True
    assert types.tolist() == [UNKNOWN, CONTROL, BYTE, *[NORMAL] * 6, USER_DEFINED]
    assert scores.tolist() == [0, -1000, 0, -4, -4, -4, -1, -2, 0, -1000]
    assert values["tokenizer.ggml.tokens"][9] == "  "  # type: ignore[index]


@pytest.mark.parametrize(
    ("normalizer", "pre", "adds"),
    [
        (None, {"type": "Metaspace", "prepend_scheme": "first"}, True),
        (None, {"type": "Metaspace", "prepend_scheme": "never"}, False),
        ({"type": "Replace"}, {"type": "Split", "pattern": {"String": " "}}, False),
    ],
)
def test_whether_a_space_is_put_before_a_text(normalizer: Any, pre: Any, adds: bool) -> None:
    tokenizer = {
        "normalizer": normalizer, "pre_tokenizer": pre,
        "model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "byte_fallback": True},
    }  # fmt: skip
    assert tokenizer_metadata(tokenizer, 1)["tokenizer.ggml.add_space_prefix"] is adds


def test_another_kind_of_tokenizer_is_refused() -> None:
    with pytest.raises(CheckpointError, match="not byte-pair encoding"):
        tokenizer_metadata({"model": {"type": "Unigram", "vocab": []}}, 4)


def test_more_tokens_than_the_embedding_has_rows_are_refused() -> None:
    with pytest.raises(CheckpointError, match="has the token 5, but the model's embedding has 5 rows"):
        tokenizer_metadata(byte_level(WITH_WORDS), 5)


def test_special_tokens_by_role() -> None:
    values = special_metadata(1, [2, 7, 9, 11], {"padding": 0, "unknown": None}, (True, False), "{{ x }}")
    assert values == {
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.eot_token_id": 7,
        "tokenizer.ggml.eom_token_id": 9, "tokenizer.ggml.padding_token_id": 0, "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False, "tokenizer.chat_template": "{{ x }}",
    }  # fmt: skip
