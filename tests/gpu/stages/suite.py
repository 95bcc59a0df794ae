"""`pytest tests/gpu` in as many parts as there are cores to compile with: most of its time is Triton's compiler."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.gpu.stages.setting import ROOT, Setting, environment

MOST_PARTS = 12
PYTEST = ("-m", "pytest", "tests/gpu", "-W", "default", "-p", "no:cacheprovider")


def run(setting: Setting) -> None:
    """Every test once, each in one of the parts; without a GPU all of them are skipped."""
    parts = 1 if setting.rehearse else max(1, min(MOST_PARTS, (os.cpu_count() or 2) - 2))
    running = []
    for part in range(parts):
        env = {
            **environment(setting.rehearse), "GPU_TESTS_PART": f"{part}/{parts}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }  # fmt: skip
        log = setting.scratch / f"suite-{part}.log"
        with log.open("wb") as output:
            command = [sys.executable, *PYTEST]
            running.append((subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output), log))
    counts = {"passed": 0, "failed": 0, "skipped": 0, "error": 0}
    statuses = []
    for process, log in running:
        statuses.append(process.wait())
        text = log.read_text(encoding="utf-8", errors="replace")
        for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", text.rpartition("\n\n")[2] or text):
            counts[word] += int(number)
        if statuses[-1]:
            print(text[-4000:])
    report = setting.report
    report.figure("parts that ended well", statuses.count(0), how=f"of {parts}", least=parts)
    report.figure("passed", counts["passed"], least=None if setting.rehearse else 1)
    report.figure("failed", counts["failed"] + counts["error"], most=0)
    report.figure("skipped", counts["skipped"], most=None if setting.rehearse else 0)
