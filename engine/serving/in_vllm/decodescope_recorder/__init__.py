"""DecodeScope's recorder: runs inside vLLM and tells a listener what the scheduler does, step by step.

    vllm serve MODEL --scheduler-cls decodescope_recorder.RecordingScheduler

needs only the folder that holds this package on the PYTHONPATH, or `pip install` of that folder. `RecordingScheduler`
becomes the scheduler that vLLM would have taken itself (synchronous or asynchronous), with hooks around its methods;
what it decides is never changed. `RecordingStats` is found by vLLM itself once the wheel is installed, and tells the
front end's own figures.

A listener connects to a Unix socket (mode 0600) in `$XDG_RUNTIME_DIR/decodescope` or `/tmp/decodescope-UID` (mode
0700), or to DECODESCOPE_RECORDER=tcp://127.0.0.1:PORT with DECODESCOPE_RECORDER_TOKEN (the figures: at the port after
it). Without a listener a hook is one test of a flag. With one, the scheduler's thread only puts a tuple into a deque;
a daemon thread encodes and sends. What waits is bounded in bytes: beyond it whole steps are dropped and counted, and
the listener gets a new snapshot. An error in here switches the recorder off with one line in the log; the server goes
on.

vLLM's scheduler is no public interface: `versions.py` says which versions have been tried and what is needed of them.
Another version is refused in a sentence (DECODESCOPE_RECORDER_TRY=1 tries it). The package imports nothing but the
standard library, msgspec and vLLM. Its messages are described in DecodeScope's `recorder_wire.py`.
"""

from __future__ import annotations

from typing import Any

from decodescope_recorder.recording_scheduler import scheduler_class
from decodescope_recorder.recording_stats import stats_class


def __getattr__(name: str) -> Any:
    """The classes for vLLM, made when they are asked for: their bases are vLLM's, which need not be there before."""
    if name == "RecordingScheduler":
        return scheduler_class()
    if name == "RecordingStats":
        return stats_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
