"""The texts of the token ids of a run, each told once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.model.tokenizer import Tokenizer
from engine.session.schema import Token, TokenText


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
        """The same for emitted tokens, without their alternatives."""
        told = self._told
        new = [one.token_id for one in tokens if one.token_id not in told]
        return self.of(new) if new else []

    def of_alternatives(self, tokens: Sequence[Token]) -> list[TokenText]:
        """The same for the alternatives of emitted tokens: ids (int32) and then logprobs (float32), as bytes."""
        told, new = self._told, []
        for token in tokens:
            ids = memoryview(token.alternatives)[: len(token.alternatives) // 2].cast("i")
            new += [one for one in ids if one not in told]
        return self.of(new) if new else []

    def told(self, token_ids: Iterable[int]) -> list[str]:
        """The text of each of these ids, all of which were told."""
        return [self._told[one] for one in token_ids]
