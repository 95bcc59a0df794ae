"""A tokenizer.json is a small program: its panics, its absurd ids, and the texts that it makes long."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.core.settings import RequestSpec
from engine.decode.new_request import make_request
from engine.errors import CheckpointError, InputError
from tests.engine.model.forward import load
from tests.engine.model.hostile import edit_json, refusal
from tests.engine.tiny import save_tiny_llama

Facts = dict[str, Any]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_llama(tmp_path_factory.mktemp("good") / "m")


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    from tests.engine.model.checkpoints import copy_of

    return copy_of(good, tmp_path / "m")


def changed(folder: Path, change: Callable[[Facts], Any]) -> Path:
    edit_json(folder / "tokenizer.json", change)
    return folder


def encoding_refused(folder: Path) -> str:
    """The sentence with which a request is refused whose prompt this tokenizer fails with."""
    model = load(folder)
    with pytest.raises(InputError) as caught:
        make_request(RequestSpec("a b"), 0, 0, model)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert caught.value.exit_status == 2
    return sentence


def bpe(**values: Any) -> Facts:
    return {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]], **values}


@pytest.mark.parametrize(
    "change",
    [
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": ""}},
        {"model": bpe(continuing_subword_prefix="é" * 10)},
        {"model": bpe(vocab={"a": 0, "b": 1})},
        {"model": {"type": "Nope"}},
        {"model": None},
        {"version": "x\n" * 100_000},
        {"added_tokens": "x" * 100_000},
    ],
    ids=lambda change: str(change)[:60],
)
def test_a_panic_or_a_refusal_while_it_is_read_is_one_sentence(folder: Path, change: Facts) -> None:
    sentence = refusal(changed(folder, lambda facts: facts.update(change)))
    assert sentence.startswith(f"{folder / 'tokenizer.json'} cannot be ")
    assert len(sentence) < 500


@pytest.mark.parametrize(
    "change",
    [
        {"pre_tokenizer": {"type": "FixedLength", "length": 0}},
        {"model": {"type": "WordLevel", "vocab": {"c": 0}, "unk_token": "zzz"}},
        {"model": {"type": "Unigram", "unk_id": None, "vocab": [["c", -1.0]], "byte_fallback": False}},
        {"model": bpe(vocab={"c": 0}, merges=[], unk_token="zz")},
    ],
    ids=["panic", "word level", "unigram", "bpe"],
)
def test_a_panic_or_a_refusal_over_a_prompt_is_one_sentence(folder: Path, change: Facts) -> None:
    sentence = encoding_refused(changed(folder, lambda facts: facts.update(change)))
    assert sentence.startswith("Request 0: The checkpoint's tokenizer cannot make tokens of this text: ")


def test_a_panic_over_a_token_is_one_sentence(folder: Path) -> None:
    changed(folder, lambda facts: facts.update(decoder={"type": "Strip", "content": "a", "start": 5, "stop": 5}))
    tokenizer = load(folder).tokenizer
    with pytest.raises(CheckpointError, match=r"^The checkpoint's tokenizer cannot make a text of these tokens: .*\.$"):
        list(map(tokenizer.token_text, range(260)))


def test_a_panic_ends_no_process(folder: Path) -> None:
    """A panic is a BaseException: what takes only Exceptions lets it through, to the end of the engine's process."""
    from engine.core.settings import LoadSpec, RunSpec
    from engine.host import protocol
    from engine.host.service import Service
    from engine.session import schema

    changed(folder, lambda facts: facts.update(pre_tokenizer={"type": "FixedLength", "length": 0}))
    events: list[schema.AnyEvent] = []
    service = Service(events.extend)
    service.handle(protocol.Load(LoadSpec(str(folder), device="cpu")))
    service.handle(protocol.Start(RunSpec((RequestSpec("a b"),))))
    (refused,) = [event for event in events if isinstance(event, schema.Refused)]
    assert refused.error in ("InputError", "CheckpointError")


@pytest.mark.parametrize("token_id", [260, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_token_beyond_the_embedding_is_refused_where_it_comes_up(folder: Path, token_id: int) -> None:
    changed(folder, lambda facts: facts["post_processor"]["special_tokens"]["<s>"].update(ids=[token_id]))
    assert f"(id {token_id}), and the model has embeddings for 260 tokens only, 0 to 259." in encoding_refused(folder)


@pytest.mark.parametrize("token_id", [260, 2**31 - 1, 2**31, 2**32 - 1])
def test_an_end_beyond_the_embedding_is_none(folder: Path, token_id: int) -> None:
    def move(facts: Facts) -> None:
        facts["added_tokens"] = []
        facts["model"]["vocab"].update({"<s>": token_id, "</s>": token_id})

    changed(folder, move)
    tokenizer = load(folder).tokenizer
    assert (tokenizer.bos_token_id, tokenizer.end_of_text_id) == (None, 257)  # that of config.json
    assert tokenizer.eos_token_ids == {257}


@pytest.mark.parametrize("token_id", [-1, 2**32, 10**400, 1.5, None, "5"])
def test_an_id_that_is_none_is_refused(folder: Path, token_id: object) -> None:
    refusal(changed(folder, lambda facts: facts["added_tokens"][0].update(id=token_id)))


BYTE_LEVEL: Facts = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def replacing(content: str, **pattern: str) -> Facts:
    return {"type": "Replace", "pattern": pattern, "content": content}


@pytest.mark.parametrize(
    "normalizer",
    [
        {"type": "Sequence", "normalizers": [replacing("aa", String="a")] * 40},
        replacing("x" * 100_000, String=""),
        replacing("x" * 100_000, Regex="a?"),
        {"type": "Sequence", "normalizers": [replacing("a", Regex="(?=.)")] * 40},
        {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "x" * 100_000}] * 1000},
        {"type": "Sequence", "normalizers": [{"type": "ByteLevel"}] * 40},
    ],
    ids=["doubling", "empty", "expression", "between characters", "in front", "bytes of bytes"],
)
def test_what_makes_a_text_long_is_refused(folder: Path, normalizer: Facts) -> None:
    """The first makes a terabyte of one letter."""
    sentence = refusal(changed(folder, lambda facts: facts.update(normalizer=normalizer)))
    assert sentence.startswith(f"{folder / 'tokenizer.json'} cannot be used: it")


def test_splitting_that_makes_a_text_long_is_refused(folder: Path) -> None:
    """What writes bytes as characters, done to what it wrote: a terabyte of one letter that is no ASCII."""
    doubling = {"type": "Sequence", "pretokenizers": [BYTE_LEVEL] * 40}
    assert "make a text more than 64 times as long" in refusal(
        changed(folder, lambda facts: facts.update(pre_tokenizer=doubling))
    )


def test_a_decoder_that_makes_a_text_long_is_refused(folder: Path) -> None:
    doubling = {"type": "Sequence", "decoders": [replacing("aa", String="a")] * 40}
    assert "its replacements make a text more than 64 times as long" in refusal(
        changed(folder, lambda facts: facts.update(decoder=doubling))
    )


def test_thousands_of_tokens_around_a_text_are_refused(folder: Path) -> None:
    def around(facts: Facts) -> None:
        facts["post_processor"]["single"] = [{"SpecialToken": {"id": "<s>", "type_id": 0}}] * 1000
        facts["post_processor"]["special_tokens"]["<s>"].update(ids=[5] * 20, tokens=["a"] * 20)

    assert "it puts more than 10000 tokens around each text" in refusal(changed(folder, around))


def test_a_table_that_says_it_is_larger_than_it_is_is_cut(folder: Path) -> None:
    """The library takes 16 GB of memory for this one, or the process dies."""
    table = base64.b64encode(b"\xff\xff\xff\xff" * 2).decode()
    changed(folder, lambda facts: facts.update(normalizer={"type": "Precompiled", "precompiled_charsmap": table}))
    assert refusal(folder).endswith("cannot be used: the table of its normalizer (precompiled_charsmap) is cut.")


def test_what_published_ones_do_is_read(folder: Path) -> None:
    normalizers = [
        {"type": "Prepend", "prepend": "▁"}, replacing("▁", String=" "), replacing('"', String="``"),
        replacing(" ", Regex=" {2,}"), {"type": "NFKD"}, {"type": "Lowercase"},
    ]  # fmt: skip
    splitting = {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, BYTE_LEVEL]}
    changed(folder, lambda facts: facts.update(
        normalizer={"type": "Sequence", "normalizers": normalizers}, pre_tokenizer=splitting,
        decoder={"type": "Sequence", "decoders": [BYTE_LEVEL]},
    ))  # fmt: skip
    load(folder)


def test_many_values_are_refused_before_they_are_read(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"a":[' + "[]," * 3_500_000 + "1]}")
    assert "tokenizer.json holds more than 6,000,000 values" in refusal(folder)


@pytest.mark.parametrize("piece", ["<0xZZ>", "<0x>", "<0x-1>", "<0x 1>", "<0x123>"])
def test_a_piece_that_looks_like_a_byte_is_a_text(piece: str) -> None:
    from engine.model.token_text import byte_level_bytes

    assert byte_level_bytes(piece) in (b"", piece.encode())
    assert byte_level_bytes("<0xE4>") == b"\xe4"


@pytest.mark.parametrize("value", ["\ud800", {"content": "\udfff"}, 5, None, [], {"content": 5}, "x\n" * 1000])
@pytest.mark.parametrize("name", ["bos_token", "eos_token", "chat_template"])
def test_names_of_any_kind_can_be_sent_on(folder: Path, name: str, value: object) -> None:
    edit_json(folder / "tokenizer_config.json", lambda facts: facts.update({name: value}))
    chat = load(folder).tokenizer.chat
    if chat is not None:
        json.dumps([chat.source, chat.tokens], ensure_ascii=False).encode()


@pytest.mark.parametrize("value", [[[]], [5], [{"name": [], "template": "a"}], [{"name": "default"}], [None]], ids=str)
def test_a_list_of_templates_that_are_none_is_no_template(folder: Path, value: object) -> None:
    edit_json(folder / "tokenizer_config.json", lambda facts: facts.update(chat_template=value))
    assert load(folder).tokenizer.chat is None
