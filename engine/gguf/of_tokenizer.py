"""A Hugging Face tokenizer.json as GGUF's metadata. Imports neither torch nor the tokenizers library.

GGUF has two kinds for the families here: `gpt2`, byte-level BPE with its list of merges, and `llama`, SentencePiece's
BPE with bytes for unknown characters, where a score says which tokens are merged first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from engine.errors import CheckpointError
from engine.gguf.write import Value

Raw = dict[str, Any]

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
"""GGUF's types of tokens."""
BYTE_TOKEN: Final = re.compile(r"<0x[0-9A-Fa-f]{2}>")
LOOKS_SPECIAL: Final = re.compile(r"<\|.*\|>|<｜.*｜>|<unused.*>|<pad>|<mask>|<2mass>|\[@BOS@\]", re.DOTALL)
"""Added tokens that are control tokens in fact, though some checkpoints do not mark them so."""
ADDED_SCORE: Final = -1000.0
SPACE: Final = "▁"
SPECIAL_KEYS: Final = ("eos", "eot", "eom")
"""GGUF's names for tokens that end an answer."""

ENGLISH: Final = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST: Final = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
REST_WITH_SLASH: Final = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
KEEPS_MATCHES: Final = (("Isolated", False), ("Removed", True))
"""Behaviour and inversion of a split after which each match of the pattern is a piece."""
BYTE_LEVEL: Final = "byte level"
DIGITS: Final = "digits"
PRE_TOKENIZERS: Final[dict[tuple[str, ...], str]] = {
    (BYTE_LEVEL,): "gpt-2",
    (DIGITS, BYTE_LEVEL): "smollm",
    (rf"{ENGLISH}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{REST}",): "qwen2",
    (rf"{ENGLISH}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{REST}",): "dbrx",
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ENGLISH}?|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ENGLISH}?"
        rf"|\p{{N}}{{1,3}}|{REST_WITH_SLASH}",
    ): "gpt-4o",
    (
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|\p{{N}}|{REST_WITH_SLASH}",
    ): "tekken",
}  # fmt: skip
"""llama.cpp's name for each way in which a text is split before BPE, by the steps of the split."""


def tokenizer_metadata(tokenizer: Raw, rows: int) -> dict[str, Value]:
    """The vocabulary of a tokenizer.json, for an embedding of so many rows.

    Raises CheckpointError for a kind of tokenizer that GGUF has not, and for more tokens than rows.
    """
    model = tokenizer.get("model")
    if not isinstance(model, dict) or model.get("type", "BPE") != "BPE" or not isinstance(model.get("vocab"), dict):
        raise CheckpointError("The tokenizer cannot be written as GGUF: it is not byte-pair encoding.")
    tokens, types = [f"[PAD{index}]" for index in range(rows)], np.full(rows, UNUSED, "<i4")
    for token, index in model["vocab"].items():
        _place(tokens, types, index, token, NORMAL)
    pieces = bool(model.get("byte_fallback"))
    if pieces:
        for index, token in enumerate(tokens):
            if BYTE_TOKEN.fullmatch(token):
                types[index] = BYTE
    for one in tokenizer.get("added_tokens") or []:
        special = bool(one.get("special")) or LOOKS_SPECIAL.fullmatch(one["content"]) is not None
        text = one["content"] if special else one["content"].replace(SPACE, " ")
        _place(tokens, types, one["id"], text, CONTROL if special else USER_DEFINED)
    if not pieces:
        return {
            "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre_tokenizer(tokenizer),
            "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
            "tokenizer.ggml.merges": [" ".join(pair) for pair in merges_of(model)],
        }  # fmt: skip
    unknown = model["vocab"].get(model.get("unk_token"))
    if unknown is not None:
        types[unknown] = UNKNOWN
    return {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": scores_of(model, types), "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.add_space_prefix": adds_space(tokenizer),
    }  # fmt: skip


def special_metadata(
    bos: int | None, ends: Sequence[int], others: dict[str, int | None], adds: tuple[bool, bool], template: str | None
) -> dict[str, Value]:
    """The special tokens by role; `adds` says whether a text gets bos before it and eos after it."""
    named = {"bos": bos, **dict(zip(SPECIAL_KEYS, ends, strict=False)), **others}
    values: dict[str, Value] = {
        f"tokenizer.ggml.{name}_token_id": index for name, index in named.items() if index is not None
    }
    values |= {"tokenizer.ggml.add_bos_token": adds[0], "tokenizer.ggml.add_eos_token": adds[1]}
    return values if template is None else {**values, "tokenizer.chat_template": template}


def pre_tokenizer(tokenizer: Raw) -> str:
    """llama.cpp's name for the way in which the tokenizer splits a text; raises CheckpointError for an unknown one.

    A name says more than the split: with `llama-bpe`, a word that is a token is never merged from parts.
    """
    name = PRE_TOKENIZERS.get(tuple(_steps(tokenizer.get("pre_tokenizer") or {})))
    if name is None:
        asked = json.dumps(tokenizer.get("pre_tokenizer"), ensure_ascii=False)[:200]
        raise CheckpointError(f"The tokenizer splits texts in a way that llama.cpp has no name for: {asked}.")
    if name == "dbrx" and tokenizer["model"].get("ignore_merges"):
        return "llama-bpe"
    return name


def merges_of(model: Raw) -> list[tuple[str, str]]:
    """The pairs that are merged, the first ones first, as older and newer files write them."""
    pairs = (one.split(" ", 1) if isinstance(one, str) else one for one in model.get("merges") or [])
    return [(first, second) for first, second in pairs]


def scores_of(model: Raw, types: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """A score for each token, the higher the earlier it is merged: minus the rank of its first merge.

    Tokens that no merge makes come after all others. Added tokens, which are not merged, have the converter's score.
    """
    vocab: dict[str, int] = model["vocab"]
    merges = merges_of(model)
    scores = np.full(len(types), -float(len(merges)), "<f4")
    for rank in range(len(merges) - 1, -1, -1):  # from behind, so that the first merge of a token counts
        index = vocab.get("".join(merges[rank]))
        if index is not None:
            scores[index] = -float(rank)
    scores[(types == BYTE) | (types == UNKNOWN)] = 0
    scores[(types == CONTROL) | (types == USER_DEFINED) | (types == UNUSED)] = ADDED_SCORE
    return scores


def adds_space(tokenizer: Raw) -> bool:
    """Whether a text is tokenised as if a space stood before it."""
    for part in ("normalizer", "pre_tokenizer"):
        for one in _parts(tokenizer.get(part) or {}, f"{part}s"):
            kind = one.get("type")
            if kind == "Prepend" or (
                kind == "Metaspace"
                and one.get("prepend_scheme", "always") != "never"
                and one.get("add_prefix_space", 1)
            ):
                return True
    return False


def _place(tokens: list[str], types: np.ndarray[Any, np.dtype[Any]], index: Any, token: str, kind: int) -> None:
    if not isinstance(index, int) or not 0 <= index < len(tokens):
        raise CheckpointError(f"The tokenizer has the token {index}, but the model's embedding has {len(tokens)} rows.")
    tokens[index], types[index] = token, kind


def _parts(step: Raw, name: str) -> list[Raw]:
    """The steps of a sequence, or the one step that it is."""
    if step.get("type") == "Sequence":
        return [part for one in step.get(name) or step.get("pretokenizers") or [] for part in _parts(one, name)]
    return [step] if step else []


def _steps(pre: Raw) -> list[str]:
    """What splits a text, step by step; a step that splits nothing is left out."""
    found = []
    for step in _parts(pre, "pretokenizers"):
        kind = step.get("type")
        if kind == "ByteLevel":
            found += [BYTE_LEVEL] if step.get("use_regex", True) else []
        elif kind == "Digits" and step.get("individual_digits"):
            found.append(DIGITS)
        elif kind == "Split" and (step.get("behavior"), bool(step.get("invert"))) in KEEPS_MATCHES:
            found.append(str((step.get("pattern") or {}).get("Regex")))
        else:
            found.append(f"unknown: {kind}")
    return found
