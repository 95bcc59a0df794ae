"""Sessions whose every text was written to fool whoever shows it, and sessions whose every text is very long.

They are sessions that the reader takes: what is wrong with them is what is said, not how.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from engine.session import schema
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events

Text = Callable[[str], str]
"""Gives the text for a place: `device name`, `prompt 0`."""


def hostile_events(text: Text, steps: int = 24, requests: int = 2) -> Iterator[list[schema.AnyEvent]]:
    """A run in which every text that a file may choose freely is one that `text` gives."""
    for batch in synthetic_events(steps, layers=2, requests=requests, attention_rows=16):
        yield [changed for event in batch for changed in _changed(event, text)]


def write_hostile(path: Path, text: Text, steps: int = 24, requests: int = 2) -> Path:
    """The same as a session file."""
    with SessionWriter(path) as writer:
        for batch in hostile_events(text, steps, requests):
            writer.append(batch)
    return path


def write_many(
    path: Path,
    devices: int = 0,
    maps: int = 0,
    heads: int = 100,
    marks: int = 0,
    requests: int = 1,
    slot: int = 0,
    steps: int = 8,
) -> Path:
    """A session file with a great many of something: devices, attention maps, marks, requests, or a far slot."""
    with SessionWriter(path) as writer:
        for batch in synthetic_events(steps, layers=2, heads=heads, requests=requests, attention_rows=4):
            writer.append([_in_slot(event, slot) for event in batch])
        for start in range(0, max(devices, maps, marks), 5000):
            more: list[schema.AnyEvent] = []
            for number in range(start, start + 5000):
                if number < devices:
                    more.append(schema.DeviceSample(number, f"device {number}", "utilisation_percent", 50.0))
                if number < maps:
                    more.append(schema.AttentionRow(0, 0, number // heads, number % heads, 0, b"\x00\x3c"))
                if number < marks:
                    more.append(schema.Mark(100 * number, "user", f"mark {number}"))
            writer.append(more)
    return path


def _in_slot(event: schema.AnyEvent, slot: int) -> schema.AnyEvent:
    if isinstance(event, schema.Work) and slot:
        return schema.Work(
            event.step_id, event.request_id, slot, event.first, event.new_from, event.end, event.rejected, event.reused
        )
    return event


def _changed(event: schema.AnyEvent, text: Text) -> Iterator[schema.AnyEvent]:
    match event:
        case schema.SessionStarted():
            yield schema.SessionStarted(_meta(event.meta, text))
            for kind in ("switch", "user", "pause", "resume", "stop", "fault", "graphs", "anything"):
                yield schema.Mark(100_000 if kind == "pause" else 5_000_000, kind, text(f"mark {kind}"))
            yield schema.Mark(10_000_000, text("mark kind"), "")
            for number in range(2):
                for name in ("utilisation_percent", "power_watts", "memory_used_bytes", text(f"reading {number}")):
                    yield schema.DeviceSample(1_000_000 * (number + 1), text(f"device {number}"), name, 50.0)
        case schema.ConfigChanged():
            switches: dict[str, Any] = {name: text(f"switch {name}") for name in json.loads(event.json)}
            yield schema.ConfigChanged(event.id, event.step_id, json.dumps({**switches, "k": 4}))
        case schema.RequestArrived():
            texts = [text(f"prompt token {event.id} {number}") for number in range(len(event.prompt_token_ids))]
            params = {
                "max_new_tokens": 24, "stop": [text("stop")], "messages": [["user", text("message")]],
                "sampling": {"temperature": 0.7},
            }  # fmt: skip
            yield schema.RequestArrived(
                event.id, text(f"prompt {event.id}"), event.prompt_token_ids, texts, json.dumps(params),
                event.arrived_ns,
            )  # fmt: skip
        case schema.RequestFinished():
            yield schema.RequestFinished(event.id, event.finished_ns, text("finish reason"))  # type: ignore[arg-type]
        case schema.Step():
            yield _with(event, attention_kernel=text(f"kernel {event.id % 2}"))
        case schema.Token():
            yield _with(event, text=text(f"token {event.id}"))
        case _:
            yield event


def _with(event: Any, **values: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(event, **values)


def _meta(meta: dict[str, str], text: Text) -> dict[str, str]:
    kept = {"epoch_ns", "model_config", "draft_config", "ceilings", "device", "versions"}
    config = json.loads(meta["model_config"])
    level = {"name": text("level"), "size_bytes": 10**9, "read_bytes_per_s": 4e10}
    ceilings = {
        **json.loads(meta["ceilings"]), "levels": [level], "reader": text("reader"),
        "conditions": {"busy": True, "others_cores": 1.0},
    }  # fmt: skip
    return {
        **{name: value if name in kept else text(name) for name, value in meta.items()},
        "device": "cuda:0" + text("device"),
        "model_config": json.dumps({**config, "architecture": text("architecture")}),
        "draft_config": json.dumps({**config, "name": text("draft"), "architecture": text("draft architecture")}),
        "ceilings": json.dumps(ceilings),
        "versions": json.dumps({text("library"): text("version")}),
        text("fact"): text("value of a fact"),
    }
