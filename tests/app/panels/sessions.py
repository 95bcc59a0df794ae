"""Sessions written event by event, for tests that know every number in them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session

MODEL = {"layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 16, "itemsize": 2, "hidden": 64}
MS = 1_000_000


class Recorder:
    """Applies events to a Session, with defaults for what a test does not care about."""

    def __init__(self, **model: int) -> None:
        self.session = Session()
        facts = MODEL | model
        self.layers = facts["layers"]
        self.layer_bytes = 2 * facts["kv_heads"] * facts["head_dim"] * facts["itemsize"]
        self.session.apply([schema.SessionStarted({"model": "tiny", "model_config": json.dumps(facts)})])
        self.now_ns = 0
        self._configs = 0

    def switches(self, **values: Any) -> None:
        step = len(self.session.steps)
        self.session.apply([schema.ConfigChanged(self._configs, step, json.dumps(values))])
        self._configs += 1

    def request(self, id: int, prompt: list[str], arrived_ns: int = 0, scheduled_ns: int | None = 0) -> None:
        events: list[Any] = [
            schema.RequestArrived(id, "".join(prompt), list(range(len(prompt))), prompt, "{}", arrived_ns)
        ]
        if scheduled_ns is not None:
            events.append(schema.RequestScheduled(id, scheduled_ns))
        self.session.apply(events)

    def step(
        self,
        work: list[tuple[int, int, int, int, int, int]],
        tokens: list[tuple[int, str, str]] = (),  # type: ignore[assignment]
        ns: int = 10 * MS,
        gap_ns: int = 0,
        device_ns: int = -1,
        phases: dict[str, float] | None = None,
        kv: int | None = None,
        reserved: int | None = None,
        evictable: int = 0,
        held: int | None = None,
        kept: int = 0,
        flops: int = 1000,
        proposals: list[tuple[int, int, int]] = (),  # type: ignore[assignment]
    ) -> int:
        """One step. `work`: (request, first, new_from, end, rejected, reused); `tokens`: (request, text, source);
        `phases` in µs by name; `kv`, `reserved`, `held` and `kept` in positions a layer (held is all that is reserved
        and not evictable, if not told); `proposals`: (request, proposed, accepted).
        """
        id = len(self.session.steps)
        start = self.now_ns + gap_ns
        self.now_ns = start + ns
        real = [w for w in work if w[0] >= 0]
        padding = sum(end - first for request, first, _, end, _, _ in work if request < 0)
        rejected = sum(w[4] for w in real)
        recomputed = sum(new_from - first for _, first, new_from, _, _, _ in real)
        new = sum(end - new_from for _, _, new_from, end, _, _ in real) - rejected
        table = np.zeros((self.layers + 1, len(PHASES)), np.float32)
        for name, us in (phases or {}).items():
            table[self.layers, PHASES.index(name)] = us
        whole = self.layer_bytes * self.layers
        used, taken = (kv or 0) * self.layer_bytes, (reserved if reserved is not None else kv or 0) * self.layer_bytes
        events: list[Any] = [schema.Work(id, w[0], slot, *w[1:]) for slot, w in enumerate(work)]
        events.append(
            schema.Step(
                id=id, config_id=max(self._configs - 1, 0), kind="decode", start_ns=start, end_ns=self.now_ns,
                device_ns=device_ns, positions_computed=new + recomputed + padding + rejected, positions_new=new,
                positions_recomputed=recomputed, positions_padding=padding, positions_rejected=rejected,
                positions_reused=sum(w[5] for w in real), tokens_out=len(tokens), flops=flops, bytes_moved=0,
                kv_used_bytes=used * self.layers, kv_reserved_bytes=taken * self.layers, kv_evictable_bytes=evictable,
                running=len(real), waiting=0, attention_kernel="sdpa", phases=table.tobytes() if phases else b"",
                kv_layers=np.tile(np.array([[used, taken]], np.int64), (self.layers, 1)).tobytes(),
                kv_held_bytes=taken * self.layers - evictable if held is None else held * whole,
                kv_kept_bytes=kept * whole,
            )
        )  # fmt: skip
        events += [schema.Speculation(id, *one) for one in proposals]
        first_id = len(self.session.tokens)
        for offset, (request, text, source) in enumerate(tokens):
            known = self.session.requests[request]
            before = len(known.token_rows) + sum(1 for one in tokens[:offset] if one[0] == request)
            events.append(
                schema.Token(first_id + offset, request, id, known.prompt_tokens + before, 100 + offset, text, -0.5,
                             1.25, source, self.now_ns, b"")  # type: ignore[arg-type]
            )  # fmt: skip
        self.session.apply(events)
        return id

    def mark(self, kind: str, label: str) -> None:
        self.session.apply([schema.Mark(self.now_ns, kind, label)])

    def finish(self, request: int) -> None:
        self.session.apply([schema.RequestFinished(request, self.now_ns, "length")])


def decode_run(tokens: int, kv: str, switch_at: int | None = None, to: str = "contiguous") -> Recorder:
    """One request with a prompt of one token that emits so many; `kv` switches to `to` at step `switch_at`."""
    recorder = Recorder()
    recorder.switches(kv=kv)
    recorder.request(0, ["<s>"])
    for step in range(tokens):
        if step == switch_at:
            recorder.switches(kv=to)
            recorder.mark("switch", f"kv → {to}")
            kv = to
        length = step + 1
        none = kv == "none" or step == switch_at  # a cache just switched on is filled by computing everything once
        work = (0, 0, step, length, 0, 0) if none else (0, step, step, length, 0, step)
        cached = 0 if kv == "none" else length
        recorder.step([work], [(0, f" t{step}", "target")], kv=cached, reserved=2 * cached, flops=1000 * length)
    recorder.finish(0)
    return recorder


def busy_run() -> Recorder:
    """Three requests, one of which waits; drafts accepted and rejected, padding, gaps, a mark, a reporting device."""
    recorder = Recorder()
    recorder.switches(kv="contiguous", speculate="draft")
    phases = {"prepare": 1000.0, "norm": 1000.0, "attention": 3000.0, "ffn": 2500.0, "draft": 1500.0, "sample": 500.0}
    recorder.request(0, [" The", " cat"])
    recorder.request(1, [" A"])
    recorder.request(2, [" Dogs", " sat"], arrived_ns=15 * MS, scheduled_ns=None)
    recorder.step(
        [(0, 0, 0, 2, 0, 0), (1, 0, 0, 1, 0, 0), (-1, 1, 1, 2, 0, 0)],
        [(0, " sat", "target"), (1, " king", "target")],
        device_ns=6 * MS,
        phases=phases,
        kv=3,
        reserved=8,
    )
    recorder.step([(0, 2, 2, 5, 1, 2), (1, 1, 1, 4, 2, 1)], [(0, " on", "draft"), (0, " the", "target"),
                  (1, " had", "target")], gap_ns=20 * MS, device_ns=9 * MS, phases=phases, kv=6, reserved=8,
                  proposals=[(0, 2, 1), (1, 2, 0)])  # fmt: skip
    recorder.mark("switch", "attention: sdpa → reference")
    recorder.session.apply([schema.RequestScheduled(2, recorder.now_ns)])
    recorder.step([(0, 4, 4, 6, 0, 4), (2, 0, 0, 2, 0, 0)], [(0, " mat", "draft"), (0, "\n", "bonus"),
                  (2, " down", "target")], gap_ns=1 * MS, device_ns=2 * MS, phases=phases, kv=8, reserved=16,
                  evictable=512, proposals=[(0, 1, 1)])  # fmt: skip
    recorder.finish(1)
    return recorder
