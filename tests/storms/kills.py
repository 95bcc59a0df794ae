"""SIGKILL of a recorder, or of its engine, at random moments: what was said until shortly before it is in the file."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from engine.session.store import Session
from tests.storms.setting import PATIENCE_S, Outcome, Setting, orphans, processes_of, recording, start, whole
from tests.storms.signals import wait_until

LOST_MS: Final = 200.0
LONGEST_S: Final = 3.0
"""How long after the file is there the kill comes, at most."""


def case(place: Setting, seed: str, *, timed: bool = True) -> Outcome:
    """One recording, and a kill at the moment that the seed says: one in five before the file is there."""
    rng = random.Random(seed)
    name = f"kills-{seed.replace(':', '-')}"
    folder = place.folder / name
    folder.mkdir()
    words = recording(rng, folder, "run.dscope", 900)
    early, of_engine = rng.random() < 0.2, rng.random() < 0.4
    process = start(place, name, words)
    begun = time.monotonic()
    wait_until(process, begun + (rng.uniform(0, 4.0) if early else 0.0))
    if not early:
        while time.monotonic() < begun + PATIENCE_S and process.poll() is None and not _begun(folder / "run.dscope"):
            wait_until(process, time.monotonic() + 0.02)
        wait_until(process, time.monotonic() + rng.uniform(0, LONGEST_S))
    engines = [one.pid for one in processes_of(name) if one.pid != process.pid]
    of_engine = of_engine and bool(engines)
    victims = engines if of_engine else [process.pid]
    killed_ns = time.time_ns()
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    _, said = process.communicate(timeout=PATIENCE_S)
    outcome = Outcome(kind="engine" if of_engine else "recorder")
    outcome.faults += [f"{one} lives on" for one in orphans(name)]
    if "Traceback" in said:
        outcome.faults.append("a traceback")
    if process.returncode == 0:
        outcome.kind += ", was over"
        killed_ns = 0
    elif of_engine and process.returncode not in (1, -signal.SIGKILL):
        outcome.faults.append(f"exit status {process.returncode}")
    path = folder / "run.dscope"
    if not path.exists() or not (_begun(path) or path.stat().st_size):
        outcome.kind += ", before the file"
    else:
        session, faults = whole(path)
        outcome.faults += faults
        if session is not None and killed_ns:
            outcome.figure, starved_ms = _lost_ms(session, killed_ns)
            if timed and outcome.figure > LOST_MS + starved_ms:
                outcome.faults.append(f"{outcome.figure:.0f} ms are lost, and no step took above {starved_ms:.0f} ms")
    if outcome.faults:
        outcome.faults.append(f"kill of the {outcome.kind} of {' '.join(words)}; it said: {said}")
    return outcome


def _begun(path: Path) -> bool:
    """Whether something was committed to a recording since its tables."""
    log = path.with_name(f"{path.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _lost_ms(session: Session, killed_ns: int) -> tuple[float, float]:
    """(From the last thing that is in the file to the kill, the longest time between two steps) in ms, by clocks.

    A step that a busy machine held up is no loss: the engine said nothing meanwhile.
    """
    if not len(session.steps):
        return 0.0, 0.0
    ends = session.steps["end_ns"]
    last_ns = int(session.meta["epoch_ns"]) + int(ends[-1])
    longest_ns = int(np.diff(ends, prepend=0).max())
    return max(0.0, (killed_ns - last_ns) / 1e6), longest_ns / 1e6
