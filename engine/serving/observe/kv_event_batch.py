"""One message of KV events, decoded: positional arrays (vLLM 0.20 and before, SGLang), and tagged maps.

The message is msgpack and not trusted: what is of an unknown kind or of a wrong type is skipped and counted. Token ids
are in it; only how many they are is kept. Source: `vllm/distributed/kv_events.py` of vLLM 0.32.0, and SGLang's file of
the same name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import msgspec

from engine.errors import DecodeScopeError
from engine.plain_text import one_line
from engine.serving.observe.block_numbers import Hash

LARGEST_BYTES: Final = 4 * 2**20
"""Of a message. A prompt of 250 000 tokens that is stored in one step is 2 MB."""
MOST_EVENTS: Final = 20_000
MOST_HASHES: Final = 100_000
"""In a message, as MOST_EVENTS: what is beyond is skipped and counted."""
LONGEST_HASH_BYTES: Final = 64
LONGEST_MEDIUM: Final = 40
LARGEST_NUMBER: Final = 2**31 - 1

STORED_FIELDS: Final = (
    "block_hashes",
    "parent_block_hash",
    "token_ids",
    "block_size",
    "lora_id",
    "medium",
    "lora_name",
    "extra_keys",
    "group_idx",
)
"""In the order of the arrays; later versions append."""
REMOVED_FIELDS: Final = ("block_hashes", "medium", "group_idx")


@dataclass(frozen=True, slots=True)
class Stored:
    """Blocks were filled and can be found by later prompts, each the child of the one before it."""

    hashes: tuple[Hash, ...]
    parent: Hash | None
    """Of the first block; None where it begins a prompt."""
    tokens: int
    block_size: int
    medium: str
    group: int


@dataclass(frozen=True, slots=True)
class Removed:
    """Blocks can no longer be found, because they were taken for something else."""

    hashes: tuple[Hash, ...]
    medium: str
    group: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """No block can be found any more."""


Event = Stored | Removed | Cleared


@dataclass(frozen=True, slots=True)
class EventBatch:
    server_s: float
    """The server's own clock, seconds since 1970; NaN where it is no number."""
    rank: int
    """Of the engine, of those that share the work; 0 where the server does not tell it."""
    events: tuple[Event, ...]
    skipped: int
    """Events that are not among them: of a kind that is not known here, broken, or too many."""


def decoded_batch(payload: bytes) -> EventBatch:
    """The events of a message; raises DecodeScopeError, with a sentence, where it is none."""
    if len(payload) > LARGEST_BYTES:
        raise DecodeScopeError(
            f"A message of KV events is larger than {LARGEST_BYTES // 2**20} MiB, so it is not read."
        )
    try:
        message = msgspec.msgpack.decode(payload)
    except (msgspec.DecodeError, RecursionError, TypeError, ValueError) as error:  # TypeError: a list as a map's key
        raise DecodeScopeError(f"A message of KV events cannot be read: {one_line(error)}.") from None
    moment, events, rank = _parts(message)
    if not isinstance(events, list):
        raise DecodeScopeError("A message of KV events has no list of events.")
    found = list(_within_limits(event for event in map(_event, events[:MOST_EVENTS]) if event is not None))
    is_moment = isinstance(moment, int | float) and abs(moment) < LARGEST_NUMBER**2
    return EventBatch(
        float(moment) if is_moment else math.nan,
        rank if _is_count(rank) else 0,
        tuple(found),
        len(events) - len(found),
    )


def _within_limits(events: Iterable[Event]) -> Iterator[Event]:
    hashes = 0
    for event in events:
        hashes += 0 if isinstance(event, Cleared) else len(event.hashes)
        if hashes > MOST_HASHES:
            return
        yield event


def _parts(message: object) -> tuple[Any, Any, Any]:
    """Moment, events and rank of a batch, which is an array or a map whatever its events are."""
    if isinstance(message, Mapping):
        return message.get("ts"), message.get("events"), message.get("data_parallel_rank")
    if isinstance(message, list) and len(message) >= 2:
        return message[0], message[1], message[2] if len(message) > 2 else None
    return None, None, None


def _event(event: object) -> Event | None:
    """The event as one form; None for one that is not understood."""
    if isinstance(event, Mapping):
        kind, fields = event.get("type"), event
    elif isinstance(event, list) and event:
        kind, fields = event[0], _named(event)
    else:
        return None
    if kind == "BlockStored":
        return _stored(fields)
    if kind == "BlockRemoved":
        hashes = _hashes(fields.get("block_hashes"))
        return None if hashes is None else Removed(hashes, _medium(fields), _group(fields))
    return Cleared() if kind == "AllBlocksCleared" else None


def _named(event: Sequence[Any]) -> Mapping[Any, Any]:
    """The values of a positional event by their names."""
    names = STORED_FIELDS if event[0] == "BlockStored" else REMOVED_FIELDS
    return dict(zip(names, event[1:], strict=False))


def _stored(fields: Mapping[Any, Any]) -> Stored | None:
    hashes = _hashes(fields.get("block_hashes"))
    parent, tokens, size = fields.get("parent_block_hash"), fields.get("token_ids"), fields.get("block_size")
    if hashes is None or not (parent is None or _is_hash(parent)):
        return None
    if not isinstance(tokens, list) or not _is_count(size):
        return None
    return Stored(hashes, parent, len(tokens), size, _medium(fields), _group(fields))


def _hashes(value: object) -> tuple[Hash, ...] | None:
    return tuple(value) if isinstance(value, list) and all(map(_is_hash, value)) else None


def _is_hash(value: object) -> TypeGuard[Hash]:
    if isinstance(value, bytes):
        return len(value) <= LONGEST_HASH_BYTES
    return isinstance(value, int) and not isinstance(value, bool)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_NUMBER


def _medium(fields: Mapping[Any, Any]) -> str:
    medium = fields.get("medium")
    return one_line(medium, LONGEST_MEDIUM) if isinstance(medium, str) else ""


def _group(fields: Mapping[Any, Any]) -> int:
    group = fields.get("group_idx")
    return group if _is_count(group) else 0
