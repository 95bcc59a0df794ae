"""What a recording is, as rows of facts: the file, the model, the machine, its switches, requests and ceilings."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QCoreApplication

from app.core.engine_sentences import in_window_language
from app.look.units import DERIVED, MEASURED, count, cut, memory, parameters, rate, seconds, significant
from app.models import counted
from app.models.asked_rows import asked_rows
from app.models.info_row import InfoRow
from app.models.level_words import level_name
from app.models.mark_rows import mark_rows
from app.models.request_tally import RequestTally
from app.models.switch_history import MOST_SHOWN, Change, change_row, changes_of
from engine.figures.ceilings import MEMORY, CeilingFacts, ceiling_facts
from engine.session.connecting import COMPANIONS
from engine.session.naming import part_before
from engine.session.serving import Serving
from engine.session.store import Session

VERSIONS: Final = {
    "decodescope": "DecodeScope", "python": "Python", "torch": "PyTorch", "cuda": "CUDA",
    "linux": "Linux", "darwin": "Darwin", "windows": "Windows",
}  # fmt: skip
"""The names of programs whose versions a session keeps; any other is shown as it is."""
translate = QCoreApplication.translate
MOST_OF_FACT: Final = 400
"""Most characters of a fact that stands in a line with others."""


class SessionInfo:
    """The rows of one session. What grows is read on from where it was left: `rows` costs no more in a long run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tally = RequestTally(session)
        self._changes: list[Change] = []

    def rows(self) -> list[InfoRow]:
        """The rows as they are shown, in their order: of very many changes of switches only the first ones."""
        return self._made(MOST_SHOWN)

    def every_row(self) -> list[InfoRow]:
        """All rows, for "copy as CSV"."""
        return self._made(None)

    def _made(self, most: int | None) -> list[InfoRow]:
        session = self._session
        self._tally.update()
        self._read_changes()
        return [
            *_recording(session, self._tally.count),
            *mark_rows(session, most),
            *_server(session.serving),
            *_model(session),
            *_machine(session),
            *self._switches(most),
            *asked_rows(self._tally),
            *_ceilings(session),
        ]

    def _read_changes(self) -> None:
        """Read the settings that are new; the last one again while its step has not run."""
        if self._changes and self._changes[-1].began_s is None:
            waiting = next(place for place, one in enumerate(self._changes) if one.began_s is None)
            del self._changes[waiting:]
        self._changes += changes_of(self._session, len(self._changes))

    def _switches(self, most: int | None) -> Iterator[InfoRow]:
        group = translate("SessionInfo", "Switches")
        yield from (change_row(group, one) for one in self._changes[:most])
        more = 0 if most is None else len(self._changes) - most
        if more > 0:
            yield InfoRow(
                group,
                translate("SessionInfo", "and more"),
                translate("SessionInfo", "{} further changes").format(count(more)),
            )
        if not self._changes:
            yield _untold(group, translate("SessionInfo", "Switches"))


def file_of(session: Session) -> Path | None:
    """The file of a session; None where it is in memory only."""
    path = getattr(session.source, "path", None)
    return path if isinstance(path, Path) else None


def _recording(session: Session, requests: int) -> Iterator[InfoRow]:
    group, path = translate("SessionInfo", "Recording"), file_of(session)
    if path is None:
        yield InfoRow(group, translate("SessionInfo", "File"), translate("SessionInfo", "in memory only"))
    else:
        yield InfoRow(group, translate("SessionInfo", "File"), path.name, str(path.absolute()))
        yield InfoRow(group, translate("SessionInfo", "Folder"), str(path.absolute().parent))
        size = size_of(path)
        gone = translate("SessionInfo", "the file is not there any more")
        yield InfoRow(
            group,
            translate("SessionInfo", "Size"),
            gone if size is None else f"{memory(size)} {MEASURED}",
            _bytes(size),
        )
    before = part_before(session.meta)
    if before:
        yield InfoRow(
            group,
            translate("SessionInfo", "Continues"),
            before,
            translate("SessionInfo", "The part of the same watch that was recorded before this one."),
        )
    began = _moment(session.meta.get("epoch_ns"), 1e-9)
    yield (
        InfoRow(group, translate("SessionInfo", "Recorded"), began)
        if began
        else _untold(group, translate("SessionInfo", "Recorded"))
    )
    length = _length_s(session)
    if length is not None:
        yield InfoRow(
            group,
            translate("SessionInfo", "Length"),
            f"{seconds(length)} {MEASURED}",
            translate("SessionInfo", "From the first event to the last."),
        )
    held = [counted.requests(requests), counted.tokens(len(session.tokens))]
    if len(session.steps) or session.serving is None:
        held.insert(0, counted.steps(len(session.steps)))
    yield InfoRow(group, translate("SessionInfo", "Holds"), " · ".join(held))
    detail = session.meta.get("detail", "")
    yield (
        InfoRow(group, translate("SessionInfo", "Detail"), _detail(detail))
        if detail
        else _untold(group, translate("SessionInfo", "Detail"))
    )
    heads = _attention(session)
    if heads:
        yield InfoRow(group, translate("SessionInfo", "Attention"), heads)
    yield InfoRow(group, translate("SessionInfo", "Let go"), _dropped(session))
    command = session.meta.get("command", "")
    if command:
        yield InfoRow(group, translate("SessionInfo", "Command"), command)


def _server(serving: Serving | None) -> Iterator[InfoRow]:
    if serving is None:
        return
    group = translate("SessionInfo", "Server")
    yield InfoRow(group, translate("SessionInfo", "Kind"), " ".join(filter(None, (serving.kind, serving.version))))
    yield InfoRow(group, translate("SessionInfo", "Address"), serving.url)
    yield InfoRow(
        group,
        translate("SessionInfo", "Attached by"),
        " · ".join(serving.levels) or translate("SessionInfo", "nothing"),
    )
    for level, clock in serving.clock.items():
        yield InfoRow(group, translate("SessionInfo", "Clock of {}").format(level), in_window_language(clock))
    reasons: dict[str, list[str]] = {}
    for topic, reason in serving.not_told.items():
        reasons.setdefault(reason, []).append(topic)
    for reason, topics in reasons.items():
        why = QCoreApplication.translate("Untold", reason)
        words = ", ".join(topic_words().get(topic, topic) for topic in topics)
        yield InfoRow(group, translate("SessionInfo", "Not told"), f"{words}: {why}")


def topic_words() -> dict[str, str]:
    """What the topics are called that a server may not tell."""
    return {
        "steps": translate("SessionInfo", "steps"),
        "phases": translate("SessionInfo", "phases"),
        "device_time": translate("SessionInfo", "time of the device"),
        "attention": translate("SessionInfo", "attention"),
        "flops": translate("SessionInfo", "operations"),
        "bytes_moved": translate("SessionInfo", "bytes moved"),
        "kv": translate("SessionInfo", "KV cache"),
        "kv_layers": translate("SessionInfo", "KV cache of each layer"),
        "slots": translate("SessionInfo", "batch slots"),
        "padding": translate("SessionInfo", "padding"),
        "token_ids": translate("SessionInfo", "token ids"),
        "logprobs": translate("SessionInfo", "logprobs"),
        "entropy": translate("SessionInfo", "entropy"),
        "switches": translate("SessionInfo", "switches"),
        "requests of others": translate("SessionInfo", "requests of others"),
    }


def _model(session: Session) -> Iterator[InfoRow]:
    group, facts = translate("SessionInfo", "Model"), session.model_config
    name = session.meta.get("model", "")
    yield (
        InfoRow(group, translate("SessionInfo", "Name"), name)
        if name
        else _untold(group, translate("SessionInfo", "Name"))
    )
    path = session.meta.get("model_path", "")
    if path:
        yield InfoRow(group, translate("SessionInfo", "Path"), path)
    yield from _shape(
        group,
        facts,
        translate("SessionInfo", "Architecture"),
        translate("SessionInfo", "Shape"),
        translate("SessionInfo", "Weights"),
    )
    dtype, weights = session.meta.get("dtype", ""), session.meta.get("weight_dtype", "")
    if dtype and weights:
        words = translate("SessionInfo", "computed in {dtype}, weights in {weights}").format(
            dtype=dtype, weights=weights
        )
        yield InfoRow(group, translate("SessionInfo", "Precision"), words)
    elif dtype:
        yield InfoRow(
            group, translate("SessionInfo", "Precision"), translate("SessionInfo", "computed in {}").format(dtype)
        )
    else:
        yield _untold(group, translate("SessionInfo", "Precision"))
    draft = session.draft_config
    if draft:
        yield InfoRow(
            group,
            translate("SessionInfo", "Draft model"),
            str(draft.get("name") or translate("SessionInfo", "not recorded")),
        )
        yield from _shape(
            group,
            draft,
            translate("SessionInfo", "Its architecture"),
            translate("SessionInfo", "Its shape"),
            translate("SessionInfo", "Its weights"),
        )
    elif "draft_config" not in session.meta:
        yield _untold(group, translate("SessionInfo", "Draft model"))
    elif session.serving is None:
        yield InfoRow(group, translate("SessionInfo", "Draft model"), translate("SessionInfo", "none was loaded"))


def _shape(group: str, facts: dict[str, Any], kind: str, shape: str, weights: str) -> Iterator[InfoRow]:
    architecture = facts.get("architecture")
    if isinstance(architecture, str) and architecture:
        yield InfoRow(group, kind, architecture)
    names = (
        ("layers", translate("SessionInfo", "layers {}")),
        ("hidden", translate("SessionInfo", "hidden {}")),
        ("heads", translate("SessionInfo", "heads {}")),
        ("kv_heads", translate("SessionInfo", "KV heads {}")),
        ("head_dim", translate("SessionInfo", "head width {}")),
        ("ffn", translate("SessionInfo", "FFN {}")),
        ("vocab", translate("SessionInfo", "vocabulary {}")),
        ("max_positions", translate("SessionInfo", "context {}")),
        ("sliding_window", translate("SessionInfo", "window {}")),
    )
    parts = [words.format(count(facts[name])) for name, words in names if facts.get(name)]
    yield InfoRow(group, shape, " · ".join(parts)) if parts else _untold(group, shape)
    size = []
    if facts.get("parameters"):
        size.append(translate("SessionInfo", "{} parameters").format(parameters(facts["parameters"])))
    if facts.get("weight_bytes"):
        size.append(f"{memory(facts['weight_bytes'])} {DERIVED}")
    tip = _bytes(facts.get("weight_bytes"))
    kinds = facts.get("weight_kinds") or {}
    if len(kinds) > 1:  # of one kind the row "Precision" tells
        size += [f"{kind} {memory(held)} {DERIVED}" for kind, held in sorted(kinds.items(), key=lambda one: -one[1])]
    yield InfoRow(group, weights, " · ".join(size), tip) if size else _untold(group, weights)


def _machine(session: Session) -> Iterator[InfoRow]:
    group, meta = translate("SessionInfo", "Machine"), session.meta
    device = ", ".join(dict.fromkeys(filter(None, (meta.get("device_name", ""), meta.get("device", "")))))
    yield (
        InfoRow(group, translate("SessionInfo", "Device"), device)
        if device
        else _untold(group, translate("SessionInfo", "Device"))
    )
    size = meta.get("device_memory_bytes", "")
    if size and size != "0":
        yield InfoRow(group, translate("SessionInfo", "Memory"), f"{memory(int(size))} {MEASURED}", _bytes(int(size)))
    else:
        yield _untold(group, translate("SessionInfo", "Memory"))
    threads, cores = meta.get("threads", ""), meta.get("cores", "")
    if threads in ("", "0"):
        yield _untold(group, translate("SessionInfo", "Threads"))
    elif cores:
        yield InfoRow(
            group,
            translate("SessionInfo", "Threads"),
            translate("SessionInfo", "{n} of {cores}").format(n=threads, cores=cores),
        )
    else:
        yield InfoRow(group, translate("SessionInfo", "Threads"), threads)
    versions: dict[str, Any] = json.loads(meta.get("versions") or "{}")
    words = [f"{VERSIONS.get(name, name)} {version}" for name, version in versions.items()]
    if words:
        yield InfoRow(group, translate("SessionInfo", "Versions"), " · ".join(cut(one, MOST_OF_FACT) for one in words))
    else:
        yield _untold(group, translate("SessionInfo", "Versions"))


def _ceilings(session: Session) -> Iterator[InfoRow]:
    group, facts = translate("SessionInfo", "Ceilings"), ceiling_facts(session)
    if facts is None:
        if session.serving is None:
            yield InfoRow(
                group, translate("SessionInfo", "Ceilings"), translate("SessionInfo", "not measured"), untold=True
            )
        return
    dtype = session.meta.get("dtype", "")
    yield InfoRow(
        group, translate("SessionInfo", "Arithmetic"),
        " · ".join(filter(None, (f"{rate(facts.flops_per_s, 'FLOP/s')} {MEASURED}", dtype))),
    )  # fmt: skip
    yield InfoRow(
        group, translate("SessionInfo", "Memory"), f"{rate(facts.read_bytes_per_s, 'B/s')} {MEASURED}", facts.reader
    )
    for level in facts.levels:
        if level.name != MEMORY:
            words = translate("SessionInfo", "{rate} {mark} up to {size}").format(
                rate=rate(level.read_bytes_per_s, "B/s"), mark=MEASURED, size=memory(level.size_bytes)
            )
            yield InfoRow(group, cut(level_name(level.name), MOST_OF_FACT), words)
    raw = json.loads(session.meta.get("ceilings") or "{}")
    when = _moment(raw.get("measured_s"), 1.0)
    yield (
        InfoRow(group, translate("SessionInfo", "Measured"), when)
        if when
        else _untold(group, translate("SessionInfo", "Measured"))
    )
    yield _conditions(group, facts)


def _conditions(group: str, facts: CeilingFacts) -> InfoRow:
    """The load of the machine while the ceilings were measured."""
    name, found = translate("SessionInfo", "Conditions"), facts.conditions
    if not found:
        return _untold(group, name)
    words: dict[str, tuple[str, Callable[[float], str]]] = {
        "others_cores": (translate("SessionInfo", "other programs {} cores"), significant),
        "stolen_cores": (translate("SessionInfo", "taken by the hypervisor {} cores"), significant),
        "waiting_threads": (translate("SessionInfo", "threads waiting {}"), significant),
        "spread": (translate("SessionInfo", "spread {} %"), lambda value: significant(100 * value)),
        "cpus": (translate("SessionInfo", "{} processors"), lambda value: count(int(value))),
    }
    parts = [translate("SessionInfo", "busy machine") if facts.busy else translate("SessionInfo", "quiet machine")]
    for key, (sentence, write) in words.items():
        value = found.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            parts.append(sentence.format(write(value)))
    return InfoRow(group, name, " · ".join(parts))


def _length_s(session: Session) -> float | None:
    """From the start of the first step to the end of the last; where no steps are told, up to the last token."""
    steps, tokens = session.steps, session.tokens
    if len(steps):
        return int(steps["end_ns"][-1] - steps["start_ns"][0]) / 1e9
    if not len(tokens) or not len(session.requests):
        return None
    first = session.requests[next(iter(session.requests))].arrived_ns
    return max(0.0, (int(tokens["emitted_ns"][-1]) - first) / 1e9)


def _detail(detail: str) -> str:
    return {
        "off": translate("SessionInfo", "off: steps and tokens only, without phase times"),
        "step": translate("SessionInfo", "step: the time of each step"),
        "phase": translate("SessionInfo", "phase: the time of each phase of each step"),
        "layer": translate("SessionInfo", "layer: the time of each phase in each layer of each step"),
    }.get(detail, cut(detail, MOST_OF_FACT))


def _attention(session: Session) -> str:
    """Which layers and heads were recorded, in the order in which they were."""
    found = []
    for word in session.steps.words["attention_probe"]:
        layer, _, head = word.partition("/")
        if head == "*":
            found.append(translate("SessionInfo", "layer {}, every head").format(layer))
        elif head:
            found.append(translate("SessionInfo", "layer {layer}, head {head}").format(layer=layer, head=head))
    return " · ".join(found)


def _dropped(session: Session) -> str:
    dropped = session.dropped
    rows, layers = dropped.get("attention_rows", 0), dropped.get("layer_rows", 0)
    if not rows and not layers:
        return translate("SessionInfo", "nothing")
    return translate("SessionInfo", "{rows} rows of attention, {layers} rows of layers").format(
        rows=count(rows), layers=count(layers)
    )


def size_of(path: Path) -> int | None:
    """The bytes of a session's file, with what SQLite keeps beside it while it is recorded; None without a file."""
    try:
        size = path.stat().st_size
    except OSError:
        return None
    for end in COMPANIONS:
        if end != "-shm":
            with suppress(OSError):
                size += os.stat(f"{path}{end}").st_size
    return size


def _moment(since_1970: object, unit_s: float) -> str:
    """A moment in the time of this machine; "" where it was not recorded or is none."""
    try:
        moment = datetime.fromtimestamp(float(since_1970) * unit_s)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment.year > 1970 else ""


def _bytes(size: int | None) -> str:
    return "" if not size else translate("SessionInfo", "{} bytes").format(count(size))


def _untold(group: str, name: str) -> InfoRow:
    return InfoRow(group, name, translate("SessionInfo", "not recorded"), untold=True)
