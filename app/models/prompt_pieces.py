"""The prompt of a request as it is shown: cut into its tokens, so that each can be clicked and marked."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.look.units import count, straight
from engine.figures.text_pieces import whole_characters
from engine.session.store import RecordedRequest

NO_TOKEN: Final = -1


def prompt_pieces(request: RecordedRequest, most: int) -> list[tuple[str, int]]:
    """(text, position) of each piece; NO_TOKEN for what belongs to no token.

    Of more than `most` characters only the two ends are given: Qt takes a minute to lay out millions. Where the tokens
    of the prompt are not told, or do not hold its text, it is one piece. What a chat template puts around the prompt is
    not part of it.
    """
    prompt = request.prompt
    ends, between = [(0, len(prompt))], []
    if len(prompt) > most:
        half = most // 2
        ends = [(0, half), (len(prompt) - half, len(prompt))]
        between = [(f" … {count(len(prompt) - 2 * half)} … ", NO_TOKEN)]
    texts = whole_characters(request.prompt_token_texts)
    place = "".join(texts).find(prompt) if texts else -1
    if place < 0:
        parts = [[(straight(prompt[first:end]), NO_TOKEN)] for first, end in ends]
    else:
        starts = np.cumsum([0, *map(len, texts)]) - place
        parts = [_between(prompt, starts, first, end) for first, end in ends]
    return [*parts[0], *between, *(parts[1] if len(parts) > 1 else [])]


def _between(prompt: str, starts: NDArray[np.int64], first: int, end: int) -> list[tuple[str, int]]:
    """The pieces of the characters [first, end) of a prompt; `starts` are the first characters of its tokens."""
    low = max(int(np.searchsorted(starts, first, "right")) - 1, 0)
    high = min(int(np.searchsorted(starts, end, "left")), len(starts) - 1)
    bounds = np.clip(starts[low : high + 1], first, end).tolist()
    return [(straight(prompt[begin:stop]), low + index) for index, (begin, stop) in enumerate(pairwise(bounds))]
