"""One event of a trace as JSON has it: the keys that are used, of any type, because a trace may come from anybody."""

from __future__ import annotations

from typing import Any

import msgspec


class Arguments(msgspec.Struct, frozen=True):
    """The arguments of an event that are used; the others are skipped unread."""

    correlation: Any = None
    stream: Any = None
    device: Any = None
    external: Any = msgspec.field(name="External id", default=None)
    external_older: Any = msgspec.field(name="external id", default=None)
    bytes: Any = None
    bytes_older: Any = msgspec.field(name="Bytes", default=None)
    grid: Any = None
    block: Any = None
    name: Any = None
    """Of an event that names a process or a thread."""


class BareEvent(msgspec.Struct, frozen=True):
    """An event without its arguments; times are µs."""

    ph: Any = None
    cat: Any = None
    name: Any = None
    pid: Any = None
    tid: Any = None
    ts: Any = None
    dur: Any = None


class TraceEvent(BareEvent, frozen=True):
    """An event with its arguments."""

    args: Arguments | None = None
