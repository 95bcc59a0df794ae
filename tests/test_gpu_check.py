"""The check on a GPU, rehearsed: every stage runs with what such a machine has, and none spoils another's results."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.stages import phases
from tests.gpu.stages.plan import STAGES, chosen
from tests.gpu.stages.report import Figure, Report, read_report
from tests.gpu.wheels import MISSING

ROOT = Path(__file__).parent.parent
CHECK = ROOT / "tests" / "gpu" / "check.py"
THERE = frozenset({
    "torch", "triton", "numpy", "safetensors", "tokenizers", "transformers", "jinja2", "psutil", "pynvml", "pytest",
    "hypothesis", "scipy", "google", "tqdm", "_pytest",
})  # fmt: skip
"""What a GPU machine has (tests/gpu/README.md) by the names that are imported; transformers brings tqdm."""
OWN = frozenset({"app", "engine", "kernels", "assets", "tests"})
UNASKED = frozenset({"pyarrow"})
"""What only an export to Parquet imports, which no stage asks for."""
ABSENT = ("PySide6", "shiboken6", "pyqtgraph", "pytestqt", "accelerate")


def check(out: Path, *options: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    """(exit status, the result, what was printed) of a check."""
    command = [sys.executable, str(CHECK), "--out", str(out), *options]
    env = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, cwd=out.parent, env=env, check=False)
    result = out / "check.json"
    found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    return done.returncode, found, done.stdout + done.stderr


@pytest.fixture
def hidden(tmp_path: Path) -> str:
    """A folder for PYTHONPATH that makes Python find nothing of what a GPU machine lacks."""
    folder = tmp_path / "hidden"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "from importlib.machinery import PathFinder\n"
        "find_spec = PathFinder.find_spec\n"
        "def find_others(finder, name, path=None, target=None):\n"
        f"    return None if name.partition('.')[0] in {ABSENT!r} else find_spec(name, path, target)\n"
        "PathFinder.find_spec = classmethod(find_others)\n"
    )
    return str(folder)


def done_without(hidden: str, module: str) -> bool:
    """Whether a Python that is started with this folder on its path does not find a module that is there."""
    command = [sys.executable, "-c", f"import {module}"]
    found = subprocess.run(command, env={**os.environ, "PYTHONPATH": hidden}, capture_output=True, check=False)
    return found.returncode != 0


def test_every_stage_runs_where_only_the_packages_of_a_gpu_machine_are(tmp_path: Path, hidden: str) -> None:
    """Two halves side by side, as they take minutes; every stage is a process of its own anyway."""
    names = [stage.name for stage in STAGES]
    halves = [",".join(names[part::2]) for part in range(2)]

    def half(stages: str) -> tuple[int, dict[str, Any], str]:
        return check(tmp_path / f"out-{stages[:3]}", "--rehearse", "--stages", stages, PYTHONPATH=hidden)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(half, halves))
    for stages, (status, result, printed) in zip(halves, found, strict=True):
        rows = {stage["name"]: stage for stage in result["stages"]}
        assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(stages.split(","), "passed"), (
            printed
        )
        assert status == 0
        assert all(row["figures"] for row in rows.values())
        assert result["rehearsal"]
        assert set(result["versions"]) >= {"python", "torch", "triton", "transformers"}
        lines = printed.split("\n\n")[-2].splitlines()
        assert [line.split()[0] for line in lines[1:]] == stages.split(",")
    assert next(result for _, result, _ in found if result["device"])["device"]["total_bytes"] > 0
    assert done_without(hidden, "PySide6")
    for name in ("session.dscope", "session.json", "attention.dscope", "improvements.dscope", "kernels.json"):
        [kept] = tmp_path.glob(f"out-*/{name}")
        assert kept.stat().st_size > 1000


def test_what_fails_hangs_or_dies_costs_only_itself(tmp_path: Path) -> None:
    """The last stage runs as if nothing had been, and what the others had found until then is kept."""
    names = ("environment", "phases", "watching", "decoding")
    spoiled = [word for one in ("environment=fail", "phases=hang", "watching=kill") for word in ("--break", one)]
    out = tmp_path / "out"
    status, result, printed = check(out, "--rehearse", "--stages", ",".join(names), "--limit", "phases=4", *spoiled,
                                    "--budget", "120")  # fmt: skip
    assert status == 1
    rows = [(stage["name"], stage["status"], stage["why"]) for stage in result["stages"]]
    assert rows[0] == ("environment", "failed", "RuntimeError: made to fail")
    assert rows[1][:2] == ("phases", "failed")
    assert rows[1][2].startswith("did not end within")
    assert rows[2] == ("watching", "failed", "ended by signal 9 (SIGKILL)")
    assert rows[3][:2] == ("decoding", "passed"), printed
    for stage in result["stages"][:3]:
        assert [figure["what"] for figure in stage["figures"]] == ["before it broke"]
    assert "break_on_purpose" in result["stages"][1]["output"]  # where it hung


def test_without_time_left_a_stage_is_skipped_and_said_so(tmp_path: Path) -> None:
    status, result, _ = check(tmp_path / "out", "--rehearse", "--budget", "12")
    assert status == 1
    assert {stage["name"] for stage in result["stages"]} == {stage.name for stage in STAGES}
    assert {(stage["status"], stage["why"]) for stage in result["stages"]} == {
        ("skipped", "no time was left of the budget")
    }


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--stages", "kernel"), "there is no stage 'kernel'"),
        (("--break", "kernels=hang"), "--break is for rehearsals"),
        (("--rehearse", "--break", "kernels=burn"), "--break takes"),
        (("--rehearse", "--break", "cores=hang"), "there is no stage 'cores'"),
        (("--limit", "60"), "'60' must be like STAGE=VALUE"),
        (("--limit", "kernels=long"), "could not convert string to float"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    status, result, printed = check(tmp_path / "out", *options)
    assert (status, result) == (2, {})
    assert sentence in printed


def test_stages_are_taken_in_the_plans_order() -> None:
    assert [stage.name for stage in chosen("suite,environment")] == ["environment", "suite"]
    assert chosen("") == list(STAGES)
    assert {path.stem for path in (ROOT / "tests/gpu/stages").glob("*.py")} >= {stage.name for stage in STAGES}


@pytest.mark.parametrize(
    ("value", "least", "most", "held"),
    [(1, None, None, None), (1, 1, None, True), (0.9, 1, None, False), (2, 1, 2, True), (2.1, 1, 2, False),
     (float("nan"), 0, None, False), (float("nan"), None, 5, False), (float("inf"), 0, 5, False)],
)  # fmt: skip
def test_a_figure_keeps_its_bounds_or_not(
    value: float, least: float | None, most: float | None, held: bool | None
) -> None:
    assert Figure("", "", value, "", least, most).held is held


def test_a_report_that_was_cut_off_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "report.jsonl"
    report = Report(path)
    report.fact("name", "a GPU")
    report.figure("rate", float("nan"), "tokens/s", least=1)
    report.say("half way")
    with path.open("a") as file:
        file.write('{"figure": {"what": "to')
    figures, facts, why = read_report(path)
    assert [(figure["what"], figure["value"], figure["held"]) for figure in figures] == [("rate", None, False)]
    assert (facts, why, report.missed) == ({"name": "a GPU"}, "half way", 1)


def test_a_kernel_belongs_to_the_range_in_which_the_host_launched_it() -> None:
    """A trace as the profiler writes one: kernels run later than they are launched, and in another range's time."""

    def event(cat: str, name: str, ts: float, dur: float, correlation: int | None = None) -> dict[str, Any]:
        return {"ph": "X", "cat": cat, "name": name, "ts": ts, "dur": dur, "args": {"correlation": correlation}}

    trace = [
        event("user_annotation", "phase:norm", 0, 10), event("user_annotation", "phase:ffn", 10, 10),
        event("user_annotation", "another range", 20, 5),
        event("cuda_driver", "cuLaunchKernelEx", 2, 1, 1), event("cuda_runtime", "cudaLaunchKernel", 11, 1, 2),
        event("cuda_runtime", "cudaMemsetAsync", 15, 1, 3), event("cuda_runtime", "cudaLaunchKernel", 22, 1, 4),
        event("gpu_memset", "Memset", 60, 2, 3), event("kernel", "rms_norm", 12, 5, 1),
        event("kernel", "gemm", 30, 20, 2), event("kernel", "copy", 70, 4, 4), event("cpu_op", "aten::mm", 11, 2),
    ]  # fmt: skip
    order = phases.phases_of_kernels(trace)
    assert [kernel.name for kernel in phases.kernels_of(trace)] == ["rms_norm", "gemm", "Memset", "copy"]
    assert order == ["norm", "ffn", "ffn", "other"]
    spent_us, counts = phases.sums_by_phase(phases.kernels_of(trace) * phases.REPEATS, order)
    assert spent_us == pytest.approx({"norm": 5, "ffn": 22, "other": 4})
    assert counts == {"norm": 1, "ffn": 2, "other": 1}


def test_everything_that_the_check_imports_is_there_or_carried_along() -> None:
    """Of the window nothing is imported there, and no server is attached to: app's command line and models only."""
    rooms = [
        "engine",
        "kernels",
        "assets",
        "app/cli",
        "app/panels/models",
        "tests/engine",
        "tests/kernels",
        "tests/gpu",
    ]
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    files += [
        ROOT / "app/main.py",
        ROOT / "engine/client/suite.py",
        ROOT / "app/look/units.py",
        ROOT / "tests/conftest.py",
    ]
    files += [ROOT / "tests/benchmarks" / f"{name}.py" for name in ("gpu_decode", "random_llama", "shapes")]
    found: dict[str, str] = {}
    for path in files:
        if "serving" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {name.partition(".")[0]: str(path) for name in names}
    known = THERE | OWN | UNASKED | set(MISSING) | set(sys.stdlib_module_names)
    assert {name: path for name, path in found.items() if name not in known} == {}
