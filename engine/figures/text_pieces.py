"""The text of a request cut into its tokens, prompt included: by position, so that joined they are what can be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from engine.session.store import RecordedRequest, Session

BYTE: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")
"""How a token that is no whole character alone is written (`schema.TokenText`)."""
MOST_BYTES: Final = 4
"""Bytes of the longest character in UTF-8."""


def whole_characters(texts: Sequence[str]) -> list[str]:
    """The texts of tokens, in which the bytes of a character that tokens share are joined to it.

    As in `Token.text`, the character stands with the token that ends it, and the tokens before it have an empty text.
    Bytes that make no character stay as they are.
    """
    found = list(texts)
    at = 0
    while at < len(found):
        end = at
        while end < len(found) and BYTE.fullmatch(found[end]):
            end += 1
        if end > at:
            found[at:end] = _characters(found[at:end])
        at = end + 1
    return found


def _characters(texts: list[str]) -> list[str]:
    """The same of a run of bytes."""
    values = bytes(int(text[3:5], 16) for text in texts)
    found, at = list(texts), 0
    while at < len(values):
        for length in range(1, MOST_BYTES + 1):
            try:
                character = values[at : at + length].decode()
            except UnicodeDecodeError:
                continue
            if character:
                found[at : at + length] = ["" for _ in range(length - 1)] + [character]
                at += length
                break
        else:
            at += 1
    return found


class TextPieces:
    """The pieces of one request's text; those of its prompt are made once."""

    def __init__(self, session: Session, request: RecordedRequest) -> None:
        self._session, self._request = session, request
        told = request.prompt_token_texts
        self.prompt = whole_characters(told) if len(told) == request.prompt_tokens else [""] * request.prompt_tokens

    def __len__(self) -> int:
        return len(self.prompt) + len(self._request.token_rows)

    def between(self, first: int, end: int) -> list[str]:
        """The texts of the positions [first, end), as far as there are so many."""
        first, inside = max(first, 0), len(self.prompt)
        rows = self._request.token_rows[max(first - inside, 0) : max(end - inside, 0)]
        return [*self.prompt[first:end], *self._session.tokens["text"][rows].tolist()]

    def row(self, position: int) -> int | None:
        """The row of `Session.tokens` of a position; None in the prompt."""
        index = position - len(self.prompt)
        return self._request.token_rows[index] if 0 <= index < len(self._request.token_rows) else None

    def prompt_place(self) -> int | None:
        """Where the prompt that was asked for begins in the text of the prompt's tokens, in characters.

        A chat template puts other text around it, a tokenizer its special tokens. None where it is not found.
        """
        place = "".join(self.prompt).find(self._request.prompt)
        return place if place >= 0 else None
