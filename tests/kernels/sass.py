"""What the machine code of a compiled kernel says: registers, spills, how wide it loads, which multipliers it uses.

`cuobjdump` and `nvdisasm` come with Triton. The disassembly carries the lines of the kernel's source, so every load and
store is named by what it moves: a narrow load of a length is told from a narrow load of K.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import triton

TOOLS: Final = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"

SMALL: Final = {
    "starts_ptr": "starts", "ends_ptr": "ends", "lengths_ptr": "lengths", "slots_ptr": "slots", "lse_ptr": "lse",
    "part_lse_ptr": "lse", "entries": "tables", "place": "places", "where_ptr": "first row",
}  # fmt: skip
"""What there is one of a sequence, a block, a row or a split: a load of it is as narrow as that is."""
BULK: Final = {
    "q_ptr": "q", "k_ptrs": "k", "v_ptrs": "v", "k_base": "k", "o_ptr": "o", "x_ptr": "x", "x_ptrs": "x",
    "delta_ptr": "delta", "weight_ptr": "weight", "turn_ptrs": "angles", "source": "x", "out_ptr": "out",
    "sum_ptr": "sum", "k_ptr": "k", "v_ptr": "v", "row_ptrs": "probabilities",
}  # fmt: skip
"""What there is a row of, by the pointer's name in the source."""

REGISTERS: Final = 65536
REGISTER_UNIT: Final = 256
"""A warp's registers are given out in units of so many."""
WARPS: Final = 64
PROGRAMS: Final = 32
SHARED_BYTES: Final = 228 * 1024
RESERVED_BYTES: Final = 1024
"""Of shared memory, for each program."""


@dataclass(frozen=True, slots=True)
class Move:
    """One kind of load or store in a kernel's code."""

    store: bool
    name: str
    bits: int
    """Of one thread's instruction."""
    waits: bool
    """A plain load; others go to shared memory while the program computes (cp.async)."""


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled kernel, for sm_90."""

    registers: int
    warps: int
    stack_bytes: int
    spill_bytes: int
    """What all instructions that spill move for one thread, as `ptxas -v` counts it."""
    shared_bytes: int
    wgmma: int
    mma: int
    moves: tuple[tuple[Move, int], ...]
    """Instructions of each kind."""

    @property
    def tensor_cores(self) -> str:
        """The instruction that they are used with, or nothing."""
        return "wgmma" if self.wgmma else "mma" if self.mma else ""

    @property
    def programs(self) -> int:
        """How many are resident on a multiprocessor."""
        of_a_warp = -(-self.registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
        by_registers = REGISTERS // of_a_warp // self.warps
        by_shared = SHARED_BYTES // (self.shared_bytes + RESERVED_BYTES)
        return min(by_registers, by_shared, WARPS // self.warps, PROGRAMS)

    @property
    def limited_by(self) -> str:
        """What keeps more programs from being resident."""
        of_a_warp = -(-self.registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
        limits = {
            "warps": WARPS // self.warps, "programs": PROGRAMS, "registers": REGISTERS // of_a_warp // self.warps,
            "shared": SHARED_BYTES // (self.shared_bytes + RESERVED_BYTES),
        }  # fmt: skip
        return min(limits, key=limits.__getitem__)

    @property
    def occupancy(self) -> float:
        return self.programs * self.warps / WARPS

    def widths(self, store: bool, small: bool) -> dict[str, set[int]]:
        """Bits of each thing that is loaded or stored; `small`: what there is one of a sequence, block or row."""
        names = set(SMALL.values())
        found: dict[str, set[int]] = {}
        for move, _ in self.moves:
            if move.store == store and (move.name in names) == small:
                found.setdefault(move.name, set()).add(move.bits)
        return found


def code_of(built: Any) -> Code:
    """Read what Triton compiled (`CompiledKernel`)."""
    with TemporaryDirectory() as folder:
        cubin = Path(folder) / "kernel.cubin"
        cubin.write_bytes(built.asm["cubin"])
        usage = said(["cuobjdump", "-res-usage", str(cubin)])
        listing = said(["nvdisasm", "-g", "-c", "-ndf", str(cubin)])  # what jumps where is not asked, and takes a third
    facts = re.search(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", usage)
    assert facts is not None, usage
    registers, stack, local = (int(number) for number in facts.groups())
    moves: Counter[Move] = Counter()
    spilled = wgmma = mma = 0
    for opcode, source in instructions(listing):
        kind, *suffixes = opcode.split(".")
        bits = next((int(part.removeprefix("U").removeprefix("S")) for part in suffixes if part in WIDTHS), 32)
        if kind in ("LDL", "STL"):
            spilled += bits // 8
        elif kind in ("LDG", "LDGSTS", "STG"):
            moves[Move(kind == "STG", name_of(source, kind == "STG"), bits, kind == "LDG")] += 1
        wgmma += kind == "HGMMA"
        mma += kind == "HMMA"
    return Code(
        registers, built.metadata.num_warps, stack + local, spilled, built.metadata.shared, wgmma, mma,
        tuple(sorted(moves.items(), key=lambda item: (item[0].store, item[0].name, item[0].bits))),
    )  # fmt: skip


WIDTHS: Final = {"128", "64", "U16", "S16", "U8", "S8"}
INSTRUCTION: Final = re.compile(r"^\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9]*[\w.]*)")
LINE: Final = re.compile(r'^\s*//## File "(.*?)", line (\d+)')


def instructions(listing: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Opcode and (file, line) of every instruction of a disassembly with line numbers."""
    source, fresh = ("", 0), True
    for text in listing.splitlines():
        if found := LINE.match(text):
            if fresh:  # the first of several is the innermost; the others say where it was called
                source, fresh = (found[1], int(found[2])), False
        elif found := INSTRUCTION.match(text):
            fresh = True
            yield found[1], source


def name_of(source: tuple[str, int], store: bool) -> str:
    """What the source's line loads or stores: the pointer that it begins with."""
    found = re.search(r"tl\.(?:load|store)\(\s*(\w+)", statement(*source))
    pointer = found[1] if found else "?"
    if not store and pointer in SMALL:
        return SMALL[pointer]
    if store and pointer in ("lse_ptr", "part_lse_ptr"):
        return "lse"
    return BULK.get(pointer, pointer)


@lru_cache(maxsize=256)
def statement(file: str, line: int) -> str:
    """A line of source and the next, as a call may go on there."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return " ".join(lines[line - 1 : line + 1])


def said(command: list[str]) -> str:
    """What a tool prints."""
    done = subprocess.run([TOOLS / command[0], *command[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def ptxas_version() -> str:
    """Of the assembler that Triton uses for sm_90."""
    found = re.search(r"V(\d+\.\d+\.\d+)", said(["ptxas", "--version"]))
    return "?" if found is None else found[1]
