"""The label of the mark of a teacher-forced pass: how many tokens agree, and the positions of those that do not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SPAN: Final = r"\d{1,9}(?!\d)(?:–\d{1,9}(?!\d))?"
TEACHER_MARK: Final = re.compile(
    rf"request (\d{{1,9}}): (\d{{1,9}}) of (\d{{1,9}}) tokens agree(?:, not ({_SPAN}(?: {_SPAN})*))?", re.ASCII
)
"""The label of the engine's mark of a teacher-forced pass. Groups: request, tokens that agree, all tokens, and the
`spans` of the positions that differ."""


def spans(positions: Sequence[int]) -> str:
    """Ascending positions as short text, with ranges of neighbours: `5 9 12–14`."""
    found: list[list[int]] = []
    for position in positions:
        if found and found[-1][1] == position - 1:
            found[-1][1] = position
        else:
            found.append([position, position])
    return " ".join(str(first) if first == last else f"{first}–{last}" for first, last in found)


def positions_of(text: str, most: int = 2**20) -> tuple[int, ...] | None:
    """The positions in a text of `spans`; None if there are more than `most`, as the text may come from anybody."""
    ends = [part.partition("–") for part in text.split()]
    ranges = [range(int(first), int(last or first) + 1) for first, _, last in ends]
    if sum(map(len, ranges)) > most:
        return None
    return tuple(position for one in ranges for position in one)
