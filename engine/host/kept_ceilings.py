"""The ceilings of the model that is loaded, kept from run to run, and measured again once a busy machine is quiet."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from engine.measure.ceilings import Ceilings, ceilings_of
from engine.measure.load import is_quiet
from engine.model.loader import LoadedModel

LOOK_AGAIN_S: Final = (5.0, 80.0)
"""How long nothing has gone on before an idle engine looks whether a busy machine has become quiet, at first and at
most; each look in vain doubles it."""


class KeptCeilings:
    """Ceilings of one model: measured for its first run, and again by an idle engine where the machine was busy."""

    def __init__(self, known: Ceilings | None = None) -> None:
        """`known` stand for the model that is loaded, without a measurement."""
        self._ceilings = known
        self._next_look: tuple[float, float] | None = None
        """(When an idle engine looks at the load, `time.monotonic`; how long it waited for that.)"""

    def of(self, model: LoadedModel) -> Ceilings:
        """The ceilings of a model, measured where there are none yet.

        A busy machine's stay from run to run: `look_again` measures when there is time.
        """
        if self._ceilings is None:
            self._ceilings = ceilings_for(model)
        return self._ceilings

    def measure(self, model: LoadedModel) -> Ceilings:
        """Measure them again, whatever there is."""
        self._ceilings = ceilings_for(model, anew=True)
        return self._ceilings

    def forget(self) -> None:
        """Another model is loaded."""
        self._ceilings = None

    def wait_anew(self) -> None:
        """A run goes on or has just ended: the next look is the first one after it."""
        self._next_look = None

    def look_again(self, model: LoadedModel) -> float | None:
        """Measure again if it is time to look and the machine is quiet.

        How long until the next look, in seconds; None where the ceilings are a quiet machine's or not measured yet.
        """
        if self._ceilings is None or self._ceilings.quiet:
            self._next_look = None
            return None
        now = time.monotonic()
        first_s, most_s = LOOK_AGAIN_S
        if self._next_look is None:
            self._next_look = (now + first_s, first_s)
        elif now >= self._next_look[0]:
            with suppress(Exception):  # nobody asked for it, and the ceilings that stand go on to stand
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
