"""What cannot run here is refused with a sentence of its own."""

from __future__ import annotations

import pytest
import torch

from engine.core.settings import Switches
from engine.decode.capabilities import check_available, unavailable_for, unavailable_switches
from engine.errors import UnavailableError
from engine.model.loader import LoadedModel
from kernels.cpu import library

NO_COMPILER = "There is no C compiler (cc, gcc or clang) on this machine."


def test_without_a_compiler_native_attention_and_compiled_steps_say_so(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same words, and what is left to the engine runs without them."""
    monkeypatch.setattr(library, "unavailable", lambda: NO_COMPILER)
    reasons = unavailable_for(tiny_model, has_draft=False)
    assert reasons["attention=native"] == reasons["graphs=True"] == NO_COMPILER
    for switches, name in ((Switches(attention="native"), "attention=native"), (Switches(graphs=True), "graphs=on")):
        with pytest.raises(UnavailableError, match=rf"^{name} cannot run here: There is no C compiler \([^)]*\) on"):
            check_available(switches, reasons)
    settled = Switches().settled(reasons)
    assert (settled.attention, settled.graphs) == ("sdpa", False)


def test_a_model_that_cannot_be_compiled_says_why() -> None:
    if library.unavailable() is not None:
        pytest.skip("needs a C compiler")
    reasons = unavailable_switches("cpu", False, torch.float16, "it was not written for float16 activations")
    assert reasons["graphs=True"] == "A step cannot be compiled here: it was not written for float16 activations."
    assert reasons["attention=native"] == "The C kernels compute in float32 and bfloat16, not in float16."
