"""The ceilings of the loaded model: kept from run to run, and measured again once a busy machine is quiet."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from engine.measure.ceilings import Ceilings, ceilings_of
from engine.measure.load import is_quiet
from engine.model.loader import LoadedModel

LOOK_AGAIN_S: Final = (5.0, 80.0)
"""(First, longest) wait of an idle engine before it checks whether a busy machine has become quiet. The wait doubles
after each check that finds it busy."""


class KeptCeilings:
    """Ceilings of one model: measured for its first run, and again by an idle engine where the machine was busy."""

    def __init__(self, known: Ceilings | None = None) -> None:
        """`known` are taken as the ceilings of the loaded model, without a measurement."""
        self._ceilings = known
        self._next_look: tuple[float, float] | None = None
        """(When an idle engine checks the load next, by `time.monotonic`; the wait before that check), in seconds."""

    def of(self, model: LoadedModel) -> Ceilings:
        """The ceilings of a model, measured where they are not known yet.

        Those of a busy machine are also kept from run to run: `look_again` measures again when the engine is idle.
        """
        if self._ceilings is None:
            self._ceilings = ceilings_for(model)
        return self._ceilings

    def measure(self, model: LoadedModel) -> Ceilings:
        """Measure the ceilings in full, also where they are known."""
        self._ceilings = ceilings_for(model, anew=True)
        return self._ceilings

    def forget(self) -> None:
        """Drop the ceilings, because another model is loaded."""
        self._ceilings = None

    def wait_anew(self) -> None:
        """Start again with the first wait, because a run goes on or has just ended."""
        self._next_look = None

    def look_again(self, model: LoadedModel) -> float | None:
        """Measure again if it is time for a check and the machine is quiet.

        Returns the seconds until the next check; None where the ceilings are from a quiet machine or not measured yet.
        """
        if self._ceilings is None or self._ceilings.quiet:
            self._next_look = None
            return None
        now = time.monotonic()
        first_s, most_s = LOOK_AGAIN_S
        if self._next_look is None:
            self._next_look = (now + first_s, first_s)
        elif now >= self._next_look[0]:
            with suppress(Exception):  # not asked for by the user; the known ceilings stay
                if is_quiet():
                    self._ceilings = ceilings_for(model)
            if self._ceilings.quiet:
                self._next_look = None
                return None
            wait_s = min(2 * self._next_look[1], most_s)
            self._next_look = (time.monotonic() + wait_s, wait_s)
        return max(self._next_look[0] - time.monotonic(), 0.001)


def ceilings_for(model: LoadedModel, anew: bool = False) -> Ceilings:
    """The ceilings of the device, dtype and size of a model (`ceilings_of`)."""
    return ceilings_of(model.device, model.dtype, model.device_name, model.weight_bytes, anew=anew)
