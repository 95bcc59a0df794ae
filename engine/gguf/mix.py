"""Which kind each tensor of a quantised model gets, by the rules of llama.cpp's own quantiser without its extras.

All matrices get the kind that is asked for. The LM head (or the embedding, where it is also the head) gets a finer one.
"""

from __future__ import annotations

from typing import Final, Literal

from engine.gguf.quantising import KINDS
from engine.gguf.write import Planned

Target = Literal["q8_0", "q4_0", "q4_k"]

MATRICES: Final[dict[Target, str]] = {"q8_0": "Q8_0", "q4_0": "Q4_0", "q4_k": "Q4_K"}
HEADS: Final[dict[Target, str]] = {"q8_0": "Q8_0", "q4_0": "Q6_K", "q4_k": "Q6_K"}
FALLBACKS: Final = {"Q4_K": "Q5_0", "Q6_K": "Q8_0"}
"""For rows that no number of superblocks fills."""
FILE_TYPES: Final[dict[Target, int]] = {"q4_0": 2, "q8_0": 7, "q4_k": 14}
"""`general.file_type`: what most of a file is, as llama.cpp numbers it; 14 is Q4_K_S."""
IN_FULL: Final = ("_norm.weight", "ffn_gate_inp.weight", "position_embd.weight", "token_types.weight", ".bias")
"""Tensors that stay in single precision, whatever their shape, by the ends of their names."""


def kind_of(name: str, shape: tuple[int, ...], to: Target, tied: bool) -> str:
    """The kind of GGUF's tensor `name`; `tied`: the embedding is also the LM head."""
    if len(shape) < 2 or name.endswith(IN_FULL) or not name.endswith(".weight"):
        return "F32"
    is_head = name == "output.weight" or (tied and name == "token_embd.weight")
    kind = (HEADS if is_head else MATRICES)[to]
    if shape[-1] % KINDS[kind].block and kind in FALLBACKS:
        kind = FALLBACKS[kind]
    return "F16" if shape[-1] % KINDS[kind].block else kind


def planned(shapes: dict[str, tuple[int, ...]], to: Target) -> list[Planned]:
    """The tensors of a file by GGUF's names."""
    tied = "output.weight" not in shapes
    return [Planned(name, kind_of(name, shape, to, tied), shape) for name, shape in shapes.items()]
