"""A trace that torch.profiler makes here: its sums are those of the profiler's own table."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from engine.figures.kernels import RangeSum, range_sums, trace_figures
from engine.importing.import_trace import import_trace
from engine.session.file import open_session
from engine.session.reader import SessionFile
from engine.session.store import STEP_KINDS, Session

STEPS: Final = """
import sys, torch
from torch.profiler import ProfilerActivity, profile, schedule, tensorboard_trace_handler
model = torch.nn.Sequential(torch.nn.Embedding(11, 16), torch.nn.LayerNorm(16), torch.nn.Linear(16, 11)).eval()
with torch.inference_mode(), profile(
    activities=[ProfilerActivity.CPU], schedule=schedule(wait=1, warmup=1, active=3), with_stack=True,
    on_trace_ready=tensorboard_trace_handler(sys.argv[1], use_gzip=True),
) as found:
    for _ in range(6):
        model(torch.tensor([[1, 2, 3]]))
        found.step()
"""


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


def test_the_profilers_own_steps_and_the_calls_of_modules_are_known(tmp_path: Path) -> None:
    """As TensorBoard's handler writes it: steps by a schedule, stacks with modules, gzipped."""
    # In a process of its own: recording stacks, PyTorch's profiler crashes inside of pytest.
    subprocess.run([sys.executable, "-c", STEPS, str(tmp_path)], check=True, capture_output=True)
    (path,) = tmp_path.glob("*.pt.trace.json.gz")
    import_trace(path, tmp_path / "made.dscope")
    session = open_session(tmp_path / "made.dscope")
    assert isinstance(session.source, SessionFile)
    try:
        assert len(session.steps) == 3
        assert session.untold("step_kinds") is not None  # ProfilerStep#2 does not tell prefill from decode
        ranges = session.ranges
        names = [session.trace_names[number] for number in ranges["name_id"].tolist()]
        steps = [name for name in names if name.startswith("ProfilerStep#")]
        assert steps == ["ProfilerStep#2", "ProfilerStep#3", "ProfilerStep#4"]
        kinds = [ranges.words["kind"][kind] for kind in ranges["kind"].tolist()]
        modules = {name for name, kind in zip(names, kinds, strict=True) if kind == "module"}
        assert {"nn.Module: Embedding_0", "nn.Module: LayerNorm_0", "nn.Module: Linear_0"} <= modules
        phases = [ranges.words["phase"][phase] for phase in ranges["phase"].tolist()]
        by_name = dict(zip(names, phases, strict=True))
        assert by_name["aten::native_layer_norm"] == "norm"
        assert by_name["aten::index_select"] == "embed"  # it is inside the module
        python = trace_figures(session)
        assert python is not None
        assert python["left_out"]["python_function"] > 10
    finally:
        session.source.close()
