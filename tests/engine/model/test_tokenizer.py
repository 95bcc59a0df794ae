"""Tokens and text: as transformers' tokenizer, empty prompts, display, and text that arrives token by token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as TheirTokenizer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from engine.errors import InputError
from engine.model.checkpoint import Checkpoint
from engine.model.fast_tokenizer import FastTokenizer
from engine.model.tokenizer import Tokenizer, load_tokenizer

TEXT = ["The cat sits on the mat, and the dog sits on the cat. "] * 9


def byte_level() -> TheirTokenizer:
    """As GPT-2, Llama 3 and Qwen have them: bytes as printable characters."""
    tokenizer = TheirTokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=alphabet, special_tokens=["<s>", "</s>"], show_progress=False
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def sentence_piece() -> TheirTokenizer:
    """As Llama 2 and Mistral have them: ▁ for spaces, and pieces like <0xE4> for bytes that no other piece covers."""
    tokenizer = TheirTokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    strip = decoders.Strip(content=" ", left=1, right=0)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), strip])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=340, special_tokens=special[:3], show_progress=False)
    )
    tokenizer.add_tokens([])
    model = json.loads(tokenizer.to_str())["model"]
    for piece in special[3:]:
        model["vocab"].setdefault(piece, len(model["vocab"]))
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer.model = models.BPE(model["vocab"], merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    return tokenizer


BUILD = {"byte-level": byte_level, "sentencepiece": sentence_piece}


def save(folder: Path, fast: TheirTokenizer, bos_first: bool, **config: Any) -> Checkpoint:
    """A folder with that tokenizer, as an opened checkpoint (without weights)."""
    if bos_first:
        special = [("<s>", fast.token_to_id("<s>"))]
        fast.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=special)
    fast.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return Checkpoint(folder, {}, {}, {})


@pytest.fixture(scope="module", params=sorted(BUILD))
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return load_tokenizer(save(tmp_path_factory.mktemp("tokenizer"), BUILD[request.param](), bos_first=True))


@pytest.mark.parametrize("bos_first", [True, False])
@pytest.mark.parametrize("kind", sorted(BUILD))
def test_a_prompt_gives_the_tokens_transformers_gives(kind: str, bos_first: bool, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    checkpoint = save(tmp_path, BUILD[kind](), bos_first)
    mine, theirs = load_tokenizer(checkpoint), AutoTokenizer.from_pretrained(tmp_path)
    for prompt in ("The cat sits on", " the  mat", "<s>The</s> dog", "naïve 猫 🐈‍⬛\n\ttab"):
        assert mine.encode(prompt) == theirs(prompt).input_ids
        assert mine.decode(mine.encode(prompt)) == theirs.decode(theirs(prompt).input_ids, skip_special_tokens=True)


def test_an_empty_prompt_is_bos_alone(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("") == [tokenizer.fast.token_to_id("<s>")]


def test_without_bos_an_empty_prompt_is_end_of_text(tmp_path: Path) -> None:
    fast = byte_level()
    fast.add_special_tokens(["<|endoftext|>"])
    tokenizer = load_tokenizer(save(tmp_path, fast, False, bos_token=None))
    assert tokenizer.bos_token_id is None
    assert tokenizer.encode("") == [fast.token_to_id("<|endoftext|>")]


def test_with_neither_an_empty_prompt_is_refused(tmp_path: Path) -> None:
    fast = TheirTokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer = load_tokenizer(save(tmp_path, fast, False, bos_token=None, eos_token=None))
    with pytest.raises(InputError, match="neither; give some text"):
        tokenizer.encode("")


def test_every_end_of_text_id_counts(tmp_path: Path) -> None:
    checkpoint = save(tmp_path, byte_level(), False)
    own = checkpoint.path / "tokenizer_config.json"
    assert own.exists()
    several = Checkpoint(tmp_path, {"eos_token_id": 7}, {"eos_token_id": [8, 9]}, {})
    eos = load_tokenizer(several).fast.token_to_id("</s>")
    assert load_tokenizer(several).eos_token_ids == {8, 9, eos}
    assert load_tokenizer(Checkpoint(tmp_path, {"eos_token_id": 7}, {}, {})).eos_token_ids == {7, eos}


def test_one_token_is_shown_as_its_text_its_name_or_its_bytes(tokenizer: Tokenizer) -> None:
    names = [tokenizer.token_text(token) for token in tokenizer.encode("The cat 猫")]
    assert names[0] == "<s>"
    assert "".join(names[1:]).lstrip().startswith("The cat ")
    assert "<0xE7>" in "".join(names)
    assert tokenizer.token_text(10**6) == "<1000000>"


@given(
    text=st.text(max_size=40) | st.sampled_from(["a 🐈‍⬛ b", "猫が座る", "  two  spaces ", "é", "The cat sits"]),
    build=st.sampled_from(sorted(BUILD)),
)
def test_text_that_arrives_token_by_token_is_the_whole_text(text: str, build: str) -> None:
    fast = FAST[build]
    tokenizer = Tokenizer(FastTokenizer(fast), None, None, frozenset())
    ids = fast.encode(text, add_special_tokens=False).ids
    stream = tokenizer.detokenizer()
    parts = [stream.push(token) for token in ids]
    assert all("\ufffd" not in part for part in parts) or "\ufffd" in text
    assert "".join(parts) + stream.flush() == tokenizer.decode(ids)


@given(ids=st.lists(st.integers(0, 319), max_size=30))
def test_any_tokens_give_their_text_bytes_that_are_no_character_included(ids: list[int]) -> None:
    tokenizer = Tokenizer(FastTokenizer(FAST["byte-level"]), None, None, frozenset())
    stream = tokenizer.detokenizer()
    text = "".join(stream.push(token) for token in ids) + stream.flush()
    assert text == tokenizer.decode(ids)
    assert stream.flush() == ""


@pytest.mark.parametrize("build", sorted(BUILD))
@given(data=st.data())
def test_tokens_that_are_left_out_change_nothing_of_the_text_around_them(build: str, data: st.DataObject) -> None:
    fast = FAST[build]
    words = st.sampled_from(["The cat", "sits", " on", "  the", "mat.", "é"]).map(
        lambda word: fast.encode(word, add_special_tokens=False).ids
    )
    special = st.sampled_from([[fast.token_to_id("</s>")], [fast.token_to_id("<s>")], [10**6]])
    ids = [token for part in data.draw(st.lists(words | special, max_size=12)) for token in part]
    stream = Tokenizer(FastTokenizer(fast), None, None, frozenset()).detokenizer()
    pieces = [stream.push(token) for token in ids]
    assert "".join(pieces) + stream.flush() == fast.decode(ids, skip_special_tokens=True)


def test_a_space_after_an_end_of_text_that_was_ignored_is_kept() -> None:
    fast = FAST["sentencepiece"]
    cat, end = fast.encode("cat", add_special_tokens=False).ids, fast.token_to_id("</s>")
    stream = Tokenizer(FastTokenizer(fast), None, None, frozenset()).detokenizer()
    assert "".join(stream.push(token) for token in [*cat, end, end, *cat]) == "cat cat"


def test_bytes_that_never_become_a_character_are_not_held_back_for_ever() -> None:
    fast = FAST["sentencepiece"]
    stream = Tokenizer(FastTokenizer(fast), None, None, frozenset()).detokenizer()
    parts = [stream.push(fast.token_to_id("<0xE7>")) for _ in range(200)]
    assert sum(map(len, parts)) >= 128


FAST = {name: build() for name, build in BUILD.items()}
