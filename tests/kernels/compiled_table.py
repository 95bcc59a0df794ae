"""What is known of the Triton kernels without a GPU: compiled for sm_90 at their full sizes, as a table.

`python -m tests.kernels.compiled_table` prints it (about two minutes); with `--write` it also replaces what stands
between the two markers of kernels/README.md.
"""

from __future__ import annotations

import os

if __name__ == "__main__":
    os.environ["TRITON_INTERPRET"] = "0"  # before Triton is imported

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import torch
import triton

from engine.measure.triton_cases import Attention
from tests.kernels.compiling import HOPPER, SHORT, Compiler, Full, Launched, full_size
from tests.kernels.sass import SMALL, Code, ptxas_version

README: Final = Path(__file__).parents[2] / "kernels" / "README.md"
BEGIN: Final = "<!-- compiled: python -m tests.kernels.compiled_table --write -->"
END: Final = "<!-- /compiled -->"

BYTES_PER_S: Final = {"H100": 3.0e12, "H200": 4.3e12}
"""Of a copy, measured."""
TENSOR_FLOPS_PER_S: Final = {"H100": 798e12, "H200": 790e12}
"""Of a bfloat16 product, measured."""
PLAIN_FLOPS_PER_S: Final = 67e12
"""Of float32 on the ordinary cores, by data sheet."""

HEAD: Final = (
    "kernel", "registers", "spills", "shared KiB", "resident (limit)", "warps", "tensor cores", "rows read",
    "rows written", "other reads", "size: programs, floor µs on H100 / H200",
)  # fmt: skip


@dataclass(slots=True)
class Row:
    """One compiled kernel, and the sizes that it serves."""

    label: str
    code: Code
    sizes: list[str] = field(default_factory=list)

    def cells(self) -> tuple[str, ...]:
        """As `HEAD` says."""
        code = self.code
        spills = "0" if not code.spill_bytes and not code.stack_bytes else f"{code.spill_bytes} B, {code.stack_bytes} B"
        return (
            self.label, str(code.registers), spills, f"{code.shared_bytes / 1024:.3g}",
            f"{code.programs} × {code.warps} warps ({code.limited_by})", f"{code.occupancy:.0%}",
            code.tensor_cores or "–", moved(code, store=False, small=False), moved(code, store=True, small=None),
            moved(code, store=False, small=True), "; ".join(self.sizes),
        )  # fmt: skip


def moved(code: Code, store: bool, small: bool | None) -> str:
    """`128: k* v* q`: bits of a thread's instruction, and what it moves; * without waiting (cp.async)."""
    names = set(SMALL.values())
    found: dict[int, list[str]] = {}
    for move, _ in code.moves:
        if move.store == store and small in (None, move.name in names):
            name = move.name if store or move.waits else f"{move.name}*"
            if name not in found.setdefault(move.bits, []):
                found[move.bits].append(name)
    return "; ".join(f"{bits}: {' '.join(found[bits])}" for bits in sorted(found, reverse=True)) or "–"


def floor_us(full: Full, launched: list[Launched], one: Launched) -> str:
    """Bytes or FLOPs at their rates, the larger: of the whole call; for the merge, of what it reads and writes."""
    problem = full.problem
    moved_bytes, flops = problem.moved, problem.flops
    if one.kernel == "merge":
        assert isinstance(problem, Attention)
        rows, heads, head_dim = problem.q.shape
        splits = launched[0].grid[1]
        moved_bytes = rows * heads * (4 * splits * (head_dim + 1) + head_dim * problem.q.itemsize + 4)
        flops = 2 * splits * rows * heads * head_dim
    tensor = full.dtype == torch.bfloat16 and one.kernel in ("prefill", "decode", "row")
    each = (
        1e6 * max(moved_bytes / BYTES_PER_S[name], flops / (TENSOR_FLOPS_PER_S[name] if tensor else PLAIN_FLOPS_PER_S))
        for name in BYTES_PER_S
    )
    return " / ".join("<0.1" if us < 0.1 else f"{us:.0f}" if us >= 100 else f"{us:.2g}" for us in each)


def label_of(full: Full, launched: list[Launched], one: Launched) -> str:
    """The case's; the merge is the same for every storage and number of rows."""
    if one.kernel != "merge":
        return full.label
    return f"{full.sizes.name} {SHORT[full.dtype]} merge of {launched[0].grid[1]} splits"


def compiled() -> Iterator[Row]:
    """A row for every case and every different code that it leads to."""
    compiler = Compiler()
    waiting = [(full, compiler.launched_by(full.label, full.problem.ours())) for full in full_size()]
    rows: dict[tuple[str, str], Row] = {}
    for full, result in waiting:
        launched = result()
        for one in launched:
            label = label_of(full, launched, one)
            row = rows.setdefault((label, one.digest), Row(label, one.code))
            verified = ", 5 rows" if one.kernel == "merge" and full.label.endswith("rows") else ""
            size = f"{full.size}{verified}: {one.programs}, {floor_us(full, launched, one)}"
            if size not in row.sizes:
                row.sizes.append(size)
    yield from rows.values()


def table() -> str:
    """Markdown, with its caption."""
    rows = [HEAD, *(row.cells() for row in compiled())]
    lines = ["| " + " | ".join(cells) + " |" for cells in rows]
    lines.insert(1, "|" + " --- |" * len(HEAD))
    caption = (
        f"Compiled for sm_90 by Triton {triton.__version__} and its ptxas {ptxas_version()}, "
        f"{date.today().isoformat()}, for {HOPPER.multiprocessors} multiprocessors. Nothing here was run."
    )
    return "\n".join([caption, "", *lines])


def written() -> tuple[str, dict[str, list[list[str]]]]:
    """The table that stands in the README: its caption, and the other cells of the rows of each kernel."""
    inside = README.read_text(encoding="utf-8").split(BEGIN, 1)[1].split(END, 1)[0]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in inside.splitlines() if "|" in line]
    found: dict[str, list[list[str]]] = {}
    for label, *others in cells[2:]:
        found.setdefault(label, []).append(others)
    return inside.strip().splitlines()[0], found


def main() -> int:
    """Print the table; with --write, put it into the README too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the table in kernels/README.md")
    asked, made = parser.parse_args(), table()
    if asked.write:
        text = README.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN, 1)
        README.write_text(f"{before}{BEGIN}\n{made}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
