"""Whole models become GGUF files: what the format's own package and this engine read in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from engine.errors import CheckpointError
from engine.gguf.names import checkpoint_name
from engine.model.checkpoint import open_checkpoint
from engine.model.families import family_of
from engine.model.quantise import quantise
from engine.model.tokenizer import load_tokenizer
from tests.engine.gguf.files import write_gguf
from tests.engine.model.checkpoints import KINDS, VOCAB, copy_of, edit_config, save_checkpoint

DEMO = Path(__file__).parents[3] / "assets" / "demo" / "target"
WINDOWED = {"mistral-window", "qwen2-window"}


def save_byte_tokenizer(folder: Path) -> None:
    """A byte-level tokenizer of 97 tokens, two of them merged and one special."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())[: VOCAB - 3]
    vocab = {one: index for index, one in enumerate(letters)}
    pairs = [(letters[64], letters[65]), (letters[66], letters[67])]
    vocab |= {"".join(pair): len(letters) + index for index, pair in enumerate(pairs)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<e>"])
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {kind: save_checkpoint(tmp_path_factory.mktemp(kind) / "model", kind) for kind in KINDS}
    for folder in made.values():
        save_byte_tokenizer(folder)
    return made


def quiet(done: int, weights: int) -> None:
    """For those who want no progress."""


def unpacked(path: Path) -> dict[str, np.ndarray]:
    reader = gguf.GGUFReader(path)
    found = {
        one.name: gguf.quants.dequantize(one.data, one.tensor_type).reshape(one.shape[::-1]).copy()
        for one in reader.tensors
    }
    del reader
    return found


def pairs_beside(weight: np.ndarray, head_dim: int) -> np.ndarray:
    """Rows of heads whose halves become neighbours, as llama.cpp's converter orders them."""
    halves = weight.reshape(-1, 2, head_dim // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def in_gguf(kind: str, name: str, weight: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """What llama.cpp's converter makes of a tensor of a checkpoint."""
    if kind.startswith(("llama", "mistral")) and ("q_proj" in name or "k_proj" in name):
        return pairs_beside(weight, config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])
    if kind == "gpt2" and weight.ndim == 2 and ".h." in name:
        return weight.T
    if kind.startswith("gemma") and name.endswith("norm.weight"):
        scaled = (config["head_dim"] / config["query_pre_attn_scalar"]) ** 0.5 if "q_norm" in name else 1.0
        return (weight + 1) * scaled
    return weight


@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_there_as_llama_cpps_converter_writes_it(
    kind: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder, config = folders[kind], json.loads((folders[kind] / "config.json").read_text())
    stored = {name: one.numpy() for name, one in load_file(folder / "model.safetensors").items()}
    finished = quantise(str(folder), "q8_0", tmp_path / "a.gguf", quiet)
    found = unpacked(tmp_path / "a.gguf")
    architecture = gguf.GGUFReader(tmp_path / "a.gguf").fields["general.architecture"].contents()
    extra = {"rope_freqs.weight"} if kind == "llama-llama3-rope" else set()
    own = {checkpoint_name(architecture, name): name for name in found.keys() - extra}
    assert own.keys() == stored.keys()
    for name, weight in stored.items():
        step = float(np.abs(weight).max()) / 127  # of Q8_0, which rows of 32 and 64 have; others are in half precision
        assert found[own[name]] == pytest.approx(in_gguf(kind, name, weight, config), rel=2e-3, abs=0.6 * step)
    assert bool(finished.notes) == (kind in WINDOWED)
    assert finished.bytes == (tmp_path / "a.gguf").stat().st_size
    assert finished.weights == sum(one.size for one in found.values())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in WINDOWED and "llama3" not in kind])
def test_this_engine_reads_the_same_config_again(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    quantise(str(folders[kind]), "q8_0", tmp_path / "a.gguf", quiet)
    configs = []
    for path in (folders[kind], tmp_path / "a.gguf"):
        raw = open_checkpoint(path).config
        configs.append(family_of(raw)[1].config(raw))
    before, after = configs
    for name in ("layers", "hidden", "heads", "kv_heads", "head_dim", "ffn", "vocab", "tied", "max_positions",
                 "activation", "norm", "mlp", "qk_norm", "window_layers", "sliding_window"):  # fmt: skip
        assert getattr(after, name) == getattr(before, name), name
    assert after.norm_eps == pytest.approx(before.norm_eps)
    for own, kept in ((before.rope, after.rope), (before.window_rope, after.window_rope)):
        assert (own is None) == (kept is None)
        if own is not None and kept is not None:
            assert (kept.theta, kept.scaling, kept.factor) == (pytest.approx(own.theta), own.scaling, own.factor)


def test_llama3s_scaling_becomes_a_factor_for_each_pair(folders: dict[str, Path], tmp_path: Path) -> None:
    from engine.model.rope import frequencies

    quantise(str(folders["llama-llama3-rope"]), "q8_0", tmp_path / "a.gguf", quiet)
    both = []
    for path in (folders["llama-llama3-rope"], tmp_path / "a.gguf"):
        raw = open_checkpoint(path).config
        config = family_of(raw)[1].config(raw)
        both.append(frequencies(config.rope, config.head_dim))
    assert torch.allclose(both[0], both[1].to(both[0].dtype), rtol=1e-6)


def test_this_engine_makes_the_same_tokens_again(tmp_path: Path) -> None:
    quantise("demo", "q4_k", tmp_path / "a.gguf", quiet)
    before, after = (load_tokenizer(open_checkpoint(path)) for path in (DEMO, tmp_path / "a.gguf"))
    for text in ("The cat sits on 12 mats,\n\n  and I've  seen it!", "naïve 你好 🙂", "<|endoftext|>x"):
        assert after.encode(text) == before.encode(text)
    assert after.eos_token_ids == before.eos_token_ids


def test_a_chat_template_and_the_special_tokens_are_kept(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copy_of(folders["qwen2"], tmp_path / "my model")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": "<e>", "bos_token": None, "chat_template": "{{ messages }}", "pad_token": "<e>"})
    )
    quantise(str(folder), "q8_0", tmp_path / "a.gguf", quiet)
    fields = gguf.GGUFReader(tmp_path / "a.gguf").fields
    told = {key: fields[key].contents() for key in fields if key.startswith(("tokenizer.", "general."))}
    assert told["general.name"] == "my model"
    assert told["tokenizer.chat_template"] == "{{ messages }}"
    assert (told["tokenizer.ggml.eos_token_id"], told["tokenizer.ggml.eot_token_id"]) == (96, 2)
    assert told["tokenizer.ggml.padding_token_id"] == 96
    assert (told["tokenizer.ggml.add_bos_token"], told["tokenizer.ggml.add_eos_token"]) == (False, False)
    assert (told["general.file_type"], told["general.quantization_version"]) == (7, 2)


def test_a_gguf_file_is_quantised_again_with_its_metadata(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    tensors = {
        "token_embd.weight": draw.standard_normal((64, 256), np.float32),
        "output.weight": draw.standard_normal((64, 256), np.float32),
        "blk.0.ffn_up.weight": draw.standard_normal((32, 256), np.float32),
        "blk.0.ffn_down.weight": draw.standard_normal((32, 256), np.float32),
        "blk.0.attn_norm.weight": draw.standard_normal(256, np.float32),
    }
    kinds = {"token_embd.weight": "Q4_0", "blk.0.ffn_up.weight": "F16", "blk.0.ffn_down.weight": "BF16"}
    values = {"llama.own": 5, "tokenizer.ggml.tokens": ["a", "b"], "general.file_type": 1}
    source = write_gguf(tmp_path / "a.gguf", values, tensors, kinds)
    finished = quantise(str(source), "q4_0", tmp_path / "b.gguf", quiet)
    before, after = gguf.GGUFReader(source), gguf.GGUFReader(tmp_path / "b.gguf")
    assert after.fields["llama.own"].contents() == 5
    assert after.fields["tokenizer.ggml.tokens"].contents() == ["a", "b"]
    assert after.fields["general.file_type"].contents() == 2
    assert {one.name: one.tensor_type.name for one in after.tensors} == {
        "token_embd.weight": "Q4_0", "output.weight": "Q6_K", "blk.0.ffn_up.weight": "Q4_0",
        "blk.0.ffn_down.weight": "Q4_0", "blk.0.attn_norm.weight": "F32",
    }  # fmt: skip
    same = [next(one for one in of.tensors if one.name == "token_embd.weight").data for of in (before, after)]
    assert np.array_equal(*same)  # of its kind already: not a bit is changed
    for one in after.tensors:
        weights = gguf.quants.dequantize(one.data, one.tensor_type).reshape(tensors[one.name].shape)
        assert np.sqrt(((weights - tensors[one.name]) ** 2).mean()) < 0.1
    assert {one.kind: one.tensors for one in finished.kinds} == {"Q4_0": 3, "Q6_K": 1, "F32": 1}
    del before, after, same


@pytest.mark.parametrize("named", [1, 2])
def test_all_parts_of_a_split_model_become_one_file(named: int, tmp_path: Path) -> None:
    weights = np.random.default_rng(4).standard_normal((2, 8, 64), np.float32)
    for number, name in ((1, "token_embd.weight"), (2, "blk.0.ffn_up.weight")):
        values = {"split.count": 2, "split.no": number - 1} | ({"llama.own": 5} if number == 1 else {})
        write_gguf(tmp_path / f"m-0000{number}-of-00002.gguf", values, {name: weights[number - 1]})
    quantise(str(tmp_path / f"m-0000{named}-of-00002.gguf"), "q8_0", tmp_path / "a.gguf", quiet)
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    assert reader.fields["llama.own"].contents() == 5
    assert not [key for key in reader.fields if key.startswith("split.")]
    found = unpacked(tmp_path / "a.gguf")
    assert found["token_embd.weight"] == pytest.approx(weights[0], abs=0.02)
    assert found["blk.0.ffn_up.weight"] == pytest.approx(weights[1], abs=0.02)
    del reader


def test_progress_grows_to_all_weights(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    finished = quantise("demo", "q4_0", tmp_path / "a.gguf", lambda done, weights: told.append((done, weights)))
    assert told[0] == (0, 0)
    assert told[-1] == (finished.weights, finished.weights)
    assert told == sorted(told)


def test_weights_that_are_not_finite_are_refused_by_name(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copy_of(folders["llama"], tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = torch.nan
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"'blk\.1\.ffn_up\.weight' cannot be written as F16: .* not finite"):
        quantise(str(folder), "q8_0", tmp_path / "a.gguf", quiet)


def without_norm(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors")


def with_another(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "model.layers.0.mlp.router.weight": torch.zeros(2, 2)}, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (without_norm, r"lacks the tensor 'model\.norm\.weight'"),
        (with_another, r"no place for the tensor 'model\.layers\.0\.mlp\.router\.weight'"),
        (lambda folder: edit_config(folder, lambda raw: raw.update(architectures=["Other"])), "architecture Other"),
        (lambda folder: edit_config(folder, lambda raw: raw.update(quantization_config={})), "quantised already"),
        (lambda folder: (folder / "tokenizer.json").unlink(), r"no tokenizer\.json"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"x" * 40), r"model\.safetensors"),
    ],
)
def test_what_cannot_be_written_is_refused_in_a_sentence(
    spoil: Any, sentence: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = copy_of(folders["llama"], tmp_path / "model")
    spoil(folder)
    with pytest.raises(CheckpointError, match=sentence):
        quantise(str(folder), "q8_0", tmp_path / "a.gguf", quiet)
    assert not (tmp_path / "a.gguf").exists()


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no model")
    with pytest.raises(CheckpointError, match="is not a GGUF file"):
        quantise(str(tmp_path / "a.txt"), "q8_0", tmp_path / "b.gguf", quiet)
    with pytest.raises(CheckpointError, match="no folder or file"):
        quantise(str(tmp_path / "none"), "q8_0", tmp_path / "b.gguf", quiet)
