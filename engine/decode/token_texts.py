"""The texts of the token ids of a run, each told once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from engine.model.tokenizer import Tokenizer
from engine.session.schema import Token, TokenText

ITEM_BYTES: Final = 8
"""Bytes of an alternative: its id and its logprob."""


class TokenTexts:
    """Keeps what was told, so that an id that is known costs no call of the tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._told: dict[int, str] = {}

    def of(self, token_ids: Iterable[int]) -> list[TokenText]:
        """The texts of those of these ids that were not told before."""
        new = {one: self._tokenizer.token_text(one) for one in sorted(set(token_ids) - self._told.keys())}
        self._told |= new
        return [TokenText(one, text) for one, text in new.items()]

    def of_tokens(self, tokens: Sequence[Token]) -> list[TokenText]:
        """The same for emitted tokens and their alternatives."""
        if not tokens:
            return []
        ids = [np.frombuffer(one.alternatives, np.int32, len(one.alternatives) // ITEM_BYTES) for one in tokens]
        return self.of([*np.concatenate(ids).tolist(), *(one.token_id for one in tokens)])

    def told(self, token_ids: Iterable[int]) -> list[str]:
        """The text of each of these ids, all of which were told."""
        return [self._told[one] for one in token_ids]
