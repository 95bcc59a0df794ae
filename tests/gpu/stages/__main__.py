"""Runs one stage in this process: `python -m tests.gpu.stages NAME --report FILE ...`; check.py starts it.

Exit status: 0 where everything held, 1 where a figure missed its bound or the stage failed, 5 for nothing to do.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import os
import signal
import sys
import threading
import traceback
from pathlib import Path

from tests.gpu.stages.report import Report, SkipStage
from tests.gpu.stages.setting import Setting

NOTHING_TO_DO = 5


def main() -> int:
    """Run the stage, and say what became of it."""
    faulthandler.enable()  # a stage that is ended for taking too long says where it was
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--break", dest="broken", choices=("fail", "hang", "kill"))
    options = parser.parse_args()
    report = Report(options.report)
    from engine.host.threads import wait_briefly

    wait_briefly(os.environ)  # PyTorch is not loaded yet: the stage runs as the engine process does
    try:
        break_on_purpose(options.broken, report)
        importlib.import_module(f"tests.gpu.stages.{options.name}").run(
            Setting(report, options.out, options.scratch, options.rehearse)
        )
    except SkipStage as reason:
        report.say(str(reason))
        return NOTHING_TO_DO
    except Exception as error:
        traceback.print_exc()
        report.say(f"{type(error).__name__}: {error}".splitlines()[0])
        return 1
    if report.missed:
        report.say(f"{report.missed} figures missed their bounds")
    return int(report.missed > 0)


def break_on_purpose(how: str | None, report: Report) -> None:
    """Fail, hang or die in mid-way, after a first figure: shows that the other stages' results do not suffer."""
    if how is None:
        return
    report.figure("before it broke", 1)
    if how == "fail":
        raise RuntimeError("made to fail")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
