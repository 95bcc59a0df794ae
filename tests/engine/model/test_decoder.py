"""The forward pass gives what transformers gives, for every family, cache, attention and way to cut the prompt."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.attention.build import make_attention
from engine.core.batch import Batch
from engine.core.positions import PADDING_REQUEST
from engine.core.settings import Dtype
from engine.errors import CheckpointError
from engine.model.loader import LoadedModel
from tests.engine.attentions import ATTENTIONS
from tests.engine.model.checkpoints import (
    KINDS,
    VOCAB,
    edit_config,
    reference_greedy,
    reference_logits,
    reference_model,
    save_checkpoint,
)
from tests.engine.model.forward import cache_of, greedy, load, logits_in_chunks, run

CACHES = ("none", "contiguous", "paged")
WAYS = list(itertools.product(CACHES, ATTENTIONS))
TOLERANCE = 1e-4

PROMPT = torch.randint(3, VOCAB, (30,), generator=torch.Generator().manual_seed(7)).tolist()


@pytest.fixture(scope="module", params=sorted(KINDS))
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedModel, Any]:
    folder = save_checkpoint(tmp_path_factory.mktemp(request.param), request.param)
    return load(folder), reference_model(folder)


def close(mine: torch.Tensor, theirs: torch.Tensor) -> bool:
    return mine.shape == theirs.shape and bool((mine - theirs).abs().max() < TOLERANCE)


@pytest.mark.parametrize("chunks", [[30], [1] * 30, [7, 1, 12, 10]], ids=["whole", "one by one", "chunked"])
def test_logits_are_those_of_transformers(pair: tuple[LoadedModel, Any], chunks: list[int]) -> None:
    model, reference = pair
    theirs = reference_logits(reference, PROMPT)
    for kv, attention in WAYS:
        mine = logits_in_chunks(model, cache_of(model, kv), attention, PROMPT, chunks)
        assert mine.dtype == torch.float32
        assert close(mine, theirs), (kv, attention, float((mine - theirs).abs().max()))


def test_greedy_tokens_are_those_of_transformers_over_64_steps(pair: tuple[LoadedModel, Any]) -> None:
    model, reference = pair
    theirs = reference_greedy(reference, PROMPT[:5], 64)
    assert len(set(theirs)) > 4  # a text that repeats one token would prove little
    for kv, attention in WAYS:
        assert greedy(model, cache_of(model, kv), attention, PROMPT[:5], 64) == theirs, (kv, attention)


def test_parameters_are_counted_exactly(pair: tuple[LoadedModel, Any]) -> None:
    model, reference = pair
    assert model.config.parameters == sum(p.numel() for p in reference.parameters())


def test_sharded_weights_are_read(tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, "llama", max_shard_size="60KB")
    assert len(list(folder.glob("*.safetensors"))) > 2
    model = load(folder)
    mine = run(model, cache_of(model, "contiguous"), "sdpa", Batch.of([(0, 0, PROMPT)], list(range(len(PROMPT)))))
    assert close(mine, reference_logits(reference_model(folder), PROMPT))


@pytest.mark.parametrize("kind", ["llama-linear-rope", "llama-llama3-rope"])
def test_the_older_spelling_of_the_config_means_the_same(kind: str, tmp_path: Path) -> None:
    def older(config: dict[str, Any]) -> None:
        rope = config.pop("rope_parameters")
        config["rope_theta"] = rope.pop("rope_theta")
        config["rope_scaling"] = {"type": rope.pop("rope_type"), **rope}
        config["torch_dtype"] = config.pop("dtype")

    folder = save_checkpoint(tmp_path, kind)
    batch = Batch.of([(0, 0, PROMPT)], list(range(len(PROMPT))))
    new = load(folder)
    edit_config(folder, older)
    old = load(folder)
    assert old.config == new.config
    assert torch.equal(run(new, cache_of(new, "none"), "sdpa", batch), run(old, cache_of(old, "none"), "sdpa", batch))


def test_gemma_in_the_older_spelling_with_its_tied_embedding(tmp_path: Path) -> None:
    def older(config: dict[str, Any]) -> None:
        ropes = config.pop("rope_parameters")
        config["rope_theta"] = ropes["full_attention"]["rope_theta"]
        config["rope_scaling"] = {"rope_type": "linear", "factor": ropes["full_attention"]["factor"]}
        config["rope_local_base_freq"] = ropes["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = 2
        del config["layer_types"]

    shape = {"tie_word_embeddings": True}
    folder = save_checkpoint(tmp_path, "gemma3-linear-rope", shape)
    reference = reference_logits(reference_model(folder), PROMPT)
    batch = Batch.of([(0, 0, PROMPT)], list(range(len(PROMPT))))
    new = load(folder)
    edit_config(folder, older)
    old = load(folder)
    assert old.config == new.config
    assert close(run(old, cache_of(old, "paged"), "sdpa", batch), reference)


@pytest.mark.parametrize(
    "changes",
    [{"final_logit_softcapping": 30.0}, {"attn_logit_softcapping": 50.0}, {"use_bidirectional_attention": True}],
)
def test_what_gemma_may_have_and_this_engine_has_not_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, "gemma3")
    edit_config(folder, lambda config: config.update(changes))
    with pytest.raises(CheckpointError, match=f"^Gemma with {next(iter(changes))} is not supported.$"):
        load(folder)


def test_a_checkpoint_without_the_first_part_of_its_names_is_read(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_checkpoint(tmp_path, "gpt2")
    whole = run(load(folder), cache_of(load(folder), "none"), "sdpa", Batch.of([(0, 0, PROMPT)]))
    file = folder / "model.safetensors"
    save_file({name.removeprefix("transformer."): tensor for name, tensor in load_file(file).items()}, file)
    assert torch.equal(whole, run(load(folder), cache_of(load(folder), "none"), "sdpa", Batch.of([(0, 0, PROMPT)])))


@pytest.mark.parametrize(("kv", "attention"), WAYS)
def test_requests_in_one_batch_do_not_see_each_other_nor_padding(kv: str, attention: str, tmp_path: Path) -> None:
    model = load(save_checkpoint(tmp_path, "mistral-window"))
    texts = {0: PROMPT[:13], 1: PROMPT[13:20], 2: PROMPT[20:30]}
    alone = {
        number: logits_in_chunks(model, cache_of(model, "none"), "reference", ids, [len(ids)])
        for number, ids in texts.items()
    }
    cache = cache_of(model, kv)
    cache.admit(1, 20)
    cache.admit(2, 20)
    run(model, cache, attention, Batch.of([(0, 0, texts[0][:6]), (1, 0, texts[1][:4])]))
    first = {number: cache.length(number) for number in texts}
    parts = [(number, first[number], ids[first[number] :]) for number, ids in texts.items()]
    parts.insert(1, (PADDING_REQUEST, 0, [0, 0, 0]))
    batch = Batch.of(parts, [span.row + span.length - 1 for span in Batch.of(parts).spans if span.request_id >= 0])
    mine = run(model, cache, attention, batch)
    assert close(mine, torch.stack([alone[number][-1] for number in texts]))


def test_every_phase_is_timed_and_belongs_to_its_layer(tmp_path: Path) -> None:
    from contextlib import AbstractContextManager, nullcontext

    class Log:
        def __init__(self) -> None:
            self.row = -1
            self.seen: list[tuple[int, str]] = []

        def __call__(self, phase: str) -> AbstractContextManager[None]:
            self.seen.append((self.row, phase))
            return nullcontext()

        def layer(self, index: int) -> None:
            self.row = index

    model = load(save_checkpoint(tmp_path, "llama"))
    cache, log = cache_of(model, "contiguous"), Log()
    batch = Batch.of([(0, 0, PROMPT)])
    kv = cache.begin(batch)
    model.decoder.forward(batch, kv, make_attention("sdpa", model.config), log)
    layer = ["norm", "qkv", "rope", "kv_write", "attention", "attn_out", "norm", "ffn"]
    assert log.seen == [
        (3, "embed"),
        *((index, phase) for index in range(3) for phase in layer),
        (3, "norm"),
        (3, "lm_head"),
    ]


def test_the_probe_sees_rotated_queries_of_the_layer_it_wants(tmp_path: Path) -> None:
    class Probe:
        def __init__(self) -> None:
            self.layer = 1
            self.seen: list[tuple[torch.Tensor, torch.Tensor]] = []

        def observe(self, q: torch.Tensor, kv: Any, batch: Batch, attention: Any) -> None:
            self.seen.append((q.clone(), kv.keys_values(1, batch.spans[0])[0].clone()))

    from engine.core.timing import NoTimer

    folder = save_checkpoint(tmp_path, "qwen3")
    model, probe = load(folder), Probe()
    cache = cache_of(model, "contiguous")
    batch = Batch.of([(0, 0, PROMPT)])
    kv = cache.begin(batch)
    model.decoder.forward(batch, kv, make_attention("sdpa", model.config), NoTimer(), probe)  # type: ignore[arg-type]
    [(q, k)] = probe.seen
    config = model.config
    assert q.shape == (30, config.heads, config.head_dim)
    assert k.shape == (config.kv_heads, 30, config.head_dim)
    scores = torch.einsum("qhd,hkd->hqk", q, k.repeat_interleave(config.group, 0)) * config.scale
    mine = scores.masked_fill(torch.ones(30, 30).triu(1).bool(), -torch.inf).softmax(-1)
    with torch.no_grad():
        theirs = reference_model(folder)(torch.tensor([PROMPT]), output_attentions=True).attentions[1][0]
    assert torch.allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_lower_precision_is_as_close_to_float32_as_transformers_is(kind: str, dtype: Dtype, tmp_path: Path) -> None:
    folder = save_checkpoint(tmp_path, kind)
    reference = reference_model(folder)
    exact = reference_logits(reference, PROMPT)
    theirs = reference_logits(reference.to(getattr(torch, dtype)), PROMPT).float()
    model = load(folder, dtype)
    ways = [(kv, name) for kv, name in WAYS if dtype == "bfloat16" or name != "native"]
    for kv, attention in ways:
        mine = logits_in_chunks(model, cache_of(model, kv), attention, PROMPT, [20, 1, 9])
        assert (mine - exact).norm() < 1.5 * (theirs - exact).norm(), (kv, attention)
