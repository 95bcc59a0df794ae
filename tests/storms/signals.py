"""Ctrl-C, `kill` and a closed terminal at random moments of every command, from its first instant to its last."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.storms.setting import (
    PATIENCE_S,
    Outcome,
    Setting,
    orphans,
    recording,
    reference_s,
    start,
    steps_committed,
    whole,
)

WITHIN_S: Final = 1.0
"""How long a command may take to end, on a machine with nothing else to do."""
STARTS: Final = 12
"""And so many starts of an empty process beside that, for what a busy machine adds."""
START_S: Final = 0.2
"""How long Python may take until it runs the first line of ours."""
NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOST: Final = (".decodescope-", "decodescope-")
"""How the names of what is not whole yet begin."""

Words = list[str]


def commands(rng: random.Random, folder: Path) -> tuple[str, Words, float]:
    """(the file it makes or "", its words, about how many seconds it takes) of a random command."""
    old = "../old.dscope"
    kinds: list[tuple[str, Words, float]] = [
        ("", ["info", old, *(["--json"] if rng.random() < 0.5 else [])], 1.2),
        ("", ["compare", old, old], 1.2),
        ("a.json", ["export", old, "--to", "chrome", "-o", "a.json"], 1.5),
        ("a.json.gz", ["export", old, "--to", "chrome", "-o", "a.json.gz"], 1.5),
        ("a.pftrace", ["export", old, "--to", "perfetto", "-o", "a.pftrace"], 1.5),
        ("csv", ["export", old, "--to", "csv", "-o", "csv"], 1.5),
        ("a.html", ["export", old, "--to", "html", "-o", "a.html"], 4.0),
        ("a.png", ["screenshot", old, "-o", "a.png"], 4.0),
        ("a.svg", ["screenshot", old, "-o", "a.svg", "--panel", "timeline"], 3.0),
        ("", ["bench", "--suite", rng.choice(("decode", "kernels"))], 8.0),
        ("run.dscope", ["bench", "--suite", "switches", "-o", "run.dscope"], 10.0),
    ]
    run = ("run.dscope", recording(rng, folder, "run.dscope", rng.choice((20, 200, 900))), 5.0)
    return rng.choice([*kinds, *[run] * 6])


def case(place: Setting, seed: str, *, timed: bool = True) -> Outcome:
    """One command, and one to three signals at moments that the seed says."""
    rng = random.Random(seed)
    name = f"signals-{seed.replace(':', '-')}"
    folder = place.folder / name
    folder.mkdir()
    made, words, lasts_s = commands(rng, folder)
    moments = sorted(rng.uniform(0, 1.1) * lasts_s + (0.05 * i) for i in range(1))
    moments += [moments[0] + rng.choice((0.0, 0.002, 0.05, 0.3)) for _ in range(rng.choice((0, 0, 1, 2)))]
    numbers = [rng.choice(NUMBERS) for _ in moments]
    to_group = rng.random() < 0.3
    slack_s = STARTS * reference_s() if timed else PATIENCE_S
    process = start(place, name, words)
    begun = time.monotonic()
    held = 0
    asked_at = 0.0
    for number, moment in zip(numbers, moments, strict=True):
        wait_until(process, begun + moment)
        if process.poll() is not None:
            break
        if not asked_at:
            held = steps_committed(folder / made) if made == "run.dscope" else 0
            asked_at = time.monotonic()
        os.killpg(process.pid, number) if to_group else os.kill(process.pid, number)
    outcome = Outcome(kind=words[0])
    try:
        _, said = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
        outcome.faults.append(f"it did not end within {PATIENCE_S:g} s")
    outcome.figure = time.monotonic() - asked_at if asked_at else 0.0
    _judge(outcome, process.returncode, said, numbers, moments[0])
    if outcome.figure > WITHIN_S + slack_s:
        outcome.faults.append(f"it took {outcome.figure:.2f} s to end (a start takes {slack_s / STARTS:.2f} s)")
    outcome.faults += [f"{one} lives on" for one in orphans(name)]
    outcome.faults += _left(folder, made, held, ended=process.returncode == 0)
    if outcome.faults:
        outcome.faults.append(f"signals {[n.name for n in numbers]} at {moments} to {' '.join(words)}; it said: {said}")
    return outcome


def wait_until(process: subprocess.Popen[str], moment: float) -> None:
    """Wait until a moment of the monotonic clock, or the end of the process."""
    try:
        process.wait(max(0.0, moment - time.monotonic()))
    except subprocess.TimeoutExpired:
        return


def _judge(outcome: Outcome, status: int, said: str, numbers: list[signal.Signals], first_s: float) -> None:
    """The exit status and what was said, where the first signal came `first_s` after the start."""
    status = 128 - status if status < 0 else status  # as shells count: the signal's own end, and ours
    ours = any(f"{os.sep}{room}{os.sep}" in said for room in ("app", "engine"))
    before = "Traceback" in said and not ours and first_s < START_S
    if status == 0:
        outcome.kind += ", was over"
    elif before:
        outcome.kind += ", in Python's own start"  # which is over before there is a program; it says 1
    elif status - 128 not in numbers:
        outcome.faults.append(f"exit status {status}")
    if ("Traceback" in said and not before) or "Exception ignored" in said:
        outcome.faults.append("a traceback")
    told = [line for line in said.splitlines() if line.startswith("decodescope: ") and "suggests" not in line]
    if len(told) > 1:
        outcome.faults.append(f"{len(told)} sentences")


def _left(folder: Path, made: str, held: int, ended: bool) -> list[str]:
    """What is wrong with what is there now."""
    faults = [
        f"{one.relative_to(folder)} was left"
        for one in folder.rglob("*")
        if one.name.startswith(LOST) or one.name.endswith(("-wal", "-shm", "-journal"))
    ]
    path = folder / made
    if not made or not path.exists():
        return [*faults, f"{made} is missing"] if made and ended else faults
    if made == "run.dscope":
        session, wrong = whole(path)
        faults += wrong
        if session is not None and len(session.steps) < held:
            faults.append(f"{held} steps were in the file, {len(session.steps)} are")
        return faults
    if made == "csv":
        return faults if (path / "steps.csv").stat().st_size else [*faults, "steps.csv is empty"]
    data = gzip.decompress(path.read_bytes()) if made.endswith(".gz") else path.read_bytes()
    ends = {".html": b"</html>\n", ".svg": b"</svg>\n", ".png": b"IEND\xaeB`\x82"}
    if ".json" in made:
        json.loads(data)
    elif (end := ends.get(path.suffix)) and not data.rstrip().endswith(end.rstrip()):
        faults.append(f"{made} is not whole")
    return faults
