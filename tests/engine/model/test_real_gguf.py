"""SmolLM2-135M-Instruct.Q4_1.gguf as published, where `make real-model` has put it: `.ci/run` does."""

from __future__ import annotations

import psutil
import pytest
import torch
from torch import Tensor

from engine.core.batch import Batch
from engine.core.settings import LoadSpec
from engine.gguf.header import read_header
from engine.model import gguf_weights
from engine.model.loader import LoadedModel, load_model
from kernels.cpu import library
from kernels.cpu.kinds import StoredRows
from kernels.cpu.packed import unpacked_reference
from tests.engine.model.forward import cache_of, run
from tests.real_model import real_gguf

pytestmark = pytest.mark.skipif(
    not real_gguf().exists() or library.unavailable() is not None, reason="needs `make real-model` and a C compiler"
)
POSITIONS = 200
TEXT = (
    "The history of the lighthouse begins with fires on hills. In 1823 Augustin-Jean Fresnel made a lens of rings:\n"
    "def focal_length(n, r1, r2):\n    return 1 / ((n - 1) * (1 / r1 - 1 / r2))\n"
    "Its light was seen 20 miles away, and ships no longer ran aground as often. "
) * 3  # fmt: skip


def loaded() -> LoadedModel:
    return load_model(LoadSpec(str(real_gguf()), device="cpu", dtype="float32"), lambda stage, done: None)


def logits(model: LoadedModel, attention: str, ids: list[int]) -> Tensor:
    batch = Batch.of([(0, 0, ids)], list(range(len(ids))))
    return run(model, cache_of(model, "paged"), attention, batch).double()


def test_logits_are_those_of_a_float32_model_of_what_gguf_unpacks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = loaded()
    ids = model.tokenizer.encode(TEXT)[:POSITIONS]
    assert len(ids) == POSITIONS
    ours = [logits(model, attention, ids) for attention in ("compiled", "reference")]
    read = gguf_weights.read_weight

    def unpacked(header: object, name: str, *shape: int) -> Tensor:
        stored = read(header, name, *shape)  # type: ignore[arg-type]
        return unpacked_reference(stored) if isinstance(stored, StoredRows) else stored

    monkeypatch.setattr("engine.model.gguf_checkpoint.read_weight", unpacked)
    plain = loaded()
    assert set(plain.decoder.weight_kinds) == {"F32"}
    theirs = logits(plain, "reference", ids)
    for one in ours:
        assert (one - theirs).norm(dim=1).div(theirs.norm(dim=1)).max() < 2e-2
        margin = theirs.topk(2).values
        clear = margin[:, 0] - margin[:, 1] > 2e-2 * theirs.abs().max(1).values
        assert clear.sum() > POSITIONS / 2
        assert torch.equal(one.argmax(1)[clear], theirs.argmax(1)[clear])


def test_its_weights_take_no_more_memory_than_the_file() -> None:
    process, size = psutil.Process(), real_gguf().stat().st_size
    before = process.memory_info().rss
    model = loaded()
    taken = process.memory_info().rss - before
    assert model.weight_bytes <= size
    assert taken <= 1.15 * size + 64 * 2**20  # with the tokenizer, which has 49 152 entries
    with real_gguf().open("rb") as stream:
        header = read_header(stream, real_gguf())
    stored: dict[str, int] = {}
    for tensor in header.tensors.values():
        stored[tensor.kind] = stored.get(tensor.kind, 0) + tensor.bytes
    held = model.decoder.weight_kinds
    assert {kind: held[kind] for kind in ("Q4_1", "Q8_0")} == {kind: stored[kind] for kind in ("Q4_1", "Q8_0")}
