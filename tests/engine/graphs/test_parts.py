"""The parts of captured steps: buckets, padding, fixed buffers, attention over tables, draws, and the twin's pace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.attention.reference import reference_attention
from engine.cache.arena import ArenaCache
from engine.cache.block_cache import BlockCache
from engine.cache.paged import PagedCache
from engine.core.batch import Batch
from engine.core.kv_cache import OutOfKvMemory
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.settings import RequestSpec, RunSpec, Sampling, Switches
from engine.decode.engine import Engine
from engine.graphs.attention import PaddedSdpa, PaddedTriton
from engine.graphs.buckets import bucket_of, fill, row_buckets
from engine.graphs.buffers import Buffers, RowInput
from engine.graphs.captured_kv import CapturedKv, Rows
from engine.graphs.device import CapturedCall, PlainDevice
from engine.graphs.in_flight import InFlightTimes
from engine.graphs.pace import LEAST, MOST, UNTIL_KNOWN, TwinPace
from engine.graphs.sampling import columns_of, draw_columns, needs_order
from engine.measure.phase_table import OTHER
from engine.model.config import ModelConfig
from engine.model.loader import LoadedModel
from engine.sampling.sampler import draw_rows
from engine.session.schema import PHASES, AnyEvent
from tests.engine.drive import drive, tokens_of
from tests.engine.measure.phase_tables import table_of
from tests.engine.sampling.filter_values import samplings

CPU = torch.device("cpu")


# --- buckets ------------------------------------------------------------------------------------------------------


def test_buckets_are_fine_where_batches_are_small() -> None:
    assert row_buckets(1) == (1,)
    assert row_buckets(3) == (1, 2, 3)
    assert row_buckets(20) == (1, 2, 4, 8, 16, 20)
    assert row_buckets(96) == (1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96)


@given(most=st.integers(1, 4096), rows=st.integers(-1, 5000))
def test_a_bucket_is_the_smallest_that_holds_the_rows(most: int, rows: int) -> None:
    sizes = row_buckets(most)
    assert list(sizes) == sorted(set(sizes))
    assert sizes[-1] == most
    found = bucket_of(rows, sizes)
    if not 0 < rows <= most:
        assert found is None
    else:
        assert found == min(size for size in sizes if size >= rows)
        assert found <= 2 * rows


def test_rows_are_filled_to_their_width_and_the_batch_to_its_bucket(tiny_model: LoadedModel) -> None:
    spec = RunSpec(tuple(RequestSpec(text) for text in ("a", "b")))
    engine = Engine(tiny_model, spec, {}, lambda events: None)
    one, two = engine.queue.coming
    chunks = [ScheduledChunk(one, 4, 5, 0), ScheduledChunk(None, 0, 3, 2), ScheduledChunk(two, 9, 10, 3)]
    filled = fill(chunks, 4, 3)
    assert [(chunk.request, chunk.length, chunk.slot) for chunk in filled] == [
        (one, 1, 0), (None, 2, 0), (None, 3, 2), (two, 1, 3), (None, 2, 3), (None, 3, 1),
    ]  # fmt: skip


# --- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kv", ["contiguous", "paged"])
def test_the_memory_is_taken_at_once_and_never_moves(tiny_model: LoadedModel, kv: str) -> None:
    switches = Switches(kv=kv, batching="continuous", max_batch=3, attention="sdpa", graphs=True)  # type: ignore[arg-type]
    requests = tuple(RequestSpec(text * 8, 40, ignore_eos=True) for text in ("one ", "two ", "three ", "four "))
    engine = Engine(tiny_model, RunSpec(requests, switches), {}, lambda events: None, graph_device=PlainDevice())
    engine.begin(0)
    cache = engine.runner.cache
    assert isinstance(cache, BlockCache)
    places = [cache.blocks_of(layer).data_ptr() for layer in range(2)]
    reserved = cache.layer_bytes()
    assert cache.null_block == 3 * 256 // 16
    while not engine.done:
        engine.step()
    assert [cache.blocks_of(layer).data_ptr() for layer in range(2)] == places
    assert [after[1] for after in cache.layer_bytes()] == [before[1] for before in reserved]


def test_static_buffers_stay_where_they_are(tiny_model: LoadedModel) -> None:
    """A graph reads addresses, so a step must write into the tensors that were captured and make no new ones."""
    switches = Switches(kv="paged", batching="continuous", max_batch=3, attention="sdpa", graphs=True)
    requests = tuple(RequestSpec(text, 12, ignore_eos=True) for text in ("one", "two"))
    engine = Engine(tiny_model, RunSpec(requests, switches), {}, lambda events: None, graph_device=PlainDevice())
    engine.begin(0)
    assert engine.runner.graphs is not None
    buffers = engine.runner.graphs.parts.buffers
    tensors = [buffers.tokens, buffers.sources, buffers.tables, buffers.columns, buffers.drawn, buffers.out]
    places = [tensor.data_ptr() for tensor in tensors]
    while not engine.done:
        engine.step()
    now = [buffers.tokens, buffers.sources, buffers.tables, buffers.columns, buffers.drawn, buffers.out]
    assert [tensor.data_ptr() for tensor in now] == places


def test_sizes_are_captured_largest_first(tiny_model: LoadedModel) -> None:
    class Counting(PlainDevice):
        captures = 0

        def capture(self, work: Callable[[], None]) -> CapturedCall:
            self.captures += 1
            work()  # as a warm-up would: on padding, so that nothing changes
            return super().capture(work)

    device = Counting()
    switches = Switches(kv="paged", batching="continuous", max_batch=4, attention="sdpa", graphs=True)
    request = (RequestSpec("one", 5, ignore_eos=True),)
    events: list[AnyEvent] = []
    engine = Engine(tiny_model, RunSpec(request, switches), {}, events.extend, graph_device=device)
    engine.begin(0)
    while not engine.done:
        engine.step()
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(request)))
    assert engine.runner.graphs is not None
    (variant,) = engine.runner.graphs.captured
    assert list(engine.runner.graphs.captured[variant]) == [4, 2, 1]
    assert device.captures == 6  # a plain call and a twin each


def test_an_arena_gives_neighbouring_blocks_and_takes_the_first_gap_that_is_long_enough(
    tiny_model: LoadedModel,
) -> None:
    cache = ArenaCache(tiny_model.config, CPU, torch.float32, 16, 10 * 16)
    for request, capacity in enumerate((33, 16, 48)):
        cache.admit(request, capacity)
    assert [cache.table(request) for request in range(3)] == [[0, 1, 2], [3], [4, 5, 6]]
    cache.free(0)
    cache.admit(3, 20)
    assert cache.table(3) == [0, 1]
    with pytest.raises(OutOfKvMemory):
        cache.admit(4, 64)
    cache.admit(5, 48)
    assert cache.table(5) == [7, 8, 9]
    assert cache.null_block == 10


@pytest.mark.parametrize("cache_type", [ArenaCache, PagedCache])
def test_a_limit_counts_the_null_block(tiny_model: LoadedModel, cache_type: type[ArenaCache | PagedCache]) -> None:
    block = 16 * tiny_model.config.kv_bytes_per_position(4)
    cache = cache_type(tiny_model.config, CPU, torch.float32, 16, reserve=100 * 16, limit=5 * block)
    assert cache.null_block == 4
    assert sum(reserved for _, reserved in cache.layer_bytes()) == 5 * block
    assert sum(used for used, _ in cache.layer_bytes()) == 0


# --- buffers ------------------------------------------------------------------------------------------------------


def test_buffers_tell_each_row_what_it_was_given_and_padding_where_it_may_write() -> None:
    buffers = Buffers(4, 2, 3, 9, CPU, PlainDevice())
    buffers.load(
        [RowInput((7,), -1, 5, 1, [4, 2]), RowInput((8, 6), 3, 0, 2, [1]), RowInput((), -1, 0, 0, ())], 2, None
    )
    assert buffers.tokens[:6].tolist() == [7, 0, 8, 6, 0, 0]
    assert buffers.sources[:3].tolist() == [-1, 3, -1]
    assert buffers.firsts[:3].tolist() == [5, 0, 0]
    assert buffers.counts[:3].tolist() == [1, 2, 0]
    assert buffers.tables.tolist() == [[4, 2, 9], [1, 9, 9], [9, 9, 9], [9, 9, 9]]
    buffers.load([RowInput((7,), -1, 6, 1, [4, 2, 8]), RowInput((), -1, 0, 0, ())], 1, None)
    assert buffers.tables.tolist()[:2] == [[4, 2, 8], [9, 9, 9]]
    buffers.clear()
    assert (buffers.tables == 9).all()
    assert (buffers.counts == 0).all()


# --- attention ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", [PaddedSdpa, PaddedTriton])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("window", [None, 5])
def test_attention_over_tables_is_attention_over_each_row(
    tiny_model: LoadedModel, attention: type[PaddedSdpa | PaddedTriton], width: int, window: int | None
) -> None:
    """Blocks in any order, lengths at block edges, memory that nobody wrote poisoned but for the null block."""
    config = tiny_model.config
    layer = 0
    windowed = _windowed(config, window)
    size, heads, kv_heads, head_dim = 4, config.heads, config.kv_heads, config.head_dim
    firsts = [0, 3, 4, 11]
    generator = torch.Generator().manual_seed(1)
    cache = PagedCache(config, CPU, torch.float32, size, reserve=20 * size)
    pool = cache.blocks_of(layer)
    pool.copy_(torch.randn(pool.shape, generator=generator))
    order = torch.randperm(20, generator=generator).tolist()
    tables = torch.full((len(firsts), 5), cache.null_block, dtype=torch.int32)
    for row, first in enumerate(firsts):
        needed = -(-(first + width) // size)
        tables[row, :needed] = torch.tensor([order.pop() for _ in range(needed)], dtype=torch.int32)
    start = torch.tensor(firsts)
    positions = (start[:, None] + torch.arange(width)).flatten()
    starts = torch.arange(0, len(firsts) * width + 1, width, dtype=torch.int32)
    rows = Rows(width, tables, start, (start + width).int(), positions, starts)
    kv = CapturedKv(cache, rows, torch.zeros_like(positions))
    q = torch.randn(len(firsts) * width, heads, head_dim, generator=generator)
    mixed = attention(windowed)(q, kv, layer, Batch.of_tensors(positions, positions, positions))  # type: ignore[arg-type]
    for row, first in enumerate(firsts):
        k, v = pool[:, tables[row].long()].flatten(1, 2)[:, : first + width].transpose(1, 2).unbind(0)
        expected = reference_attention(q[row * width : (row + 1) * width], k, v, window)
        torch.testing.assert_close(mixed[row * width : (row + 1) * width], expected, atol=1e-5, rtol=1e-5)
    assert kv_heads == pool.shape[3]


def _windowed(config: ModelConfig, window: int | None) -> ModelConfig:
    return config if window is None else replace(config, sliding_window=window, window_layers=(0,))


# --- draws --------------------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**31),
    params=st.lists(samplings(), min_size=1, max_size=6),
)
def test_parameters_on_the_device_draw_what_parameters_on_the_host_draw(seed: int, params: list[Sampling]) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(len(params), 97, generator=generator)
    uniforms = torch.rand(len(params), generator=generator, dtype=torch.float64).tolist()
    columns = torch.tensor(columns_of(params, uniforms), dtype=torch.float64)
    expected = draw_rows(logits, params, uniforms).tolist()
    assert draw_columns(logits, columns).tolist() == expected
    if not needs_order(params):
        assert draw_columns(logits, columns, ordered=False).tolist() == expected


# --- times --------------------------------------------------------------------------------------------------------


def test_the_twin_runs_first_and_then_as_often_as_the_budget_allows() -> None:
    pace = TwinPace(budget=0.02)
    assert [pace.due() for _ in range(UNTIL_KNOWN + 1)] == [True] + [False] * (UNTIL_KNOWN - 1) + [True]
    for _ in range(3):
        pace.note(1_300_000, timed=True)
        pace.note(1_000_000, timed=False)
    assert pace.every == 15  # 0.3 ms more on 1 ms, once in 15: 2 %
    for _ in range(30):
        pace.note(1_000_000, timed=True)
    assert pace.every == LEAST
    for _ in range(30):
        pace.note(10**9, timed=True)
    assert pace.every == MOST


class Host:
    """A timer of the host that saw `us` microseconds of scheduling."""

    cost_ns = 250.0
    device_ns = -1

    def __init__(self, us: float) -> None:
        self._us = us

    def spent_us(self) -> np.ndarray:
        spent = np.zeros((1, len(PHASES)))
        spent[0, PHASES.index("schedule")] = self._us
        return spent


@pytest.mark.parametrize(("host_us", "wall_us"), [(100.0, 1000.0), (700.0, 1000.0), (100.0, 300.0)])
def test_phases_of_overlapped_steps_sum_to_the_wall_time(host_us: float, wall_us: float) -> None:
    """The host's work beside the device's counts for what it adds; the device's never more than the time there was."""
    device_us = np.zeros((1, len(PHASES)))
    device_us[0, PHASES.index("ffn")] = 600.0
    times = InFlightTimes(device_us, 600_000, Host(host_us), apart=True)  # type: ignore[arg-type]
    phases = table_of(times.read_phases(wall_us))[0]
    assert phases.sum() == pytest.approx(wall_us)
    assert phases[PHASES.index("ffn")] == pytest.approx(min(600.0, wall_us))
    assert phases[PHASES.index("schedule")] == pytest.approx(min(host_us, max(0.0, wall_us - 600.0)))
    assert phases[OTHER] == pytest.approx(max(0.0, wall_us - 600.0 - host_us))
    assert times.device_ns == round(min(600.0, wall_us) * 1e3)


def test_a_device_time_that_is_the_hosts_is_not_told_apart() -> None:
    times = InFlightTimes(np.empty((0, len(PHASES))), 5000, Host(1.0), apart=False)  # type: ignore[arg-type]
    assert table_of(times.read_phases(10.0)).shape == (0, len(PHASES))
    assert times.device_ns == -1
