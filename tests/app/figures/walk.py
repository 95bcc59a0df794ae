"""Walks every panel through a session, and holds each text it shows against what the command line tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, cast

import numpy as np
from PySide6.QtWidgets import QApplication

from app.core.selection import Selected, Selection
from app.look.units import THIN_SPACE, seconds
from app.models.before_after import NAMES as IMPROVEMENTS
from app.models.latency import REFERENCE_S
from app.panels.base import EngineControl, Panel, PanelContext
from app.panels.kv_memory import PAGES, KvMemoryPanel
from app.panels.latency import LatencyPanel
from app.panels.query import QueryPanel
from app.panels.registry import entry
from app.panels.utilisation import UtilisationPanel
from engine.session.file import SessionFile, open_session
from engine.session.store import Session
from tests.app.figures import of_requests, of_servers, of_session, of_time, of_work
from tests.app.figures.copied import QUERY, differences, rows_of
from tests.app.figures.database import Database
from tests.app.figures.of_slow import slow_of
from tests.app.figures.recorded import Recorded
from tests.app.figures.sentences import Env, Sentence, Wrong, explain, has_figure, sentences, written
from tests.app.figures.shown import Text, texts_of
from tests.app.figures.told import CommandLine, Told
from tests.app.figures.which_panels import OF_A_TOKEN
from tests.app.panels.acting import RecordingControl

TEXTS: Final[dict[str, of_time.Texts]] = {
    "timeline": of_time.TIMELINE, "inspector": of_work.INSPECTOR, "redundancy": of_work.REDUNDANCY,
    "kv-memory": of_work.KV_MEMORY, "attention": of_work.ATTENTION, "latency": of_time.LATENCY,
    "utilisation": of_time.UTILISATION, "roofline": of_time.ROOFLINE, "summary": of_time.SUMMARY,
    "batch": of_work.BATCH, "parallel": of_time.PARALLEL, "before-after": of_time.BEFORE_AFTER,
    "session": of_session.SESSION,
    "requests": of_requests.REQUESTS,
    "query": of_work.QUERY,
}  # fmt: skip
SCALES: Final = frozenset({
    "draw_axis", "RedundancyMap._draw_axes", "LineChart._draw_axes", "StackChart._draw_grid", "StackChart._draw_steps",
    "LatencyHistogram._draw_axes", "LaneChart._draw_ticks", "LaneChart._draw_axis", "RooflineChart._draw_axes",
    "draw_axes", "ParallelChart._draw_axis", "FactorChart.paint", "ColourBar.paint",
})  # fmt: skip
"""Methods that draw the ticks of an axis: round numbers of a scale, not figures of a session."""


RANGES: Final = ("all", "selected")
"""The first selections: after them what is said to the pointer is the same again, but in OF_A_TOKEN."""


@dataclass(slots=True)
class Book:
    """Every sentence of every panel, with how often it held."""

    by_panel: dict[str, dict[str, list[Sentence]]] = field(
        default_factory=lambda: {
            panel: {place: sentences(*texts) for place, texts in by_place.items()} for panel, by_place in TEXTS.items()
        }
    )
    scales: set[str] = field(default_factory=set)
    """Which of SCALES were seen."""
    figures: dict[str, int] = field(default_factory=dict)
    """Texts with figures that were held against a sentence, by panel."""
    copied: dict[str, int] = field(default_factory=dict)
    """Rows of “Copy as CSV” that were held against what is told, by panel."""

    def unused(self) -> list[str]:
        """Sentences that no panel showed."""
        return [
            f"{panel}, {place}: {sentence.text}"
            for panel, by_place in self.by_panel.items()
            for place, found in by_place.items()
            for sentence in found
            if not sentence.held and not sentence.optional
        ]


class Walk:
    """One session, opened in panels and on the command line."""

    def __init__(self, recorded: Recorded, book: Book) -> None:
        self.recorded, self.book = recorded, book
        self.command_line = CommandLine(recorded.path)
        self.database = Database(recorded.path)
        self.session: Session = open_session(recorded.path)
        self.last = recorded.steps - 1

    def close(self) -> None:
        self.database.close()
        assert isinstance(self.session.source, SessionFile)
        self.session.source.close()

    # --- panels -----------------------------------------------------------------------------------------------------

    def panel(self, name: str) -> list[Wrong]:
        """Everything that one panel shows of the session, of the range, and of what is selected one by one."""
        selection = Selection()
        selection.reset(self.session)
        panel = entry(name).make(PanelContext(selection, cast(EngineControl, RecordingControl())))
        selection.changed.connect(panel.select)
        panel.resize(1400, 1000)
        panel.show_session(self.session)
        panel.show()
        wrong: list[Wrong] = []
        for number, changes in enumerate(self._selections()):
            selection.change(**changes)
            pointed = number < len(RANGES) or name in OF_A_TOKEN
            for mode in _modes(panel):
                panel.refresh()
                where = f"{name}, {_words(selection.now)}{mode}"
                found = [*self._check(name, panel, selection.now, pointed), *self._copied(name, panel, mode)]
                wrong += [replace(one, place=f"{where}, {one.place}") for one in found]
        panel.close()
        panel.deleteLater()
        QApplication.sendPostedEvents(None, 52)  # DeferredDelete
        return wrong

    def _selections(self) -> Iterator[dict[str, Any]]:
        tokens = len(self.session.tokens)
        request = max(self.session.requests)
        yield from ({"steps": None}, {"steps": self.recorded.selected})
        yield {"steps": None, "step": self.recorded.steps // 2, "token": tokens // 2, "request": 0, "layer": 1}
        yield {"steps": None, "step": 0, "token": 0, "request": request, "layer": 0, "head": None}
        last = int(self.session.tokens["request_id"][tokens - 1])
        yield {"steps": None, "step": self.last, "token": tokens - 1, "request": last, "layer": 1, "head": 0}

    def _check(self, name: str, panel: Panel, now: Selected, pointed: bool) -> list[Wrong]:
        by_place = self.book.by_panel[name]
        env = self._env(panel, now)
        texts = texts_of(panel, pointed)
        for text in texts:  # names in capitals hold for everything the panel shows at once
            explained = _names_in(text, by_place.get(text.place, []), env)
            env.update({key: value for key, value in explained.items() if key.isupper()})
        wrong = []
        for text in texts:
            if text.place in SCALES:
                self.book.scales.add(text.place)
                continue
            found = explain(text.place, text.text, by_place.get(text.place, []), env)
            wrong += found
            if has_figure(text.text):
                self.book.figures[name] = self.book.figures.get(name, 0) + 1
        return wrong

    def _copied(self, name: str, panel: Panel, mode: str) -> list[Wrong]:
        """What of “Copy as CSV” is not as told."""
        now = panel.context.selection.now
        steps = now.steps if now.steps is not None else (0, self.last)
        expected = (
            of_session.copied(self.database, self.recorded.path)
            if name == "session"
            else rows_of(name, mode, self._env(panel, now), self.database, steps)
        )
        shown = panel.rows()[1] if name != "attention" else []
        self.book.copied[name] = self.book.copied.get(name, 0) + len(shown)
        return [Wrong("copied as CSV", one, ()) for one in differences(shown, expected)]

    # --- what the command line tells ----------------------------------------------------------------------------------

    def _env(self, panel: Panel, now: Selected) -> Env:
        """Names for expressions: what is told of the range shown, of single steps, and up to a step."""
        info = self.command_line.info
        every = info((0, self.last))
        shown = now.steps[1] if now.steps is not None else self.last
        step = now.step if now.step is not None else shown
        row = now.token if now.token is not None else len(self.session.tokens) - 1
        token = every.detail.emitted[row]
        outcome = panel.run.outcome if isinstance(panel, QueryPanel) else None
        env: Env = {
            "asked_s": getattr(outcome, "seconds", None),
            "info": info(now.steps), "all": info(None), "every": every, "at": lambda one: info((one, one)),
            "of": lambda one: info((one, one)).detail.last, "span": lambda *one: info(one),
            "begin": now.steps[0] if now.steps is not None else 0,
            "steps": range(self.recorded.steps), "here_step": step, "kv": info((step, step)).kv_end,
            "end": info((self.last, self.last)).kv_end, "T": token, "of_request": info(None).requests[token.request],
            "REFERENCE_S": REFERENCE_S, "LLAMA_7B_BYTES": 2 * 32 * 2048 * 4096 * 2,
        }  # fmt: skip
        shown_late = (
            [token.delay]
            if panel.name == "inspector" and token.delay is not None
            else info(now.steps).delays.most_delayed
        )
        if panel.name == "inspector":
            env["SLOW"] = slow_of(self.database, token.step)
        env["of_late"] = partial(_parts, list(shown_late))
        env["shared"] = lambda one: sum(
            work.end - work.first for work in info((token.step, token.step)).detail.work if work.request == one
        )
        facts = json.loads(self.database.meta("model_config"))
        env |= {
            "layers": facts["layers"], "shape": Told(facts, None, {}), "requests_that_fit": self._that_fit(),
            "peak": info(now.steps if now.steps is not None else (step, step) if now.step is not None else None).memory,
            "token": partial(_token, every), "taught": partial(_taught, info(None)),
            "block_of": lambda block: info((step, step)).detail.last.blocks[block],
            "waiting": lambda one: _waiting(info((one, one)), info(None)),
            "in_slot": lambda one, slot: [w for w in info((one, one)).detail.work if w.slot == slot],
            "class_at": lambda *place: _class_at(info, *place), "readings": partial(self._readings, now.steps),
            "layer_times": lambda one: _layer_times(info((one, one))),
        }  # fmt: skip
        if panel.name == "session":
            path = self.recorded.path
            env["session_header"] = of_session.header(self.database)
            env["session_facts"] = of_session.cells(self.database, path)
            env["session_tips"] = of_session.tips(self.database, path)
        env["of_server"] = partial(of_servers.readings, self.database)
        env["kv_peak"] = info((env["peak"].step, env["peak"].step)).kv_end
        parts = {"weights", "kv", "draft", "activations"} & set(env["peak"])  # a model alone has no draft
        env["known_bytes"] = sum(env["peak"][name] or 0 for name in parts)
        latency = info(now.steps).latency
        env["elapsed"] = latency.busy_s + latency.gap_s
        env |= self._of_batch(info(now.steps)) | self._of_roofline(info(now.steps))
        env |= _of_improvements(info(None)) | {"marks": self._marks(), "marks_with_times": self._marks(timed=True)}
        env["pauses"] = [
            seconds(row["passed_ns"] / 1e9)
            for row in self.database.rows("SELECT until_ns - since_ns AS passed_ns FROM pauses")
        ]
        env["recorded_maps"] = _recorded_maps(every)
        passes = list(info(None).teacher)
        if passes:
            env["pass_"] = next((one for one in passes if one.request_id == now.request), passes[0])
            env["temperature"] = self._temperature(env["pass_"].request_id)
        request = self._request_shown(now)
        env["weights"] = lambda query: _weights(self.database, env.get("REQUEST", request), query)
        env["computed_of"] = lambda one: max(
            work.end - work.rejected for work in every.detail.work if work.request == one
        )
        env["looks"] = lambda head=_UNSET: _looks(every, env, head)
        env["look"] = lambda query: _look(every, env, query)
        within = info(now.steps if now.steps is not None else (0, self.last))
        env["looks_in_range"] = lambda head=_UNSET: _looks(within, env, head)
        env["head_numbers"] = lambda: _head_numbers(within, env)
        env["bins"] = self._bins(panel, now.steps) if isinstance(panel, LatencyPanel) else []
        return env

    def _request_shown(self, now: Selected) -> int:
        row = now.token if now.token is not None else len(self.session.tokens) - 1
        return int(self.session.tokens["request_id"][row])

    def _that_fit(self) -> int:
        """(memory of the device, as the field shows it − weights of LLaMA-7B) over a cache of 1 GiB."""
        if not self.database.rows("SELECT 1 FROM meta WHERE key = 'device_memory_bytes'"):
            return 0
        device = round(int(self.database.meta("device_memory_bytes")) / 2**30, 2)
        weights = round(2 * 6_738_415_616 / 2**30, 2)
        return int(device - weights)

    def _of_batch(self, info: Told) -> Env:
        parts = list(info.batch)
        last = {part.batching: part for part in parts}
        if {"static", "continuous"} <= last.keys():
            shown = {policy: last[policy] for policy in ("static", "continuous")}
        else:
            whole = info.slots
            title = " → ".join(dict.fromkeys(part.batching for part in parts))
            ends = {"first": parts[0].first, "last": parts[-1].last, "preempted": sum(p.preempted for p in parts)}
            shown = {title: _Joined(whole, ends)} if parts else {}
        return {"parts": list(shown.values()), "part": lambda policy: shown[policy]}

    def _of_roofline(self, info: Told) -> Env:
        kinds = list(info.roofline.kinds)
        if not kinds:
            return {}
        chosen = next(kind for kind in ("decode", "verify", "mixed", "prefill", "teacher") if kind in kinds)

        def point_of(name: str) -> Told:
            kind = "teacher" if name == "teacher-forced" else name
            found: Told = info.roofline.kinds[kind] if kind in kinds else info.roofline.phases[chosen][name]
            return found

        levels = {level.name: level for level in info.devices.ceilings.levels}
        return {"point_of": point_of, "chosen_kind": chosen, "level_of": lambda name: levels[name]}

    def _readings(self, _steps: Any, device: str, name: str) -> list[float]:
        found = self.database.column("SELECT value FROM device_samples WHERE device = ? AND name = ?", device, name)
        return [float(value) for value in found]

    def _marks(self, timed: bool = False) -> list[str]:
        """The labels of marks, also as far as there may be room for them, and with how many more are at one place."""
        rows = self.database.rows("SELECT t_ns / 1e9, coalesce(nullif(label, ''), kind) FROM marks")
        if timed:
            return [f"{seconds(t_s)}: {label}" for t_s, label in rows]
        labels = [label for _, label in rows]
        labels += [f"{label} (+{more})" for label in labels for more in range(1, len(labels))]
        return labels + [f"{label[:end]}…" for label in labels for end in range(len(label))]

    def _temperature(self, request: int) -> str:
        """At which a request was drawn."""
        params = json.loads(self.database.one("SELECT params FROM requests WHERE id = ?", request))
        return f"{params['sampling']['temperature']:g}"

    def _bins(self, panel: LatencyPanel, steps: tuple[int, int] | None) -> list[str]:
        """The bins of the histogram that is drawn, filled from the file."""
        histogram = panel.histogram.histogram
        if histogram is None:
            return []
        first, last = steps if steps is not None else (0, self.last)
        sql = "SELECT (end_ns - start_ns) / 1e3 FROM steps WHERE id BETWEEN ? AND ? AND kind <> 'teacher'"
        walls, edges = self.database.column(sql, first, last), histogram.edges_us
        walls = np.clip(walls, edges[0], edges[-1])  # the ends are the extremes, but for rounding
        counts, _ = np.histogram(walls, edges)
        return [
            f"{seconds(low / 1e6)} to {seconds(high / 1e6)} · steps: {number} ● measured"
            for low, high, number in zip(edges[:-1], edges[1:], counts.tolist(), strict=True)
        ]


_UNSET: Final = object()


class _Joined:
    """The slots of a whole range under the title of its parts."""

    def __init__(self, whole: Told, ends: dict[str, Any]) -> None:
        self._whole, self._ends = whole, ends

    def __getattr__(self, name: str) -> Any:
        return self._ends[name] if name in self._ends else self._whole[name]


def _modes(panel: Panel) -> Iterator[str]:
    """Brings a panel into each of its forms, one after the other, and says which."""
    match panel:
        case KvMemoryPanel():
            for page in PAGES:
                panel.show_page(page)
                yield f" ({page})"
            panel.show_page(PAGES[0])
        case LatencyPanel():
            for picture in ("histogram", "steps"):
                panel.picture.set_value(picture)
                panel.picture.picked.emit(picture)
                yield f" ({picture})"
            panel.late_button.setChecked(True)
            yield " (late)"
            panel.late_button.setChecked(False)
        case UtilisationPanel():
            yield ""
        case QueryPanel():
            panel.edit.setPlainText(QUERY)
            for page in ("table", "plot"):
                panel.run_query()
                panel.show_page(page)
                yield f" ({page})"
        case _:
            yield ""


def _words(now: Selected) -> str:
    if now.steps is not None:
        return f"steps {now.steps[0]}–{now.steps[1]}"
    return "all" if now.step is None else f"step {now.step}, request {now.request}"


def _names_in(text: Text, found: list[Sentence], env: Env) -> Env:
    """Names that a text gives, whether or not its figures are right."""
    names: Env = {}
    for line in text.text.split("\n"):
        for part in (line, *line.split(" · ")):
            for sentence in found:
                if any(one.startswith("=") and one[1:].isupper() for one in sentence.fields):
                    told = sentence.tell(part, env)
                    if told is not None:
                        names |= {key: value for key, value in told[0].items() if key not in env or key.isupper()}
    return names


def _parts(late: list[Told], cause: str, what: str) -> list[Any]:
    """A figure of every part with this cause, of these late tokens."""
    return [part[what] for one in late for part in one.parts if part.cause == cause]


def _layer_times(info: Told) -> list[float]:
    return [layer[phase] for layer in info.detail.last.phases_by_layer_s for phase in layer]


def _token(every: Told, request: int, position: int) -> Told:
    found: Told = next(one for one in every.detail.emitted if (one.request, one.position) == (request, position))
    return found


def _taught(info: Told, request: int) -> Told:
    found: Told = next(one for one in info.teacher if one.request_id == request)
    return found


def _class_at(info: Any, step: int, position: int, request: int) -> list[str]:
    """Every class that a position of a request has in a step."""
    found = []
    for one in info((step, step)).detail.work:
        if one.request != request:
            continue
        ends = {
            "recomputed": one.first, "new": one.first + one.recomputed,
            "rejected": one.first + one.recomputed + one.new,
        }  # fmt: skip
        counts = {"recomputed": one.recomputed, "new": one.new, "rejected": one.rejected}
        found += [name for name, first in ends.items() if first <= position < first + counts[name]]
        if one.first - one.reused <= position < one.first:
            found.append("reused")
    return found


class _Weights(list[float]):
    """Weights of every row of one query; by key, the weights that the rows give it."""

    def __init__(self, rows: list[Any]) -> None:
        super().__init__(float(weight) for row in rows for weight in row)
        self._rows = rows

    def __getitem__(self, key: Any) -> Any:
        return [float(row[key]) for row in self._rows]


def _weights(database: Database, request: int, query: int) -> _Weights:
    return _Weights(database.weights(request, query))


def _looks(every: Told, env: Env, head: Any = _UNSET) -> list[Told]:
    """The newest attention row of each position of the map that is shown, or of one head of its layer."""
    own = [one for one in every.detail.attention if (one.request, one.layer) == (env["REQUEST"], env["LAYER"])]
    heads = {one.head for one in own}
    wanted = env.get("HEAD") if head is _UNSET else head
    if wanted is None and len(heads) == 1:  # the mean of one head is that head
        [wanted] = heads
    return [one for one in own if one.head == wanted and one.newest]


def _look(every: Told, env: Env, query: int) -> Told:
    return next(one for one in _looks(every, env) if one.position == query)


def _head_numbers(every: Told, env: Env) -> list[float]:
    """What may stand under a head: its entropy for the row that is chosen, or the mean over its rows."""
    heads = {one.head for one in every.detail.attention if one.layer == env["LAYER"] and one.head is not None}
    found: list[float] = []
    for head in heads:
        own = [one.entropy_nats for one in _looks(every, env, head)]
        found += [*own, sum(own) / len(own)] if own else []
    return found


def _waiting(step: Told, every: Told) -> str:
    """The first requests that waited in a step, under the numbers that they have in both runs of a comparison."""
    found, compared = list(step.detail.last.waiting), every.static_continuous
    if compared is not None:
        first, offset = compared.continuous.first_request, compared.offset
        found = [one - offset if one >= first else one for one in found]
    return ", ".join(map(str, found[:8])) + ("…" if len(found) > 8 else "")


def _of_improvements(info: Told) -> Env:
    """The factors, the best improvement with its own, and what each side measured, in words."""
    pairs = info.before_after
    factors = {key: pairs[key].factor for key in pairs if pairs[key].factor is not None}

    def measured(key: str, side: str) -> str:
        unit = {
            "rate": "rate tokens/s", "memory": "percent", "together": "number", "attention": "seconds",
            "attention_memory": "memory",
        }[pairs[key].measure]  # fmt: skip
        median, least, most = (written(pairs[key][side][name], unit) for name in ("median", "least", "most"))
        if len({text.partition(THIN_SPACE)[2] for text in (median, least, most)}) == 1:
            least, most = least.partition(THIN_SPACE)[0], most.partition(THIN_SPACE)[0]
        repeats = pairs[key][side].repeats
        spread = f" ({repeats} alike)" if least == most else f" ({least}–{most})"
        return f"{median} ●" + (spread if repeats > 1 else "")

    def ran(key: str) -> str:
        one = pairs[key].load
        prompt, made = (
            written(least, "count") if least == most else f"{written(least, 'count')}–{written(most, 'count')}"
            for least, most in (one.prompt_tokens, one.generated)
        )
        text = f"{prompt} + {made} tokens"
        if one.requests > 1:
            text = f"{written(one.requests, 'count')} requests, {text}"
        if one.kv_limit_bytes is not None:
            limit = written(one.kv_limit_bytes, "memory")
            text = f"{text} of at most {written(one.most_tokens, 'count')}, in {limit} of KV"
        return text

    best = max(factors, key=lambda key: factors[key], default="")
    words = f"{IMPROVEMENTS[best][0]} {written(factors[best], 'number')}" if best else ""
    return {"factors": list(factors.values()), "best": words, "measured": measured, "ran": ran}


def _recorded_maps(every: Told) -> str:
    """The maps that were recorded, as they are listed where another one is asked for."""
    found = sorted({(one.layer, one.head) for one in every.detail.attention if one.head is not None})
    return ", ".join(f"L{layer} H{head}" for layer, head in found[:8]) + (" …" if len(found) > 8 else "")
