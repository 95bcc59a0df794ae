"""The classes of the KV cache's memory after a step: used, unfilled, kept, evictable and free."""

from __future__ import annotations

from dataclasses import dataclass

from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class KvClasses:
    """Bytes of the whole cache; reserved = used + unfilled + kept + evictable + free.

    They are counted at the end of the step, before the requests that end in it leave. None: not recorded (older files).
    """

    used: int
    """Positions of requests that had not ended before the step, shared ones counted once."""
    reserved: int
    """All that the cache took from the device."""
    evictable: int
    """Kept only for possible reuse by a request with the same beginning."""
    held: int | None
    """All memory of the requests that had not ended before the step, filled or not."""
    kept: int | None
    """Memory that only requests hold which had ended before, and wait for the end of their static batch."""

    @property
    def unfilled(self) -> int | None:
        """Held, but nothing is written in it yet."""
        return None if self.held is None else max(0, self.held - self.used)

    @property
    def free(self) -> int | None:
        """Reserved, and neither held nor kept nor evictable."""
        if self.held is None or self.kept is None:
            return None
        return max(0, self.reserved - self.held - self.kept - self.evictable)

    @property
    def fragmentation(self) -> float | None:
        """Internal fragmentation 1 − used/held; None where nothing is held, or where that was not recorded."""
        return (self.held - self.used) / self.held if self.held else None

    def of_one(self, layers: int) -> KvClasses:
        """The classes of one layer of `layers`: every layer's cache has the same shape."""
        held, kept = (None if whole is None else whole // layers for whole in (self.held, self.kept))
        return KvClasses(self.used // layers, self.reserved // layers, self.evictable // layers, held, kept)


def kv_classes(session: Session, step: int) -> KvClasses:
    """The classes after a step."""
    used, reserved, evictable, held, kept = (
        int(session.steps[f"kv_{name}_bytes"][step]) for name in ("used", "reserved", "evictable", "held", "kept")
    )
    return KvClasses(used, reserved, evictable, held if held >= 0 else None, kept if kept >= 0 else None)
