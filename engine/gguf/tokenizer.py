"""A GGUF file's vocabulary as a tokenizer.json for the `tokenizers` library, which makes llama.cpp's tokens from it.

A byte-level vocabulary (`gpt2`) has merges in the order of their ranks. One of SentencePiece (`llama`) has a score for
each token: two neighbours whose text together is a token become that token, that of the highest score first. As merges,
these are all the ways to cut a token into two, ranked by its score. Imports no torch.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.errors import CheckpointError
from engine.gguf.pre_tokenizers import pre_tokenizer_of
from engine.gguf.vocabulary import CONTROL, UNKNOWN, USER_DEFINED, Vocabulary

SPACE: Final = "▁"
MOST_MERGES: Final = 3_000_000
"""Limit of merges made from scores; a vocabulary of 262,144 tokens gives 600,000."""
LONGEST_CUT: Final = 256
"""Longest token, in characters, that is reached by merging. SentencePiece's own limit is 16 by default."""
KEEPS_SPACES_AFTER: Final = ("<unk>", "<s>", "<|endoftext|>")
"""Special tokens that take no spaces after them where others do."""


def tokenizer_json(vocabulary: Vocabulary) -> bytes:
    """The text of a tokenizer.json; raises CheckpointError where the vocabulary cannot be one."""
    make = byte_level if vocabulary.model == "gpt2" else sentence_piece
    return msgspec.json.encode(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added_tokens(vocabulary),
            "post_processor": around(vocabulary),
            **make(vocabulary),
        }
    )


def byte_level(vocabulary: Vocabulary) -> dict[str, Any]:
    """Byte-level BPE: the pre-tokenizer of the file's kind, and its merges."""
    pre = pre_tokenizer_of(vocabulary.pre)
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    # A merge without its parts or its result in the vocabulary would be refused; it could make no token.
    merges = [
        (left, right)
        for left, right in map(cut, vocabulary.merges)
        if left in ids and right in ids and left + right in ids
    ]
    splits = [
        {"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": False}
        for expression in pre.expressions
    ]
    bytes_as_letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*splits, bytes_as_letters]},
        "decoder": bytes_as_letters,
        "model": bpe(ids, merges, ignore_merges=pre.ignore_merges),
    }


def cut(merge: str) -> tuple[str, str]:
    """The two parts of a merge, which a space separates; a space at its beginning belongs to the first part."""
    at = merge.find(" ", 1)
    return (merge[:at], merge[at + 1 :]) if at > 0 else ("", "")


def sentence_piece(vocabulary: Vocabulary) -> dict[str, Any]:
    """SentencePiece: spaces become ▁, one may be put before each text, and unknown characters become their bytes."""
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    unknown = None if vocabulary.unknown is None else vocabulary.tokens[vocabulary.unknown]
    escaped = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    normalizers = [{"type": "Prepend", "prepend": SPACE}] if vocabulary.add_space_prefix else []
    strip = [{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if vocabulary.add_space_prefix else []
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*normalizers, escaped]},
        "pre_tokenizer": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                *strip,
            ],
        },
        "model": bpe(ids, merges_by_score(vocabulary, ids), unk_token=unknown, fuse_unk=True, byte_fallback=True),
    }


def merges_by_score(vocabulary: Vocabulary, ids: dict[str, int]) -> list[tuple[str, str]]:
    """Every way to make a token from two others, that of the highest score first, and of one token's in their order."""
    scores = vocabulary.scores
    merges: list[tuple[str, str]] = []
    for index in sorted(range(len(scores)), key=lambda index: -scores[index]):
        token = vocabulary.tokens[index]
        if len(token) <= LONGEST_CUT:
            merges += [
                (left, right)
                for at in range(1, len(token))
                if (left := token[:at]) in ids and (right := token[at:]) in ids
            ]
        if len(merges) > MOST_MERGES:
            raise CheckpointError(f"The GGUF file's vocabulary gives more than {MOST_MERGES:,} merges.")
    return merges


def bpe(ids: dict[str, int], merges: list[tuple[str, str]], **own: Any) -> dict[str, Any]:
    """A BPE model with these settings beside the usual ones."""
    usual = {"unk_token": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False}
    return {
        "type": "BPE", "dropout": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, **usual, **own,
        "vocab": ids, "merges": merges,
    }  # fmt: skip


def added_tokens(vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """The tokens that are found in a text before it is cut; those of control and the unknown one are special."""
    return [
        {
            "id": index, "content": token, "single_word": False, "lstrip": False, "normalized": False,
            "rstrip": vocabulary.strips_after and token not in KEEPS_SPACES_AFTER, "special": kind != USER_DEFINED,
        }
        for index, (token, kind) in enumerate(zip(vocabulary.tokens, vocabulary.kinds, strict=True))
        if kind in (CONTROL, USER_DEFINED, UNKNOWN)
    ]  # fmt: skip


def around(vocabulary: Vocabulary) -> dict[str, Any] | None:
    """What is put around a text: BOS and EOS where the file asks for them, and names them."""
    before = [vocabulary.bos] if vocabulary.add_bos and vocabulary.bos is not None else []
    after = [vocabulary.eos] if vocabulary.add_eos and vocabulary.eos is not None else []
    if not before and not after:
        return None

    def pieces(sequence: str, type_id: int) -> list[dict[str, Any]]:
        def special(one: int) -> dict[str, Any]:
            return {"SpecialToken": {"id": vocabulary.tokens[one], "type_id": type_id}}

        text = {"Sequence": {"id": sequence, "type_id": type_id}}
        return [*map(special, before), text, *map(special, after)]

    tokens = {vocabulary.tokens[one]: one for one in (*before, *after)}
    return {
        "type": "TemplateProcessing",
        "single": pieces("A", 0),
        "pair": pieces("A", 0) + pieces("B", 1),
        "special_tokens": {text: {"id": text, "ids": [one], "tokens": [text]} for text, one in tokens.items()},
    }
