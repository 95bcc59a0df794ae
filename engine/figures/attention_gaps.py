"""Why the attention row of a position was not recorded, from what each step says of its recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.figures.step_range import StepRange, generation_rows
from engine.session.store import Session

Why = Literal["waiting", "reused", "off", "elsewhere", "limit", "dropped", "unknown"]
WHYS: Final[tuple[Why, ...]] = ("waiting", "reused", "off", "elsewhere", "limit", "dropped", "unknown")
"""waiting: the position has not been computed. reused: its K and V came from a cache, so nothing was computed for it.
off: its step recorded no attention. elsewhere: it recorded another layer or head. limit: the prompt is longer than what
a step records. dropped: the engine's bounded queue dropped rows. unknown: the session does not say."""
ALL_HEADS: Final = "*"


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a row is missing, and the step that computed its position and what it recorded, where they are known."""

    why: Why
    step: int | None = None
    layer: int | None = None
    head: int | None = None
    """None: all heads, where `layer` is known."""


class AttentionGaps:
    """Follows the work of one request, so that the cost of `update` grows with the new rows of `work` only."""

    def __init__(self, session: Session, request: int) -> None:
        self.session, self.request = session, request
        self.computed = 0
        """One past the last position that was computed and kept."""
        self._rows = 0
        self._steps: NDArray[np.int64] = np.full(64, -1, np.int64)
        """By position, the last step that computed it for the first time; -1 for those that came from a cache."""

    def update(self) -> None:
        """Take the work that was recorded since the last call."""
        work = self.session.work
        end = len(work)
        own = self._rows + np.flatnonzero(work["request_id"][self._rows : end] == self.request)
        self._rows = end
        columns = (work[name][own].tolist() for name in ("step_id", "new_from", "end", "rejected"))
        for step, new_from, stop, rejected in zip(*columns, strict=True):
            kept = stop - rejected
            self._make_room(kept)
            if new_from < kept:
                self._steps[new_from:kept] = step
            self.computed = max(self.computed, kept)

    def why(self, position: int, layer: int, head: int | None) -> Missing:
        """Why there is no row of this position in the map; `head` None is the mean of the heads."""
        if position >= self.computed:
            return Missing("waiting")
        why = WHYS[int(self._whys(np.array([position]), layer, head)[0])]
        step = int(self._steps[position])
        if step < 0:
            return Missing(why)
        at = probe_of(self.session, step)
        return Missing(why, step) if at is None else Missing(why, step, *at)

    def counts(self, recorded: NDArray[np.bool_], layer: int, head: int | None) -> dict[Why, int]:
        """How many of the computed positions have no row, by reason; `recorded` says for each position if it has."""
        known = np.zeros(self.computed, bool)
        shared = min(self.computed, len(recorded))
        known[:shared] = recorded[:shared]
        missing = np.flatnonzero(~known)
        if not len(missing):
            return {}
        of_each = np.bincount(self._whys(missing, layer, head), minlength=len(WHYS)).tolist()
        return {why: n for why, n in zip(WHYS, of_each, strict=True) if n}

    def _whys(self, positions: NDArray[np.int64], layer: int, head: int | None) -> NDArray[np.int64]:
        """The place in WHYS of the reason of each position, all of which were computed."""
        table = self.session.steps
        steps = self._steps[positions]
        told = (steps >= 0) & (steps < len(table))  # a step's work may be there a moment before the step
        whys = np.where(steps < 0, WHYS.index("reused"), WHYS.index("unknown"))
        by_word = np.array([self._why_of(word, layer, head) for word in table.words["attention_probe"]], np.int64)
        of_step = by_word[table["attention_probe"][steps[told]]]
        whole = table["attention_left_out"][steps[told]] == 0
        lost = WHYS.index("dropped" if self.session.dropped["attention_rows"] else "unknown")
        whys[told] = np.where(whole & (of_step == WHYS.index("limit")), lost, of_step)
        return whys

    @staticmethod
    def _why_of(word: str, layer: int, head: int | None) -> int:
        """The reason that a step's recording gives; where it recorded this map, `limit`, as only a part can lack."""
        if word in ("", "off"):
            return WHYS.index("off" if word else "unknown")
        at = probe_at(word)
        if at is None:
            return WHYS.index("unknown")
        same = at[0] == layer and (head is None or at[1] in (None, head))
        return WHYS.index("limit" if same else "elsewhere")

    def _make_room(self, positions: int) -> None:
        if positions > len(self._steps):
            larger = np.full(max(positions, 2 * len(self._steps)), -1, np.int64)
            larger[: len(self._steps)] = self._steps
            self._steps = larger


def probe_at(word: str) -> tuple[int, int | None] | None:
    """(layer, head) of a word of `Step.attention_probe`; head None is all heads, and None is no recording."""
    layer, slash, head = word.partition("/")
    if not slash or not layer.isdecimal() or not (head == ALL_HEADS or head.isdecimal()):
        return None
    return int(layer), None if head == ALL_HEADS else int(head)


def probe_of(session: Session, step: int) -> tuple[int, int | None] | None:
    """What a step recorded, as `probe_at`; None where that was nothing or is not known."""
    table = session.steps
    return probe_at(table.words["attention_probe"][int(table["attention_probe"][step])]) if step < len(table) else None


def recording_counts(session: Session, steps: StepRange = None) -> dict[str, int]:
    """How much of the attention was left out: `steps_off`, `steps_on` and `prompt_rows_left_out`; {} where the session
    does not say, as a server's or one from before this was recorded.
    """
    rows = generation_rows(session, steps)
    table = session.steps
    words = table.words["attention_probe"]
    codes = table["attention_probe"][rows]
    by_word = {word: int((codes == code).sum()) for code, word in enumerate(words)}
    off, unknown = by_word.get("off", 0), by_word.get("", 0)
    if unknown == len(codes):
        return {}
    return {
        "steps_on": len(codes) - off - unknown,
        "steps_off": off,
        "prompt_rows_left_out": int(table["attention_left_out"][rows].sum()),
    }
