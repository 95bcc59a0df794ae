"""What a captured step runs must not ask the device anything: no value read back, no shape that depends on values."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.core.settings import Observation, RequestSpec, RunSpec, Sampling, Switches
from engine.decode.engine import Engine
from engine.graphs import captured, sampling
from engine.graphs.captured import KernelRan, Variant, step_work
from engine.graphs.device import PlainDevice
from engine.measure.host_timer import HostTimer
from engine.model.loader import LoadedModel

ASKING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "equal", "is_nonzero", "bincount")
MAKING = ("lift_fresh", "_pin_memory", "is_pinned")
"""`torch.tensor` of Python values: on a GPU a copy from memory that is not pinned, which waits."""


class Listener(TorchDispatchMode):
    """Writes down every operation that could not be captured."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.operations += 1
        if name in ASKING or name in MAKING:
            self.found.append(name)
        if name in ("index", "index_put_") and any(
            isinstance(index, torch.Tensor) and index.dtype == torch.bool for index in args[1]
        ):
            self.found.append(f"{name} by a mask")
        if name == "_to_copy" and (kwargs or {}).get("device") is not None:
            self.found.append("copy to a device")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("width", "sampled"), [(1, False), (1, True), (3, False), (3, True)])
def test_a_captured_step_asks_the_device_nothing(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch, width: int, sampled: bool
) -> None:
    for module in (captured, sampling):  # what a GPU runs; on a CPU numpy searches
        monkeypatch.setattr(module, "likeliest", lambda logits: logits.argmax(-1))
    speculate = "ngram" if width > 1 else "off"
    switches = Switches(
        kv="paged", speculate=speculate, k=2, batching="continuous", max_batch=2, attention="sdpa", graphs=True  # type: ignore[arg-type]
    )  # fmt: skip
    request = RequestSpec("a", 10, sampling=Sampling(temperature=0.5 if sampled else 0.0))
    engine = Engine(
        tiny_model, RunSpec((request,), switches), {}, lambda events: None, graph_device=PlainDevice()
    )  # fmt: skip
    engine.observe(Observation("layer"))
    assert engine.runner.graphs is not None
    parts = engine.runner.graphs.parts
    parts.buffers.clear()
    work = step_work(parts, Variant(width, sampled, 8, "layer"), 2, HostTimer(2, by_layer=True), KernelRan())
    with torch.inference_mode():
        work()  # what is chosen once is chosen in the warm-up
        listener = Listener()
        with listener:
            work()
    assert listener.operations > 50
    assert listener.found == []
