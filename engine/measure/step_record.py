"""Builds the record of one step: positions by class, cost, KV memory and phases."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection
from itertools import chain

import msgspec

from engine.core.batch import Batch
from engine.core.kv_cache import KVCache
from engine.core.positions import count_positions
from engine.core.timing import StepTimes
from engine.measure.cost import CostModel
from engine.measure.probe import NOT_PROBED, Probed
from engine.session.schema import Launch, Step, StepKind, Work


class KvState(msgspec.Struct, frozen=True):
    """Bytes of the KV cache after a pass: int64 [layers, 2] (used, reserved), and those of the whole cache by class.

    Reserved bytes are held by requests that go on (the filled part is used), kept for ended requests of a batch that
    goes on, evictable (only there for reuse), or free.

    `position_bytes` is what K and V of one position take in one layer, for the bytes that the pass read and wrote.
    """

    layers: bytes
    used_bytes: int
    reserved_bytes: int
    evictable_bytes: int
    held_bytes: int
    kept_bytes: int
    position_bytes: int


def kv_state(cache: KVCache, ended: Collection[int] = ()) -> KvState:
    """Read a cache's memory, layer by layer; requests in `ended` have ended and wait for their batch to end."""
    layers = array("q", chain.from_iterable(cache.layer_bytes(ended)))
    return KvState(
        layers.tobytes(),
        sum(layers[::2]),
        sum(layers[1::2]),
        cache.evictable_bytes,
        *cache.held_bytes(ended),
        cache.position_bytes,
    )


class StepFacts(msgspec.Struct, frozen=True):
    """What the engine knows about a step that was just computed."""

    id: int
    config_id: int
    kind: StepKind
    start_ns: int
    batch: Batch
    work: list[Work]
    kv: KvState
    tokens_out: int
    running: int
    waiting: int
    attention_kernel: str
    drafting: tuple[int, int] = (0, 0)
    """FLOPs and bytes of the draft passes that fed the step."""
    launch: Launch = "eager"
    draft_kv: tuple[int, int] = (0, 0)
    """Bytes used and reserved of the draft model's own cache."""
    probed: Probed = NOT_PROBED
    attention_peak_bytes: int = -1


def record_step(facts: StepFacts, cost: CostModel, times: StepTimes, clock: Callable[[], int]) -> Step:
    """The step's event. Its wall time ends in this function, so the accounting before it is part of it (in `other`)."""
    positions = count_positions(facts.work)
    spans = ((span.first, span.end) for span in facts.batch.spans)
    flops, moved = cost.of(spans, facts.batch.wanted, facts.kv.position_bytes)
    end_ns = clock()
    phases = times.read_phases((end_ns - facts.start_ns) / 1e3)
    return Step(
        id=facts.id,
        config_id=facts.config_id,
        kind=facts.kind,
        start_ns=facts.start_ns,
        end_ns=end_ns,
        device_ns=times.device_ns,
        positions_computed=positions.computed,
        positions_new=positions.new,
        positions_recomputed=positions.recomputed,
        positions_padding=positions.padding,
        positions_rejected=positions.rejected,
        positions_reused=positions.reused,
        tokens_out=facts.tokens_out,
        flops=flops + facts.drafting[0],
        bytes_moved=moved + facts.drafting[1],
        kv_used_bytes=facts.kv.used_bytes,
        kv_reserved_bytes=facts.kv.reserved_bytes,
        kv_evictable_bytes=facts.kv.evictable_bytes,
        running=facts.running,
        waiting=facts.waiting,
        attention_kernel=facts.attention_kernel,
        phases=phases,
        kv_layers=facts.kv.layers,
        launch=facts.launch,
        draft_kv_used_bytes=facts.draft_kv[0],
        draft_kv_reserved_bytes=facts.draft_kv[1],
        kv_held_bytes=facts.kv.held_bytes,
        kv_kept_bytes=facts.kv.kept_bytes,
        attention_probe=facts.probed.name,
        attention_left_out=facts.probed.left_out,
        attention_peak_bytes=facts.attention_peak_bytes,
    )
