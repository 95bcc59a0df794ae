"""`decodescope bench --suite kernels`: each kernel beside PyTorch's own, timed in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from app.cli.output import print_json
from app.cli.table import columns
from app.look.units import NOT_APPLICABLE, percent, seconds
from engine import leftovers
from engine.errors import DecodeScopeError
from engine.host.threads import wait_briefly


def run_kernels(as_json: bool) -> int:
    """Print time, GB/s, TFLOP/s, share of the measured ceiling and the ratio to PyTorch's form of every kernel."""
    command = [sys.executable, "-P", "-m", "engine.measure.kernel_speed", str(os.getpid())]
    environment = dict(os.environ)
    wait_briefly(environment)
    measuring = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,  # Ctrl-C then reaches this process only
    )  # fmt: skip
    with measuring, leftovers.ended(measuring.kill):
        told, _ = measuring.communicate()
    if measuring.returncode:
        raise DecodeScopeError(
            f"Measuring the kernels ended with exit status {measuring.returncode}; what it said is above."
        )
    found = json.loads(told)
    if as_json:
        print_json({"suite": "kernels", **found})
        return 0
    read, flops = (found["ceilings"][name] for name in ("read_bytes_per_s", "flops_per_s"))
    print(f"{found['device']}, {found['dtype']}; measured ceilings: {read / 1e9:.1f} GB/s, {flops / 1e12:.3g} TFLOP/s")
    if found["reason"]:
        print(found["reason"])
    lines = [
        ("kernel", "size", "measured", "time", "quartiles", "GB/s", "TFLOP/s", "of ceiling", "bound by", "against")
    ]
    for row in found["rows"]:
        low, high = row["quartiles_s"]
        ratio = row["against_peer"]
        lines.append((
            row["kernel"], row["shape"], row["measured"], seconds(row["time_s"]), f"{seconds(low)} to {seconds(high)}",
            f"{row['bytes_per_s'] / 1e9:.1f}", f"{row['flops_per_s'] / 1e12:.3g}", percent(row["share"]), row["bound"],
            NOT_APPLICABLE if ratio is None else f"{ratio:.2f}× {row['peer']}",
        ))  # fmt: skip
    print(columns(lines))
    return 0
