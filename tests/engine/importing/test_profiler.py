"""A trace that torch.profiler makes here: its sums are those of the profiler's own table."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from engine.figures.kernels import RangeSum, range_sums
from engine.importing.import_trace import import_trace
from engine.session.file import open_session
from engine.session.reader import SessionFile
from engine.session.store import STEP_KINDS, Session


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.profiler.profile]:
    """A small model that decodes, under the profiler."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(64, 4, batch_first=True).eval()
    head = torch.nn.Linear(64, 97)
    folder = tmp_path_factory.mktemp("profiled")
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU], record_shapes=True) as found:
        for step in range(5):
            with record_function("prefill" if step == 0 else "decode"):
                hidden = layer(torch.randn(1, 9 if step == 0 else 1, 64))
                with record_function("lm_head"):
                    logits = head(hidden)
                with record_function("sample"):
                    torch.multinomial(logits[0, -1].softmax(-1), 1)
    found.export_chrome_trace(str(folder / "trace.pt.trace.json.gz"))
    (folder / "trace.json").write_bytes(gzip.decompress((folder / "trace.pt.trace.json.gz").read_bytes()))
    return folder, found


@pytest.fixture(params=["trace.json", "trace.pt.trace.json.gz"])
def imported(
    request: pytest.FixtureRequest, profiled: tuple[Path, torch.profiler.profile], tmp_path: Path
) -> Iterator[Session]:
    target = tmp_path / "made.dscope"
    import_trace(profiled[0] / request.param, target)
    session = open_session(target)
    yield session
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_sums_by_operation_are_those_of_the_profilers_table(
    imported: Session, profiled: tuple[Path, torch.profiler.profile]
) -> None:
    ours = {one.name: one for one in range_sums(imported)}
    table = {one.key: one for one in profiled[1].key_averages()}
    assert table.keys() == ours.keys()
    for name, one in table.items():
        assert ours[name].calls == one.count
        # The profiler keeps ns and prints µs with three decimals; a range's end is rounded once more.
        assert ours[name].total_s * 1e6 == pytest.approx(one.cpu_time_total, abs=0.002 * one.count)
        assert ours[name].self_s * 1e6 == pytest.approx(one.self_cpu_time_total, abs=0.01 * one.count + 0.01)


def test_ranges_become_steps_and_phases_by_their_names(imported: Session) -> None:
    assert [STEP_KINDS[kind] for kind in imported.steps["kind"].tolist()] == ["prefill", *["decode"] * 4]
    assert imported.untold("step_kinds") is None
    assert imported.untold("tokens") == "Not told by a profiler's trace."
    sums: dict[str, RangeSum] = {one.name: one for one in range_sums(imported)}
    assert sums["aten::native_layer_norm"].phase == "norm"
    assert sums["lm_head"].phase == "lm_head"
    assert sums["sample"].phase == sums["aten::multinomial"].phase == "sample"
    assert sums["prefill"].phase == "other"
    # Softmax alone would be attention; inside the sampler it is sampling.
    names = [imported.trace_names[number] for number in imported.ranges["name_id"].tolist()]
    phases = [imported.ranges.words["phase"][phase] for phase in imported.ranges["phase"].tolist()]
    assert {phase for name, phase in zip(names, phases, strict=True) if name == "aten::softmax"} == {"sample"}


def test_the_phases_of_a_step_are_the_own_times_of_its_ranges(imported: Session) -> None:
    ranges, phases = imported.ranges, imported.ranges.words["phase"]
    for step in range(len(imported.steps)):
        wall_us = int(imported.steps["end_ns"][step] - imported.steps["start_ns"][step]) / 1e3
        rows = ranges["step_id"] == step
        for phase in ("norm", "sample", "attention", "lm_head"):
            own_us = int(ranges["self_ns"][rows & (ranges["phase"] == phases.index(phase))].sum()) / 1e3
            told_us = float(imported.phases["us"][step][phases.index(phase)])
            assert told_us == pytest.approx(own_us, rel=1e-5)
        assert float(imported.phases["us"][step].sum()) <= wall_us * 1.0001
    assert (imported.steps["device_ns"] == -1).all()  # nobody recorded a device


def test_its_moments_are_those_of_the_wall_clock(
    imported: Session, profiled: tuple[Path, torch.profiler.profile]
) -> None:
    first = min(one.time_range.start for one in profiled[1].events())
    traced_ns = profiled[1].profiler.kineto_results.trace_start_ns() + first * 1000  # type: ignore[union-attr]
    assert int(imported.meta["epoch_ns"]) == pytest.approx(traced_ns, abs=2000)
