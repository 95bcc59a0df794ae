"""The tokens of one request, prompt and generated, as readable texts by position."""

from __future__ import annotations

from app.look.units import visible_token
from engine.figures.token_facts import shown_text
from engine.session.store import RecordedRequest, Session


class RequestText:
    """Readable texts by position of a growing request; the cost of `update` grows with the new tokens only.

    A token whose text is not known, as those of a prompt that a server only counted, is `∅`.
    """

    def __init__(self, session: Session, request: RecordedRequest) -> None:
        self.request = request
        self.texts: list[str] = [visible_token(text) or "∅" for text in request.prompt_token_texts]
        self.texts += ["∅"] * (request.prompt_tokens - len(self.texts))
        self._session = session
        self._visible: dict[str, str] = {}

    def update(self) -> None:
        """Append the tokens emitted since the last call."""
        rows = self.request.token_rows
        first = len(self.texts) - self.request.prompt_tokens
        if first >= len(rows):
            return
        new = [str(text) for text in self._session.tokens["text"][rows[first:]]]
        new = [text or shown_text(self._session, row) for text, row in zip(new, rows[first:], strict=False)]
        for text in set(new) - self._visible.keys():
            self._visible[text] = visible_token(text) or "∅"
        self.texts += [self._visible[text] for text in new]

    def token_row(self, position: int) -> int | None:
        """The row of Session.tokens of the token at `position`; None in the prompt and beyond the end."""
        index = position - self.request.prompt_tokens
        return self.request.token_rows[index] if 0 <= index < len(self.request.token_rows) else None

    def name(self, position: int) -> str:
        """A token as it is named on the screen: `“⋅cat” (12)`; the position alone where the text is not known."""
        return f"“{self.texts[position]}” ({position})" if position < len(self.texts) else f"({position})"
