"""A GGUF file's metadata, read as the config of each family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.errors import CheckpointError
from engine.gguf.config import raw_config
from engine.gguf.header import read_header
from engine.model.config import ModelConfig, Rope
from engine.model.families import family_of
from engine.model.rope import frequencies, rotations
from tests.engine.gguf.files import GPT2_SHAPE, SHAPE, VOCAB, embedding, of_architecture, write_gguf


def config_of(
    tmp_path: Path,
    architecture: str = "llama",
    values: dict[str, Any] | None = None,
    tensors: dict[str, np.ndarray] | None = None,
) -> ModelConfig:
    shape = {**(GPT2_SHAPE if architecture == "gpt2" else SHAPE), **(values or {})}
    kept = {key: value for key, value in shape.items() if value is not None}
    layers = shape["block_count"] or 2
    path = write_gguf(
        tmp_path / "model.gguf",
        of_architecture(architecture, kept),
        {
            **embedding(layers=layers if layers < 100 else 2),
            **(tensors or {}),
        },
        {},
        architecture,
    )
    with path.open("rb") as stream:
        raw = raw_config(read_header(stream, path))
    return family_of(raw)[1].config(raw)


def test_llama(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    assert (config.layers, config.hidden, config.ffn, config.vocab) == (2, 32, 64, VOCAB)
    assert (config.heads, config.kv_heads, config.head_dim, config.max_positions) == (4, 2, 8, 64)
    assert config.architecture == "LlamaForCausalLM"
    assert config.tied
    assert config.norm_eps == pytest.approx(1e-5)
    assert config.rope == Rope(10_000.0)
    assert not any((config.qkv_bias, config.o_bias, config.mlp_bias))


def test_an_lm_head_and_biases_are_seen_in_the_tensors(tmp_path: Path) -> None:
    names = ("output.weight", "blk.0.attn_q.bias", "blk.0.attn_output.bias", "blk.0.ffn_down.bias")
    config = config_of(tmp_path, tensors={name: np.ones(32, np.float32) for name in names})
    assert not config.tied
    assert config.qkv_bias
    assert config.o_bias
    assert config.mlp_bias


def test_llama_3s_factors_are_those_of_its_own_scaling(tmp_path: Path) -> None:
    llama3 = Rope(500_000.0, "llama3", 8.0, 1.0, 4.0, 32)
    factors = (frequencies(Rope(500_000.0), 8) / frequencies(llama3, 8)).numpy().astype(np.float32)
    config = config_of(tmp_path, values={"rope.freq_base": 500_000.0}, tensors={"rope_freqs.weight": factors})
    torch.testing.assert_close(frequencies(config.rope, 8), frequencies(llama3, 8), rtol=1e-6, atol=0)


def test_linear_scaling(tmp_path: Path) -> None:
    config = config_of(tmp_path, values={"rope.scaling.type": "linear", "rope.scaling.factor": 4.0})
    assert config.rope == Rope(10_000.0, "linear", 4.0)


def test_qwen2_and_qwen3(tmp_path: Path) -> None:
    assert config_of(tmp_path, "qwen2").qkv_bias
    qwen3 = config_of(
        tmp_path, "qwen3", {"attention.key_length": 16, "attention.value_length": 16, "rope.dimension_count": 16}
    )
    assert qwen3.qk_norm
    assert qwen3.head_dim == 16
    assert not qwen3.qkv_bias


def test_phi3_with_a_long_context_is_run_up_to_its_original_one(tmp_path: Path) -> None:
    factors = np.array([1.0, 1.25, 2.0, 8.0], np.float32)
    values = {
        "attention.sliding_window": 9, "rope.scaling.original_context_length": 16, "rope.scaling.attn_factor": 1.25,
    }  # fmt: skip
    tensors = {"rope_factors_short.weight": factors, "rope_factors_long.weight": 4 * factors}
    config = config_of(tmp_path, "phi3", values, tensors)
    assert config.max_positions == 16
    assert config.sliding_window == 9
    assert config.rope.factors == (1.0, 1.25, 2.0, 8.0)
    assert rotations(config.rope, 8, 3, torch.device("cpu")).abs().unique().tolist() == pytest.approx([1.25])
    assert config_of(tmp_path, "phi3", {"attention.sliding_window": 0}).sliding_window is None


def test_gemma3(tmp_path: Path) -> None:
    values = {
        "block_count": 12, "attention.key_length": 16, "attention.value_length": 16, "attention.sliding_window": 9,
        "rope.freq_base": 1e6, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0, "rope.dimension_count": None,
    }  # fmt: skip
    config = config_of(tmp_path, "gemma3", values)
    assert config.window_layers == (0, 1, 2, 3, 4, 6, 7, 8, 9, 10)
    assert config.sliding_window == 9
    assert config.rope == Rope(1e6, "linear", 8.0)
    assert config.window_rope == Rope(10_000.0)
    assert config.query_factor == 1.0
    assert config.embedding_scale == 32**0.5
    assert config.qk_norm
    assert config.post_norms
    assert config.activation == "gelu_tanh"
    largest = config_of(tmp_path, "gemma3", {**values, "block_count": 62})
    assert largest.query_factor == pytest.approx((16 / 8) ** 0.5)
    listed = config_of(
        tmp_path, "gemma3", {**values, "block_count": 3, "attention.sliding_window_pattern": [True, False, True]}
    )
    assert listed.window_layers == (0, 2)
    assert config_of(tmp_path, "gemma3", {**values, "attention.sliding_window": None}).window_layers == ()


def test_gpt2(tmp_path: Path) -> None:
    config = config_of(tmp_path, "gpt2")
    assert (config.layers, config.hidden, config.ffn, config.head_dim, config.max_positions) == (2, 32, 128, 8, 64)
    assert config.positions == "learned"
    assert config.activation == "gelu_tanh"
    assert config.norm_eps == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("architecture", "values", "tensors", "said"),
    [
        ("mamba", {}, {}, "The GGUF architecture mamba is not supported"),
        ("gemma2", {}, {}, "soft-capping"),
        ("llama", {"expert_count": 8}, {}, "mixture of experts"),
        ("llama", {"rope.dimension_count": 4}, {}, "a part of each head"),
        ("llama", {"attention.value_length": 4}, {}, "different widths"),
        ("llama", {"rope.scaling.type": "yarn"}, {}, "'yarn' is not supported"),
        ("llama", {"block_count": None}, {}, "llama.block_count as a whole number above 0, not None"),
        ("llama", {"block_count": 0}, {}, "not 0"),
        ("llama", {"block_count": 2**31 - 1}, {}, "asks for 2147483647 layers (block_count), but holds 2"),
        ("llama", {"embedding_length": "wide"}, {}, "not 'wide'"),
        ("llama", {"feed_forward_length": [64, 96]}, {}, "layers differ in llama.feed_forward_length"),
        ("llama", {"attention.head_count": 64}, {}, "at most the width of 32"),
        ("llama", {}, {"rope_freqs.weight": np.ones(3, np.float32)}, "3 factors for heads of 4 pairs"),
        ("llama", {}, {"rope_freqs.weight": np.zeros(4, np.float32)}, "numbers above 0"),
        ("llama", {}, {"blk.0.attn_q.bias": np.ones(32, np.float32)}, "a part of its attention"),
        ("phi3", {"rope.scaling.type": "longrope"}, {}, "needs the tensor 'rope_factors_short.weight'"),
        ("gemma3", {"attention.sliding_window": 9, "attention.sliding_window_pattern": [True]}, {}, "2 values"),
        ("gpt2", {"attention.head_count": 5}, {}, "a divisor of 32"),
    ],
)
def test_what_cannot_be_run_is_said(
    tmp_path: Path, architecture: str, values: dict[str, Any], tensors: dict[str, np.ndarray], said: str
) -> None:
    with pytest.raises(CheckpointError) as caught:
        config_of(tmp_path, architecture, values, tensors)
    assert said in str(caught.value)
