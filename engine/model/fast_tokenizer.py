"""The tokenizer of the `tokenizers` library; every failure inside the library becomes a CheckpointError.

A tokenizer.json is a small program. The library loads files that fail only for some texts. It then raises a bare
Exception, or panics: a panic is a BaseException, which ends the process where it is not caught.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from tokenizers import Tokenizer

from engine.errors import CheckpointError
from engine.model.files import check_values, read_bytes
from engine.model.tokenizer_growth import check_growth
from engine.plain_text import one_line, path_text

TOKENIZER_BYTES: Final = 128 * 2**20
"""Limit for tokenizer.json. The largest known ones, of 262,144 tokens with all their merges, have 33 MB."""
TOKENIZER_VALUES: Final = 6_000_000
"""Limit of JSON values. The largest known files have 2 million: one per token, two per merge, and each token's id."""

Result = TypeVar("Result")


class FastTokenizer:
    """Text to ids and back. Every method raises CheckpointError where the library fails."""

    def __init__(self, own: Tokenizer) -> None:
        self._own = own
        self._alone: dict[int, str | None] = {}

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        """The token ids of a text."""
        return calm(
            "make tokens of this text", lambda: list(self._own.encode(text, None, False, add_special_tokens).ids)
        )

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        """The text of token ids."""
        try:  # without `calm`, as this is called for every token
            text: str = self._own.decode(ids, skip_special_tokens)
        except BaseException as error:
            raise of_library("make a text of these tokens", error) from error
        return text

    def alone(self, token_id: int) -> str | None:
        """The text of one token by itself, "" for a special one; None where no token has this id.

        Kept, as this is asked for every token, and a vocabulary has only so many.
        """
        if token_id not in self._alone:
            known = self.id_to_token(token_id) is not None
            self._alone[token_id] = self.decode([token_id], skip_special_tokens=True) if known else None
        return self._alone[token_id]

    def id_to_token(self, token_id: int) -> str | None:
        """A token as the vocabulary writes it; None where no token has this id."""
        piece: str | None = self._own.id_to_token(token_id)
        return piece

    def token_to_id(self, token: str) -> int | None:
        """The id of a token as the vocabulary writes it."""
        token_id: int | None = self._own.token_to_id(token)
        return token_id

    def get_vocab(self) -> dict[str, int]:
        """Every token, added ones included, with its id."""
        vocab: dict[str, int] = calm("list its tokens", self._own.get_vocab)
        return vocab

    def special_ids(self) -> set[int]:
        """The ids of special tokens, which decoding can leave out."""
        added: dict[int, Any] = calm("list its tokens", self._own.get_added_tokens_decoder)
        return {token for token, one in added.items() if one.special}


def load_fast(file: Path) -> FastTokenizer:
    """The tokenizer in a tokenizer.json; raises CheckpointError where it cannot be used."""
    return fast_of(file, read_bytes(file, TOKENIZER_BYTES))


def fast_of(file: Path, raw: bytes) -> FastTokenizer:
    """The tokenizer in the text of a tokenizer.json, which is or was made of `file`; raises CheckpointError."""
    check_values(file, raw, TOKENIZER_VALUES)
    check_growth(file, raw)
    try:
        own = Tokenizer.from_buffer(raw)
        own.no_truncation()
        own.no_padding()
    except BaseException as error:
        if not is_failure(error):
            raise
        raise CheckpointError(f"{path_text(file)} cannot be read: {said(error)}.") from error
    return FastTokenizer(own)


def calm(what: str, act: Callable[[], Result]) -> Result:
    """The result of `act()`; raises CheckpointError where the library raises an Exception or panics."""
    try:
        return act()
    except BaseException as error:
        raise of_library(what, error) from error


def of_library(what: str, error: BaseException) -> BaseException:
    """The error to raise: CheckpointError for a failure of the library, else `error` itself (Ctrl-C, for example)."""
    return CheckpointError(f"The checkpoint's tokenizer cannot {what}: {said(error)}.") if is_failure(error) else error


def is_failure(error: BaseException) -> bool:
    """Whether the library failed: it raises Exception, or panics with a class that cannot be imported."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def said(error: BaseException) -> str:
    """The library's message without a full stop; the error's class name where there is no message."""
    return one_line(str(error).strip()).rstrip(".") or type(error).__name__
