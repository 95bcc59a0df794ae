"""The tokens of a GGUF file's vocabulary are those that llama.cpp makes, for each kind of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from engine.errors import CheckpointError
from engine.gguf.header import read_header
from engine.gguf.pre_tokenizers import KINDS, PRE_TOKENIZERS
from engine.gguf.tokenizer import tokenizer_json
from engine.gguf.vocabulary import Vocabulary, read_vocabulary
from tests.engine.gguf.vocabularies import answers, byte_level, save, sentence_piece, variants

RECORDED = answers()
ASKED = variants(RECORDED, [names[0] for names in KINDS])


def vocabulary_of(tmp_path: Path, metadata: dict[str, Any]) -> Vocabulary:
    path = save(tmp_path / "vocabulary.gguf", metadata)
    with path.open("rb") as stream:
        return read_vocabulary(read_header(stream, path).metadata)


@pytest.mark.parametrize("name", RECORDED["answers"])
def test_ids_are_llama_cpps(tmp_path: Path, name: str) -> None:
    tokenizer = Tokenizer.from_buffer(tokenizer_json(vocabulary_of(tmp_path, ASKED[name])))
    for special, around in (("alone", False), ("around", True)):
        for text, ids in zip(RECORDED["texts"], RECORDED["answers"][name][special], strict=True):
            assert tokenizer.encode(text, add_special_tokens=around).ids == ids, text


def test_every_kind_was_asked_about() -> None:
    asked = {name.removeprefix("pre ") for name in RECORDED["answers"]}
    assert all(asked & set(names) for names in KINDS)


def test_the_kinds_differ_in_what_was_asked() -> None:
    """A text that every kind cuts alike would prove nothing."""
    of_kind = {
        names[0]: json.dumps(RECORDED["answers"][f"pre {names[0] or 'default'}"]["alone"])
        for names in KINDS
        if names[0] != "bailingmoe"  # cuts as qwen2 does, in other words
    }
    expressions = {PRE_TOKENIZERS[name].expressions for name in of_kind}
    assert len(set(of_kind.values())) == len(expressions)


@pytest.mark.parametrize("name", ["pre starcoder", "pieces", "pieces without prefix"])
def test_text_comes_back_from_its_ids(tmp_path: Path, name: str) -> None:
    tokenizer = Tokenizer.from_buffer(tokenizer_json(vocabulary_of(tmp_path, ASKED[name])))
    for text in RECORDED["texts"]:
        if "<" not in text:
            assert tokenizer.decode(tokenizer.encode(text).ids) == text.replace("▁", " " if "pieces" in name else "▁")


def test_what_ends_a_text(tmp_path: Path) -> None:
    vocabulary = vocabulary_of(tmp_path, byte_level(RECORDED["merges"], "qwen2"))
    assert {vocabulary.tokens[one] for one in vocabulary.ends} == {"<|endoftext|>", "<|im_end|>"}
    named = byte_level(
        RECORDED["merges"], "qwen2", **{"tokenizer.ggml.eot_token_id": 9, "tokenizer.ggml.eos_token_id": 8}
    )
    assert {0, 2, 8, 9} == vocabulary_of(tmp_path, named).ends


def test_end_of_a_part_is_no_end_where_an_answer_has_parts(tmp_path: Path) -> None:
    metadata = byte_level(RECORDED["merges"], "gpt-4o")
    texts = ["<|end|>", "<|return|>", "<|call|>", "<|channel|>"]
    metadata["tokenizer.ggml.tokens"] += texts
    metadata["tokenizer.ggml.token_type"] += [3] * 4
    vocabulary = vocabulary_of(tmp_path, metadata)
    ends = {vocabulary.tokens[one] for one in vocabulary.ends}
    assert ends >= {"<|return|>", "<|call|>"}
    assert not ends & {"<|end|>", "<|channel|>"}


def test_ids_that_are_not_given_are_the_usual_ones(tmp_path: Path) -> None:
    vocabulary = vocabulary_of(tmp_path, sentence_piece(RECORDED["pieces"]))
    assert (vocabulary.bos, vocabulary.eos, vocabulary.unknown) == (1, 2, 0)
    assert vocabulary.add_bos
    assert not vocabulary.add_eos


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokenizer.ggml.model": "t5"}, "a tokenizer of the kind t5"),
        ({"tokenizer.ggml.model": "rwkv"}, "a tokenizer of the kind rwkv"),
        ({"tokenizer.ggml.pre": "kimi-k2"}, "pre-tokenizer 'kimi-k2' is not supported"),
        ({"tokenizer.ggml.tokens": 3}, "no list tokenizer.ggml.tokens"),
        ({"tokenizer.ggml.merges": [1, 2]}, "no list tokenizer.ggml.merges"),
        ({"tokenizer.ggml.token_type": [1, 1]}, "tokenizer.ggml.token_type should have a number for each"),
        ({"tokenizer.ggml.tokens": ["a", "b", "a"]}, "the token 'a' twice"),
        ({"tokenizer.ggml.add_bos_token": "yes"}, "add_bos_token as true or false, not 'yes'"),
        ({"tokenizer.chat_template": 3}, "tokenizer.chat_template as a text, not 3"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        vocabulary_of(tmp_path, {**byte_level(RECORDED["merges"], "qwen2"), **change})
    assert said in str(caught.value)


def test_a_merge_whose_token_is_missing_is_left_out(tmp_path: Path) -> None:
    metadata = byte_level(RECORDED["merges"], "qwen2")
    metadata["tokenizer.ggml.merges"] = ["Ġ nothing", "nospace", *metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer.from_buffer(tokenizer_json(vocabulary_of(tmp_path, metadata)))
    expected = RECORDED["answers"]["pre qwen2"]["alone"]
    assert [tokenizer.encode(text, add_special_tokens=False).ids for text in RECORDED["texts"]] == expected
