"""`decodescope quantise`: writes a model as a quantised GGUF file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app.cli.output import print_json, say
from app.cli.progress import ProgressLine
from app.cli.table import columns
from app.look.units import count, memory, percent, rate, seconds
from engine.client.requests_file import check_text
from engine.gguf.quantise_protocol import Finished, Progress
from engine.host.quantising import quantise


def run(options: argparse.Namespace) -> int:
    """Quantise the model, tell how far it is, and print what became of its tensors."""
    for what, path in (("model's path", options.model), ("path", options.output)):
        check_text(f"The {what} {path!r}", path)
    line = ProgressLine(sys.stderr)

    def told(progress: Progress) -> None:
        if line.due:
            line.tell(progress_text(progress))

    try:
        finished = quantise(options.model, options.to, Path(options.output), told)
    finally:
        line.done()
    for note in finished.notes:
        say(note)
    if options.json:
        print_json(as_json(finished, options.output))
    else:
        print(table(finished))
        print(f"\n{options.output}: {summary(finished)}")
    return 0


def progress_text(progress: Progress) -> str:
    """`40 % of 135 M weights`."""
    if not progress.weights:
        return "opening the model"
    return f"{percent(progress.done / progress.weights)} of {rate(progress.weights, 'weights')}"


def table(finished: Finished) -> str:
    """The kinds with their tensors and bytes."""
    rows = [(one.kind, count(one.tensors), memory(one.bytes)) for one in finished.kinds]
    return columns([("kind", "tensors", "bytes"), *rows])


def summary(finished: Finished) -> str:
    """The sizes before and after, and the time."""
    speed = rate(finished.weights / finished.seconds if finished.seconds else None, "weights/s")
    sizes = f"{memory(finished.bytes)} from {memory(finished.source_bytes)}"
    return f"{sizes}, {rate(finished.weights, 'weights')} in {seconds(finished.seconds)} ({speed})"


def as_json(finished: Finished, output: str) -> dict[str, object]:
    """The same as one object."""
    return {
        "file": output,
        "bytes": finished.bytes,
        "source_bytes": finished.source_bytes,
        "weights": finished.weights,
        "seconds": finished.seconds,
        "weights_per_s": finished.weights / finished.seconds if finished.seconds else None,
        "notes": finished.notes,
        "kinds": [{"kind": one.kind, "tensors": one.tensors, "bytes": one.bytes} for one in finished.kinds],
    }
