"""The texts of token ids: from the model's own folder, where that is on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.errors import DecodeScopeError
from engine.model.fast_tokenizer import FastTokenizer, load_fast
from engine.model.token_text import text_of

TOKENIZER: Final = "tokenizer.json"
MOST_TEXTS: Final = 500_000
"""The most token ids whose texts are kept."""
LARGEST_ID: Final = 2**32


class TokenTexts:
    """The text of each token id by itself, as the model's vocabulary has it; "" where nobody knows it."""

    def __init__(self, folder: str) -> None:
        """`folder` is the model's, as the server names it; one of another machine, or an id of the hub, is not here."""
        self._fast = _tokenizer(folder)
        self._texts: dict[int, str] = {}

    def of(self, token_id: int) -> str:
        """The text of one token."""
        text = self._texts.get(token_id)
        if text is None:
            text = self._text_of(token_id)
            if len(self._texts) < MOST_TEXTS:
                self._texts[token_id] = text
        return text

    def of_prompt(self, token_ids: list[int]) -> tuple[str, list[str]]:
        """(the text of a prompt, the text of each of its tokens); texts are empty where nobody knows them."""
        if self._fast is None or any(not 0 <= one < LARGEST_ID for one in token_ids):
            return "", []
        try:
            return self._fast.decode(token_ids, False), [self.of(one) for one in token_ids]
        except DecodeScopeError:
            return "", []

    def _text_of(self, token_id: int) -> str:
        if self._fast is None or not 0 <= token_id < LARGEST_ID:
            return ""
        try:
            return text_of(self._fast, token_id)
        except DecodeScopeError:
            return ""


def _tokenizer(folder: str) -> FastTokenizer | None:
    """The tokenizer in a folder; None where there is none that can be used."""
    path = Path(folder)
    if not folder or not path.is_absolute() or "\0" in folder:
        return None
    try:
        return load_fast(path / TOKENIZER)
    except (DecodeScopeError, OSError):
        return None
