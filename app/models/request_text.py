"""The tokens of one request, prompt and generated, as the texts a person reads, by position."""

from __future__ import annotations

from app.look.units import visible_token
from engine.session.store import RecordedRequest, Session


class RequestText:
    """Visible texts by position, kept up with a growing request; `update` costs only what is new."""

    def __init__(self, session: Session, request: RecordedRequest) -> None:
        self.request = request
        self.texts: list[str] = [visible_token(text) or "∅" for text in request.prompt_token_texts]
        self._session = session
        self._visible: dict[str, str] = {}

    def update(self) -> None:
        """Append the tokens emitted since the last call."""
        rows = self.request.token_rows
        column = self._session.tokens["text"]
        first = len(self.texts) - self.request.prompt_tokens
        if first >= len(rows):
            return
        new = [str(text) for text in column[rows[first:]]]
        for text in set(new) - self._visible.keys():
            self._visible[text] = visible_token(text) or "∅"
        self.texts += [self._visible[text] for text in new]

    def token_row(self, position: int) -> int | None:
        """The row of Session.tokens that stands at `position`; None in the prompt and beyond the end."""
        index = position - self.request.prompt_tokens
        return self.request.token_rows[index] if 0 <= index < len(self.request.token_rows) else None

    def name(self, position: int) -> str:
        """A token named for a person: `"·cat" (12)`; the position alone where the text is not known."""
        return f"“{self.texts[position]}” ({position})" if position < len(self.texts) else f"({position})"
