"""The whole check of the GPU path: `python tests/gpu/check.py --out FOLDER` (README.md beside this file).

Each stage is a process of its own with a time limit. FOLDER/check.json is written anew after each one: a stage that
fails, hangs or dies costs its own limit and nothing else. The whole ends within `--budget` seconds; a stage that finds
no time left is skipped. Exit status: 0 where all stages ran and everything held, 1 where not, 2 for wrong options.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.gpu.stages.plan import Stage, chosen  # noqa: E402 - the checkout is nowhere installed where this runs
from tests.gpu.stages.report import read_report  # noqa: E402
from tests.gpu.stages.setting import environment  # noqa: E402

BUDGET_S: Final = 480.0
RESERVE_S: Final = 8.0
"""Kept of the budget for ending what hangs and writing the result."""
LEAST_S: Final = 5.0
"""A stage with less time left than this is not begun."""
GRACE_S: Final = 2.0
OUTPUT_BYTES: Final = 6000
PACKAGES: Final = (
    "torch", "triton", "transformers", "tokenizers", "safetensors", "numpy", "msgspec", "nvidia-ml-py", "pytest",
)  # fmt: skip
DECIDED: Final = {0: "passed", 1: "failed", 5: "skipped"}


@dataclass(slots=True)
class Result:
    """What became of a stage."""

    name: str
    status: str
    seconds: float
    why: str = ""
    figures: list[dict[str, Any]] = field(default_factory=list)
    output: str = ""

    def line(self) -> tuple[str, ...]:
        """Its row of the last table."""
        bound = [figure for figure in self.figures if figure["held"] is not None]
        held = sum(figure["held"] for figure in bound)
        return self.name, self.status, f"{self.seconds:.1f} s", f"{held} of {len(bound)} held", self.why

    def as_json(self) -> dict[str, Any]:
        """Its row of the file."""
        names = ("name", "status", "seconds", "why", "figures", "output")
        return {name: getattr(self, name) for name in names} | {"seconds": round(self.seconds, 2)}


def main() -> int:
    """Run the stages; print figures as they come and a line a stage at the end."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    head = facts(options)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        for stage in options.stages:
            left_s = options.budget - RESERVE_S - (time.monotonic() - begun)
            planned_s = stage.rehearsal_s if options.rehearse else stage.limit_s
            limit_s = min(options.limits.get(stage.name, planned_s), left_s)
            if left_s < LEAST_S:
                results.append(Result(stage.name, "skipped", 0.0, "no time was left of the budget"))
            else:
                print(f"\n{stage.name}: {stage.what}", flush=True)
                results.append(run_stage(stage, limit_s, options, Path(scratch), head))
                show_figures(results[-1])
            write(options.out / "check.json", head, results, time.monotonic() - begun)
    print()
    show([("stage", "status", "took", "figures", ""), *(result.line() for result in results)])
    print(f"\n{time.monotonic() - begun:.0f} s in all; everything stands in {options.out / 'check.json'}")
    return int(any(result.status != "passed" for result in results))


def parse() -> argparse.Namespace:
    """The options; ends the program with status 2 where they are wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the results go")
    parser.add_argument("--budget", type=float, default=BUDGET_S, metavar="SECONDS", help="for everything (480)")
    parser.add_argument(
        "--limit", dest="limits", action="append", default=[], metavar="STAGE=SECONDS",
        help="another limit for a stage (repeatable)",
    )  # fmt: skip
    parser.add_argument("--stages", default="", metavar="NAME,...", help="only these (default: all)")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU: CPU, interpreter, tiny shapes")
    parser.add_argument("--commit", default="", help="what is checked, where there is no git to ask")
    parser.add_argument(
        "--break", dest="broken", action="append", default=[], metavar="STAGE=fail|hang|kill",
        help="with --rehearse: spoil a stage, to see that the others' results do not suffer",
    )  # fmt: skip
    options = parser.parse_args()
    try:
        options.stages = chosen(options.stages)
        options.broken = by_stage(options.broken)
        options.limits = {name: float(seconds) for name, seconds in by_stage(options.limits).items()}
    except ValueError as error:
        parser.error(str(error))
    if options.broken and not options.rehearse:
        parser.error("--break is for rehearsals")
    if set(options.broken.values()) - {"fail", "hang", "kill"}:
        parser.error("--break takes STAGE=fail, STAGE=hang or STAGE=kill")
    return options


def by_stage(words: list[str]) -> dict[str, str]:
    """{stage: value} of words like STAGE=VALUE; raises ValueError for another one, or for a stage that is none."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"{word!r} must be like STAGE=VALUE")
        chosen(name)
        found[name] = value
    return found


# --- one stage --------------------------------------------------------------------------------------------------------


def run_stage(
    stage: Stage, limit_s: float, options: argparse.Namespace, scratch: Path, head: dict[str, Any]
) -> Result:  # fmt: skip
    """Run a stage in a process of its own, end it when its time is over, and read what it left."""
    report, log = scratch / f"{stage.name}.jsonl", scratch / f"{stage.name}.log"
    command = [
        sys.executable, "-m", "tests.gpu.stages", stage.name, "--report", str(report),
        "--out", str(options.out.resolve()), "--scratch", str(scratch),
    ]  # fmt: skip
    command += ["--rehearse"] if options.rehearse else []
    command += ["--break", options.broken[stage.name]] if stage.name in options.broken else []
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=ROOT,
            env=environment(options.rehearse), start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(limit_s)
            ended = DECIDED.get(status, "failed")
            why = "" if status in DECIDED else how_it_ended(status)
        except subprocess.TimeoutExpired:
            ended, why = "failed", f"did not end within {limit_s:.0f} s"
        finally:
            end(process)
    figures, found, said = read_report(report)
    head["device"] |= found
    return Result(stage.name, ended, time.monotonic() - begun, why or said, figures, tail(log))


def end(process: subprocess.Popen[bytes]) -> None:
    """End a stage and what it started. It is asked where it is first: on SIGABRT faulthandler writes that down."""
    started = descendants(process.pid)
    for stop in (process.send_signal, lambda _: process.kill()):
        if process.poll() is None:
            stop(signal.SIGABRT)
            with suppress(subprocess.TimeoutExpired):  # stuck in the driver even after SIGKILL: it is left behind
                process.wait(GRACE_S)
    for pid in started:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> set[int]:
    """Processes that a stage has started and that still run, of whatever session."""
    import psutil

    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.Error:
        return set()


def how_it_ended(status: int) -> str:
    """The end of a process that did not end by itself."""
    return f"ended by signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"exit status {status}"


def tail(log: Path) -> str:
    """The end of what a stage printed."""
    return log.read_bytes()[-OUTPUT_BYTES:].decode("utf-8", "replace").strip()


# --- what is kept and shown -------------------------------------------------------------------------------------------


def facts(options: argparse.Namespace) -> dict[str, Any]:
    """The head of the result; what only the device can tell is added by the stage `environment`."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": options.commit or commit(),
        "rehearsal": options.rehearse,
        "budget_s": options.budget,
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "device": {},
        "versions": versions,
    }


def commit() -> str:
    """The commit that is checked out, marked where files differ from it; "unknown" without git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=ROOT, capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def write(path: Path, head: dict[str, Any], results: list[Result], seconds: float) -> None:
    """Replace the result at once: whoever reads it finds a whole one."""
    whole = {**head, "seconds": round(seconds, 1), "stages": [result.as_json() for result in results]}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def show_figures(result: Result) -> None:
    """The figures of a stage, each beside its bounds."""
    rows = []
    for figure in result.figures:
        value = "not a number" if figure["value"] is None else f"{figure['value']:.6g} {figure['unit']}".strip()
        least, most = figure["least"], figure["most"]
        bounds = " ".join(part for part in (
            "" if least is None else f"at least {least:g}", "" if most is None else f"at most {most:g}",
        ) if part)  # fmt: skip
        held = {True: "yes", False: "NO", None: ""}[figure["held"]]
        rows.append((figure["what"], value, bounds, held, figure["how"]))
    if rows:
        show(rows)
    if result.status != "passed":
        print(f"{result.status}: {result.why}\n{result.output[-1500:]}", flush=True)


def show(rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
