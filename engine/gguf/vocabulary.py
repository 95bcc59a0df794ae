"""The vocabulary in a GGUF file: its tokens, what kind each of them is, and those that begin and end a text.

llama.cpp takes some tokens for special by their text alone, because many files do not mark them; so does this, as
generation must end where it ends there. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from engine.errors import CheckpointError
from engine.gguf.metadata import Metadata
from engine.gguf.pre_tokenizers import pre_tokenizer_of
from engine.plain_text import one_line, quoted

NORMAL, UNKNOWN, CONTROL, USER_DEFINED = 1, 2, 3, 4
MOST_TOKENS: Final = 2**20
ENDS: Final = frozenset({
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
    "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
    "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<｜end▁of▁sentence｜>", "[e~[",
})  # fmt: skip
"""Tokens that end a text whatever the file says of them."""
FILL_ENDS: Final = {
    "fim_pad": ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"),
    "fim_rep": ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    "fim_sep": ("<|file_sep|>",),
}
"""Tokens of filling a gap in code that end a text, by the key that names one, and their texts where none is named."""
FILL_MARKS: Final = {
    "fim_pre": (
        "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>",
        "<|prefix|>",
    ),
    "fim_suf": (
        "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>", "<|code_suffix|>",
        "<|suffix|>",
    ),
    "fim_mid": (
        "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>", "<|code_middle|>",
        "<|middle|>",
    ),
}  # fmt: skip
HARMONY: Final = ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")
"""Tokens that are part of the text in gpt-oss's format."""
DEFAULT_IDS: Final = {"gpt2": {"bos": 11, "eos": 11}, "llama": {"bos": 1, "eos": 2, "unknown": 0}}
"""Ids where the file gives none, by the kind of vocabulary."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Tokens by id with their kinds and scores, and how a text begins and ends."""

    model: str
    """"gpt2" (byte-level BPE) or "llama" (SentencePiece)."""
    pre: str
    tokens: list[str]
    kinds: list[int]
    scores: list[float]
    merges: list[str]
    bos: int | None
    eos: int | None
    unknown: int | None
    ends: frozenset[int]
    """Every token that ends a text."""
    names_bos: bool
    """Whether the file itself names BOS."""
    add_bos: bool
    add_eos: bool
    add_space_prefix: bool
    strips_after: bool
    """Whether special tokens take the spaces after them, as Phi-3's do."""
    chat_template: str | None


def read_vocabulary(metadata: dict[str, Any]) -> Vocabulary:
    """The vocabulary in the metadata; raises CheckpointError for a kind that is not read, and for what is wrong."""
    said = Metadata(metadata)
    model = said.text("tokenizer.ggml.model", "")
    if model not in DEFAULT_IDS:
        what = "names no tokenizer" if not model else f"has a tokenizer of the kind {one_line(model)}"
        raise CheckpointError(f"The GGUF file {what}; supported are gpt2 (BPE) and llama (SentencePiece).")
    tokens = [token or f"[EMPTY_{index}]" for index, token in enumerate(texts(metadata, "tokens"))]
    if not 0 < len(tokens) <= MOST_TOKENS:
        raise CheckpointError(
            f"The GGUF file's vocabulary has {len(tokens)} tokens; up to {MOST_TOKENS:,} can be read."
        )
    ids = {token: index for index, token in enumerate(tokens)}
    if len(ids) < len(tokens):
        twice = next(token for index, token in enumerate(tokens) if ids[token] != index)
        raise CheckpointError(f"The GGUF file's vocabulary has the token {quoted(twice)} twice.")
    kinds = numbers(metadata, "token_type", len(tokens), NORMAL)
    scores = numbers(metadata, "scores", len(tokens), 0.0)
    pre = said.text("tokenizer.ggml.pre", "")
    by_pre = pre_tokenizer_of(pre) if model == "gpt2" else None
    bos, eos, unknown = (special_id(said, name, model, len(tokens)) for name in ("bos", "eos", "unknown"))
    ends = ends_of(said, ids, eos)
    mark_special(said, ids, kinds, ends)
    return Vocabulary(
        model=model,
        pre=pre,
        tokens=tokens,
        kinds=kinds,
        scores=scores,
        merges=texts(metadata, "merges") if model == "gpt2" else [],
        bos=bos,
        eos=eos,
        unknown=unknown,
        ends=frozenset(ends),
        names_bos=said.token("bos") is not None,
        add_bos=said.flag("tokenizer.ggml.add_bos_token", by_pre is None or by_pre.add_bos),
        add_eos=said.flag("tokenizer.ggml.add_eos_token", False),
        add_space_prefix=said.flag("tokenizer.ggml.add_space_prefix", True) if by_pre is None else False,
        strips_after=model == "llama"
        and any(one in said.text("general.name", "").lower() for one in ("phi-3", "phi3")),
        chat_template=said.text("tokenizer.chat_template", "") or None,
    )


def texts(metadata: dict[str, Any], name: str) -> list[str]:
    """A list of texts; raises CheckpointError where the file has none of this name."""
    found = metadata.get(f"tokenizer.ggml.{name}")
    if not isinstance(found, list):
        raise CheckpointError(f"The GGUF file has no list tokenizer.ggml.{name}.")
    return found


def numbers(metadata: dict[str, Any], name: str, count: int, default: Any) -> list[Any]:
    """One number for each token; `default` for all where the file has none.

    Raises CheckpointError where there are too few, and for infinity and NaN.
    """
    found = metadata.get(f"tokenizer.ggml.{name}")
    if found is None:
        return [default] * count
    if not isinstance(found, np.ndarray) or len(found) < count or not np.isfinite(found).all():
        raise CheckpointError(f"The GGUF file's tokenizer.ggml.{name} should have a number for each of {count} tokens.")
    listed: list[Any] = found[:count].tolist()
    return listed


def special_id(said: Metadata, name: str, model: str, tokens: int) -> int | None:
    """The id of a special token, by default the usual one of the kind; None for one beyond the tokens."""
    given = said.token(name)
    default = DEFAULT_IDS[model].get(name)
    return next((one for one in (given, default) if one is not None and one < tokens), None)


def ends_of(said: Metadata, ids: dict[str, int], eos: int | None) -> set[int]:
    """The tokens that end a text: those that the file names, and those that are known to by their text."""
    ends = {ids[text] for text in ENDS if text in ids}
    for key, known in FILL_ENDS.items():
        given = said.token(key)
        ends |= {given} if given is not None else {ids[text] for text in known if text in ids}
    ends |= {one for one in (eos, said.token("eot"), said.token("eom")) if one is not None}
    ends = {one for one in ends if one < len(ids)}
    # gpt-oss and Solar mark the end of each part of an answer with <|end|>, and go on after it.
    if {"<|return|>", "<|call|>", "<|end|>"} <= ids.keys() or {"<|calls|>", "<|flush|>", "<|end|>"} <= ids.keys():
        ends.discard(ids["<|end|>"])
    if "<|tool_response>" in ids and "</s>" in ids:
        ends.discard(ids["</s>"])
    return ends


def mark_special(said: Metadata, ids: dict[str, int], kinds: list[int], ends: set[int]) -> None:
    """Mark those tokens special that are by their text, in `kinds`."""
    for text in ENDS:
        if text in ids and ids[text] in ends:
            kinds[ids[text]] = CONTROL
    for key, known in {**FILL_ENDS, **FILL_MARKS}.items():
        if said.token(key) is None:
            for text in known:
                if text in ids:
                    kinds[ids[text]] = CONTROL
    for text in HARMONY:
        if text in ids:
            kinds[ids[text]] = USER_DEFINED
