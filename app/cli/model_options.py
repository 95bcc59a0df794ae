"""What the options of `record` and `attach` say of the model, of its device and of the file to write."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from app.cli.output import say
from engine.client.requests_file import check_text
from engine.core.ranges import check_range
from engine.core.settings import LoadSpec, RunSpec


def say_not_compiled(unavailable: dict[str, str], spec: RunSpec) -> None:
    """Print why steps are not compiled where they would be by default: for want of a C compiler, for one."""
    reason = unavailable.get("graphs=True")
    if reason is not None and spec.switches.graphs is None:
        say(f"steps run operation by operation. {reason}")


def output_path(options: argparse.Namespace) -> Path | None:
    """The file to write: that of -o, else None with --json, else a dated file in the current folder."""
    if options.output is not None:
        return Path(options.output)
    return None if options.json else Path(time.strftime("decodescope-%Y%m%d-%H%M%S.dscope"))


def load_spec(options: argparse.Namespace) -> LoadSpec:
    """The model that the options name; raises InputError for an invalid path or number of threads."""
    check_range("threads", options.threads, 0, 4096)
    for path in (options.model, options.draft_model or ""):
        check_text(f"The model's path {path!r}", path)
    return LoadSpec(options.model, options.draft_model, options.device, options.dtype, options.threads)
