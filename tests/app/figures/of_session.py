"""What the Session panel must show, put together from the file alone: its tables by SQL, its facts by FORMAT.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.look import units
from tests.app.figures.database import Database
from tests.app.figures.of_time import Texts

Row = tuple[str, str, str, int | None]
NONE: Final = "not recorded"
LISTED: Final = 5
"""Prompts that are shown."""
DETAILS: Final = {
    "off": "off: steps and tokens only, without phase times", "step": "step: the time of each step",
    "phase": "phase: the time of each phase of each step",
    "layer": "layer: the time of each phase in each layer of each step",
}  # fmt: skip
SHAPE: Final = {
    "layers": "layers", "hidden": "hidden", "heads": "heads", "kv_heads": "KV heads", "head_dim": "head width",
    "ffn": "FFN", "vocab": "vocabulary", "max_positions": "context", "sliding_window": "window",
}  # fmt: skip
TOPICS: Final = {
    "device_time": "time of the device", "flops": "operations", "bytes_moved": "bytes moved", "kv": "KV cache",
    "kv_layers": "KV cache of each layer", "slots": "batch slots", "token_ids": "token ids",
}  # fmt: skip
VERSIONS: Final = {
    "decodescope": "DecodeScope", "python": "Python", "torch": "PyTorch", "cuda": "CUDA",
    "linux": "Linux", "darwin": "Darwin", "windows": "Windows",
}  # fmt: skip
LOAD: Final = {
    "others_cores": "other programs {} cores", "stolen_cores": "taken by the hypervisor {} cores",
    "waiting_threads": "threads waiting {}",
}  # fmt: skip

SESSION: Final[Texts] = {
    "header": ("{session_header|plain}",),
    "table FactTable": ("{session_facts|plain}",),
    "tip FactTable": ("{session_tips|plain}",),
}


def header(database: Database) -> str:
    """Model, device and precision."""
    facts = _facts(database)
    parts = (facts.get("model"), facts.get("device_name") or facts.get("device"), facts.get("dtype"))
    return " · ".join(part for part in parts if part)


def cells(database: Database, path: Path) -> list[str]:
    """The cells of the table, as they are read from it."""
    return [f"{name} / Value: {units.cut(value)}" for _, name, value, _ in rows(database, path)]


def tips(database: Database, path: Path) -> list[str]:
    """What the tool tips of cells say that have a figure in them."""
    model, draft = _of(database, "model_config"), _of(database, "draft_config")
    sizes = [model.get("weight_bytes"), draft.get("weight_bytes"), _facts(database).get("device_memory_bytes")]
    told = [f"{units.count(int(size))} bytes" for size in (*sizes, _size(path)) if size]
    return [*told, str(path), *filter(None, [_of(database, "ceilings").get("reader")])]


def copied(database: Database, path: Path) -> list[tuple[Any, ...]]:
    """The rows of “Copy as CSV”."""
    facts = _facts(database)
    own = [("Recording", key, facts.get(key, ""), None) for key in ("name", "notes")]
    return [*own, *rows(database, path)]


def rows(database: Database, path: Path) -> list[Row]:
    """Every row: group, name, value, and the step that it leads to."""
    facts = _facts(database)
    serving = _of(database, "serving")
    return [
        *((("Recording", *row)) for row in _recording(database, facts, path, bool(serving))),
        *((("Server", *row)) for row in _server(serving)),
        *((("Model", *row)) for row in _model(database, facts, bool(serving))),
        *((("Machine", *row)) for row in _machine(database, facts)),
        *((("Switches", *row)) for row in _switches(database)),
        *((("Requests", *row)) for row in _requests(database)),
        *((("Ceilings", *row)) for row in _ceilings(database, facts, bool(serving))),
    ]


Part = tuple[str, str, int | None]


def _recording(database: Database, facts: dict[str, str], path: Path, served: bool) -> Iterator[Part]:
    yield "File", path.name, None
    yield "Folder", str(path.parent), None
    yield "Size", f"{units.memory(_size(path))} ●", None
    yield "Recorded", _when(int(facts["epoch_ns"]) / 1e9), None
    [(first, last)] = database.rows("SELECT min(start_ns), max(end_ns) FROM steps")
    yield "Length", f"{units.seconds((last - first) / 1e9)} ●", None
    counts = [database.one(f"SELECT count(*) FROM {table}") for table in ("steps", "requests", "tokens")]
    named = zip(counts, ("step", "request", "token"), strict=True)
    yield "Holds", " · ".join(f"{units.count(n)} {word}{'' if n == 1 else 's'}" for n, word in named), None
    yield "Detail", DETAILS[facts["detail"]], None
    probes = [row[0] for row in database.rows(
        "SELECT attention_probe FROM steps WHERE attention_probe LIKE '%/%' GROUP BY attention_probe ORDER BY min(id)"
    )]  # fmt: skip
    heads = [
        f"layer {layer}, every head" if head == "*" else f"layer {layer}, head {head}"
        for layer, head in (probe.split("/") for probe in probes)
    ]
    if heads:
        yield "Attention", " · ".join(heads), None
    dropped = _of(database, "dropped")
    lost = (dropped.get("attention_rows", 0), dropped.get("layer_rows", 0))
    yield "Let go", "{} rows of attention, {} rows of layers".format(*lost) if any(lost) else "nothing", None
    if facts.get("command"):
        yield "Command", facts["command"], None


def _server(serving: dict[str, Any]) -> Iterator[Part]:
    if not serving:
        return
    yield "Kind", f"{serving['kind']} {serving['version']}".strip(), None
    yield "Address", serving["url"], None
    yield "Attached by", " · ".join(serving["levels"]) or "nothing", None
    for level, clock in serving["clock"].items():
        yield f"Clock of {level}", clock, None
    for reason in dict.fromkeys(serving["not_told"].values()):
        topics = [topic for topic, why in serving["not_told"].items() if why == reason]
        yield "Not told", f"{', '.join(TOPICS.get(topic, topic) for topic in topics)}: {reason}", None


def _model(database: Database, facts: dict[str, str], served: bool) -> Iterator[Part]:
    yield "Name", facts["model"], None
    if facts.get("model_path"):
        yield "Path", facts["model_path"], None
    yield from _shape(_of(database, "model_config"), "Architecture", "Shape", "Weights")
    dtype, weights = facts.get("dtype"), facts.get("weight_dtype")
    words = f"computed in {dtype}, weights in {weights}" if weights else f"computed in {dtype}" if dtype else NONE
    yield "Precision", words, None
    draft = _of(database, "draft_config")
    if draft:
        yield "Draft model", draft["name"], None
        yield from _shape(draft, "Its architecture", "Its shape", "Its weights")
    elif not served:
        yield "Draft model", "none was loaded", None


def _shape(facts: dict[str, Any], kind: str, shape: str, weights: str) -> Iterator[Part]:
    if facts.get("architecture"):
        yield kind, facts["architecture"], None
    words = [f"{word} {units.count(facts[name])}" for name, word in SHAPE.items() if facts.get(name)]
    yield shape, " · ".join(words) or NONE, None
    size = [f"{units.parameters(facts['parameters'])} parameters"] if facts.get("parameters") else []
    size += [f"{units.memory(facts['weight_bytes'])} ƒ"] if facts.get("weight_bytes") else []
    kinds = sorted((facts.get("weight_kinds") or {}).items(), key=lambda one: -one[1])
    size += [f"{kind} {units.memory(held)} ƒ" for kind, held in kinds if len(kinds) > 1]
    yield weights, " · ".join(size) or NONE, None


def _machine(database: Database, facts: dict[str, str]) -> Iterator[Part]:
    names = dict.fromkeys(filter(None, (facts.get("device_name"), facts.get("device"))))
    yield "Device", ", ".join(names) or NONE, None
    size = int(facts.get("device_memory_bytes") or 0)
    yield "Memory", f"{units.memory(size)} ●" if size else NONE, None
    threads, cores = facts.get("threads", "0"), facts.get("cores")
    yield "Threads", NONE if threads == "0" else f"{threads} of {cores}" if cores else threads, None
    versions = _of(database, "versions")
    words = " · ".join(f"{VERSIONS.get(name, name)} {version}" for name, version in versions.items())
    yield "Versions", words or NONE, None


def _switches(database: Database) -> Iterator[Part]:
    before: dict[str, Any] | None = None
    for step, text in database.rows("SELECT step_id, json FROM configs ORDER BY id"):
        now = json.loads(text)
        if before is None:
            words = [f"{name}={_switch(name, value)}" for name, value in now.items()]
        else:
            changed = [name for name in now if now[name] != before.get(name)]
            words = [f"{name}: {_switch(name, before.get(name))} → {_switch(name, now[name])}" for name in changed]
        began = database.rows("SELECT start_ns FROM steps WHERE id = ?", step)
        value = " · ".join(words) or (NONE if before is None else "as before")
        if began:
            value += f" · at {units.seconds(began[0][0] / 1e9)} ●"
        yield f"from step {units.count(step)}", value, step if began else None
        before = now
    if before is None:
        yield "Switches", NONE, None


def _switch(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "no limit"
    return units.memory(value) if name == "kv_memory" else str(value)


def _requests(database: Database) -> Iterator[Part]:
    found = database.rows("SELECT id, prompt, prompt_tokens, params FROM requests ORDER BY rowid")
    params = [json.loads(row["params"]) for row in found]
    for row in found[:LISTED]:
        name = f"Prompt of request {row['id']}" if len(found) > 1 else "Prompt"
        yield name, row["prompt"] or "empty, or not recorded", None
    if len(found) > LISTED:
        yield "and more", f"{units.count(len(found) - LISTED)} requests are not listed here", None
    yield "Prompts", _span([row["prompt_tokens"] for row in found], ""), None
    asked = [one["max_new_tokens"] for one in params if "max_new_tokens" in one]
    if asked:
        yield "New tokens", _span(asked, "at most "), None
    due = [one["arrival_s"] for one in params if "arrival_s" in one]
    if due and len(found) > 1:
        yield "Arrive", f"within {units.seconds(max(due) - min(due))}" if max(due) > min(due) else "all at once", None
    drawn = [one.get("sampling") or {} for one in params]
    yield "Sampling", _counted(drawn) or NONE, None
    own = {"prompt", "messages", "arrival_s", "sampling", "max_new_tokens"}
    others = _counted([{name: value for name, value in one.items() if name not in own} for one in params])
    if others:
        yield "Options", others, None


def _span(numbers: list[int], before: str) -> str:
    if len(set(numbers)) > 1:
        different = units.count(len(set(numbers)))
        return f"{units.count(min(numbers))} to {units.count(max(numbers))} tokens · {different} different"
    return f"{before}{units.count(numbers[0])} token{'' if numbers[0] == 1 else 's'}"


def _counted(given: list[dict[str, Any]]) -> str:
    words = []
    for name in dict.fromkeys(name for one in given for name in one):
        values = Counter(_word(one[name]) for one in given if name in one)
        same = len(values) == 1 and sum(values.values()) == len(given)
        lacking = len(given) - sum(values.values())
        parts = [value if same else f"{value} ({number})" for value, number in values.most_common(3)]
        rest = sum(values.values()) - sum(number for _, number in values.most_common(3))
        parts += [f"others ({rest})"] if rest else []
        parts += [f"not given ({lacking})"] if lacking else []
        words.append(f"{name} {', '.join(parts)}")
    return " · ".join(words)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(f"“{one}”" for one in value) or "none"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _ceilings(database: Database, facts: dict[str, str], served: bool) -> Iterator[Part]:
    found = _of(database, "ceilings")
    if not found:
        if not served:
            yield "Ceilings", "not measured", None
        return
    yield "Arithmetic", f"{units.rate(found['flops_per_s'], 'FLOP/s')} ● · {facts['dtype']}", None
    yield "Memory", f"{units.rate(found['read_bytes_per_s'], 'B/s')} ●", None
    for level in sorted(found.get("levels", []), key=lambda one: one["size_bytes"]):
        speed = units.rate(level["read_bytes_per_s"], "B/s")
        yield level["name"], f"{speed} ● up to {units.memory(level['size_bytes'])}", None
    yield "Measured", _when(found["measured_s"]) if "measured_s" in found else NONE, None
    load = found.get("conditions")
    if not load:
        yield "Conditions", NONE, None
        return
    words = ["busy machine" if load.get("busy") else "quiet machine"]
    words += [text.format(units.significant(load[name])) for name, text in LOAD.items() if load.get(name) is not None]
    words += [f"spread {units.significant(100 * load['spread'])} %"] if "spread" in load else []
    words += [f"{units.count(int(load['cpus']))} processors"] if "cpus" in load else []
    yield "Conditions", " · ".join(words), None


def _facts(database: Database) -> dict[str, str]:
    return {row["key"]: row["value"] for row in database.rows("SELECT key, value FROM meta")}


def _of(database: Database, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_facts(database).get(key) or "{}")
    return found


def _when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in (path, Path(f"{path}-wal"), Path(f"{path}-journal")) if one.exists())
