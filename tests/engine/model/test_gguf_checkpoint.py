"""A GGUF file is opened as a checkpoint: its config, its parts, its tokenizer, and the sampling that it suggests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import CheckpointError, InputError
from engine.model.checkpoint import open_checkpoint
from engine.model.gguf_checkpoint import GgufCheckpoint
from engine.model.suggested import suggested_sampling
from engine.model.tokenizer import Tokenizer, load_tokenizer
from tests.engine.gguf.files import SHAPE, embedding, of_architecture, write_gguf
from tests.engine.gguf.vocabularies import answers, byte_level, sentence_piece
from tests.real_model import real_gguf

LLAMA = of_architecture("llama", SHAPE)
RECORDED = answers()
VOCABULARY = byte_level(RECORDED["merges"], "qwen2")
TOKENS = len(VOCABULARY["tokenizer.ggml.tokens"])
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{{ eos_token }}"


def opened(path: Path) -> GgufCheckpoint:
    checkpoint = open_checkpoint(path)
    assert isinstance(checkpoint, GgufCheckpoint)
    return checkpoint


def tokenizer_of(tmp_path: Path, metadata: dict[str, Any], rows: int = TOKENS) -> Tokenizer:
    path = write_gguf(tmp_path / "model.gguf", {**LLAMA, **metadata}, embedding(rows))
    return load_tokenizer(opened(path), rows)


def test_what_a_file_holds(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", LLAMA, embedding(), {"token_embd.weight": "Q8_0"})
    checkpoint = opened(path)
    assert checkpoint.path == path
    assert checkpoint.config["hidden_size"] == 32
    assert checkpoint.bytes_by_kind == {"Q8_0": 96 * 34, "F32": 2 * 32 * 4}
    assert checkpoint.bytes == sum(checkpoint.bytes_by_kind.values())
    assert checkpoint.stored_dtype == torch.bfloat16
    assert not checkpoint.names_dtype
    halves = write_gguf(tmp_path / "halves.gguf", LLAMA, embedding(), {"token_embd.weight": "F16"})
    assert opened(halves).stored_dtype == torch.float16


def test_a_file_without_the_suffix_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    blob = tmp_path / "sha256-0123"
    write_gguf(tmp_path / "model.gguf", LLAMA, embedding()).rename(blob)
    assert opened(blob).config["num_hidden_layers"] == 2
    (tmp_path / "other").write_bytes(b"something else")
    with pytest.raises(CheckpointError, match="or a GGUF file"):
        open_checkpoint(tmp_path / "other")


def split(tmp_path: Path, count: int = 2) -> list[Path]:
    """A model in parts: the first has the metadata and the embedding, each other one layer's norm."""
    tensors = list(embedding(layers=count - 1).items())
    files = []
    for number in range(1, count + 1):
        said = {"split.no": number - 1, "split.count": count, "split.tensors.count": len(tensors)}
        path = tmp_path / f"big-{number:05}-of-{count:05}.gguf"
        more = {**LLAMA, "llama.block_count": count - 1} if number == 1 else {}
        files.append(write_gguf(path, {**more, **said}, dict([tensors[number - 1]])))
    return files


def test_the_parts_of_a_model_are_read_from_any_of_them(tmp_path: Path) -> None:
    files = split(tmp_path, 3)
    for file in files:
        header = opened(file).header
        assert {tensor.file for tensor in header.tensors.values()} == set(files)
        assert header.metadata["llama.block_count"] == 2


def test_what_is_wrong_with_parts_is_said(tmp_path: Path) -> None:
    first, second = split(tmp_path)
    renamed = tmp_path / "renamed.gguf"
    renamed.write_bytes(first.read_bytes())
    with pytest.raises(CheckpointError, match="its name is not that of a part"):
        open_checkpoint(renamed)
    kept = second.read_bytes()
    second.write_bytes(first.read_bytes())
    with pytest.raises(CheckpointError, match="and so does another part"):
        open_checkpoint(first)
    write_gguf(second, LLAMA, embedding())
    with pytest.raises(CheckpointError, match="is no part of the model"):
        open_checkpoint(first)
    second.unlink()
    with pytest.raises(CheckpointError, match="00002-of-00002"):
        open_checkpoint(first)
    second.write_bytes(kept)
    open_checkpoint(first)


def test_the_tokenizer(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path, {**VOCABULARY, "tokenizer.chat_template": TEMPLATE})
    expected = RECORDED["answers"]["pre qwen2"]["alone"]
    assert [tokenizer.encode(text) for text in RECORDED["texts"]] == expected
    assert tokenizer.bos_token_id == 1
    assert tokenizer.eos_token_ids == {0, 2}
    assert tokenizer.end_of_text_id == 0
    text = tokenizer.render("the", chat=True)
    assert text == "<|im_start|>user\nthe<|im_end|>\n<|im_end|>"
    assert tokenizer.encode_rendered(text, chat=True)[0] == 1
    assert tokenizer.chat is not None
    tokenizer.chat.process.close()


def test_bos_that_no_one_names_begins_nothing(tmp_path: Path) -> None:
    unnamed = {key: value for key, value in VOCABULARY.items() if not key.endswith("_token_id")}
    assert tokenizer_of(tmp_path, unnamed).bos_token_id is None
    pieces = sentence_piece(RECORDED["pieces"])
    tokenizer = tokenizer_of(tmp_path, pieces, len(pieces["tokenizer.ggml.tokens"]))
    assert tokenizer.bos_token_id == 1
    assert tokenizer.encode("") == [1]
    with pytest.raises(InputError, match="no chat template"):
        tokenizer.render("the", chat=True)


def test_more_tokens_than_embeddings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"a vocabulary of {TOKENS} tokens, and embeddings of 32 only"):
        tokenizer_of(tmp_path, VOCABULARY, 32)


@pytest.mark.parametrize(
    ("given", "suggested"),
    [
        ({}, {}),
        ({"temp": 0.5, "top_k": 40, "top_p": 1.0}, {"temperature": 0.5, "top_k": 40}),
        ({"top_p": 0.75}, {"temperature": 1.0, "top_p": 0.75}),
        ({"temp": 0.0, "top_p": 0.75}, {}),
        ({"temp": "hot", "min_p": 0.25}, {"temperature": 1.0, "min_p": 0.25}),
    ],
)
def test_suggested_sampling(tmp_path: Path, given: dict[str, Any], suggested: dict[str, float]) -> None:
    said = {f"general.sampling.{name}": value for name, value in given.items()}
    path = write_gguf(tmp_path / "model.gguf", {**LLAMA, **said}, embedding())
    assert suggested_sampling(opened(path).generation) == suggested


@pytest.mark.skipif(not real_gguf().exists(), reason="`make real-model` fetches the model")
def test_a_published_file_gives_llama_cpps_tokens() -> None:
    recorded = json.loads((Path(__file__).parent / "smollm2_tokens.json").read_text(encoding="utf-8"))
    checkpoint = opened(real_gguf())
    tokenizer = load_tokenizer(checkpoint, checkpoint.config["vocab_size"])
    assert [tokenizer.encode(text) for text in recorded["texts"]] == recorded["ids"]
    assert {tokenizer.token_text(token) for token in tokenizer.eos_token_ids} == set(recorded["ends"])
    assert checkpoint.config["architectures"] == ["LlamaForCausalLM"]
    assert (checkpoint.config["num_hidden_layers"], checkpoint.config["hidden_size"]) == (30, 576)
    assert next(iter(checkpoint.bytes_by_kind)) == "Q4_1"
