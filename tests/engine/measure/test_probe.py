"""The probe's rows equal softmax(q·kᵀ/√d) with the causal and the sliding window, for a prefill longer than its cap."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.attention.build import make_attention
from engine.cache.none import NoCache
from engine.core.batch import Batch
from engine.core.positions import PADDING_REQUEST
from engine.core.settings import BYTES_A_STEP, ROWS_A_SPAN, Observation, Probe, RequestSpec, RunSpec, Switches
from engine.decode.engine import Engine
from engine.measure.phase_table import OTHER
from engine.measure.probe import Probed, RowProbe
from engine.measure.timers import DeviceTimer
from engine.model.config import ModelConfig
from engine.model.loader import LoadedModel
from engine.session.schema import PHASES, AttentionRow, Step
from tests.engine.attentions import NATIVE
from tests.engine.drive import drive
from tests.engine.host_event import HostEvent
from tests.engine.measure.test_timers import spin

CONFIG = ModelConfig(
    architecture="LlamaForCausalLM", layers=2, hidden=32, heads=4, kv_heads=2, head_dim=8, ffn=48, vocab=100,
    max_positions=4096,
)  # fmt: skip


def observe(
    probe: RowProbe, batch: Batch, seen: dict[int, int], config: ModelConfig = CONFIG, name: str = "sdpa"
) -> tuple[Tensor, Tensor, list[AttentionRow]]:
    torch.manual_seed(0)
    rows = batch.token_ids.shape[0]
    q, k = torch.randn(rows, 4, 8), torch.randn(rows, 2, 8)
    cache = NoCache(2, 128)
    kv = cache.begin(batch)
    kv.write(1, k, k)
    probe.begin(seen)
    attention = make_attention(name, config)
    attention(q, kv, 1, batch)
    probe.observe(q, kv, batch, attention)
    return q, k, probe.take(5)


def expected(q: Tensor, k: Tensor, head: int, row: int, position: int, window: int | None) -> list[float]:
    scores = [float(q[row, head] @ k[row - position + j, head // 2]) / math.sqrt(8) for j in range(position + 1)]
    first = 0 if window is None else max(0, position + 1 - window)
    weights = [math.exp(score) if j >= first else 0.0 for j, score in enumerate(scores)]
    return [weight / sum(weights) for weight in weights]


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("name", ["sdpa", *NATIVE, "triton"])
def test_rows_of_two_requests_and_padding(name: str, window: int | None) -> None:
    config = replace(CONFIG, sliding_window=window, window_layers=(1,))
    batch = Batch.of([(7, 0, [1] * 6), (PADDING_REQUEST, 0, [0] * 2), (9, 0, [2] * 4)])
    q, k, rows = observe(RowProbe(Probe(1, None), config), batch, {9: 3}, config, name)
    assert {(row.request_id, row.position, row.head) for row in rows} == {
        *((7, position, head) for position in range(6) for head in range(4)),
        *((9, 3, head) for head in range(4)),
    }
    for row in rows:
        at = row.position + (8 if row.request_id == 9 else 0)
        probs = np.frombuffer(row.probs, np.float16)
        assert (row.step_id, row.layer) == (5, 1)
        assert probs == pytest.approx(expected(q, k, row.head, at, row.position, window), abs=1e-3)


def test_a_long_prefill_keeps_its_last_rows_and_says_how_many_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    length = ROWS_A_SPAN + 10
    monkeypatch.setattr("engine.measure.probe.BYTES_A_STEP", 0)
    probe = RowProbe(Probe(1, 2), CONFIG)
    _, _, rows = observe(probe, Batch.of([(0, 0, [1] * length)]), {})
    assert [row.position for row in rows] == list(range(10, length))
    assert {row.head for row in rows} == {2}
    assert probe.probed == Probed("1/2", 10)
    probe.begin({0: 8})
    probe.rows_of(Batch.of([(0, 0, [1] * length)]))
    assert probe.probed.left_out == 2  # the first 8 had been computed before: they are not left out now


def test_all_rows_are_kept_while_they_fit_into_a_step() -> None:
    length = ROWS_A_SPAN + 1000
    one, every = RowProbe(Probe(1, 2), CONFIG), RowProbe(Probe(1, None), CONFIG)
    assert one.rows_of(Batch.of([(0, 0, [1] * length)])) == [(0, 0)]
    long = 3 * BYTES_A_STEP // (2 * 4 * 3000)  # a prompt of which all heads' rows take about three steps' bytes
    batch = Batch.of([(0, 0, [1] * 3000), (1, 0, [1] * long)])
    (_, first), (_, second) = every.rows_of(batch)
    assert 3000 - first == max(ROWS_A_SPAN, BYTES_A_STEP // (2 * 4 * 3000))
    assert long - second == ROWS_A_SPAN  # the first took the room; these are recorded always
    assert every.probed == Probed("1/*", first + second)


def test_only_its_layer_is_wanted() -> None:
    probe = RowProbe(Probe(1, 0), CONFIG)
    assert (probe.layer, probe.heads) == (1, range(1))


@pytest.mark.parametrize("on_device", [False, True])
def test_looking_at_attention_is_no_part_of_any_phase(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch, on_device: bool
) -> None:
    """A phase on a device lasts until the next one begins: what the probe launches in between is not attention's."""
    monkeypatch.setattr(RowProbe, "rows_of", lambda *_: spin(5000) or [])

    def before_step(engine: Engine, call: int) -> None:
        if on_device and call == 0:
            engine.runner.timer = DeviceTimer(tiny_model.config.layers, False, HostEvent)

    switches = Switches(graphs=False if on_device else None)
    spec = RunSpec((RequestSpec("a", 4, ignore_eos=True),), switches, Observation("phase", Probe(0, 0)))
    timed_us = []
    for step in drive(tiny_model, spec, before_step):
        if isinstance(step, Step):
            phases = np.frombuffer(step.phases, np.float32)
            assert phases[OTHER] >= 5000
            assert phases[PHASES.index("attention")] > 0
            timed_us.append(phases[:OTHER].sum())
    assert min(timed_us) < 5000  # of every step, if it were part of a phase; another process may lengthen one
