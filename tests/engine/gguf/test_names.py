"""The names of tensors, against the tables of the format's own package."""

from __future__ import annotations

import gguf
import pytest

from engine.gguf.names import LAYER_PARTS, OUTSIDE, checkpoint_name, gguf_name

ARCHITECTURES = {name: key for key, name in gguf.MODEL_ARCH_NAMES.items() if name in LAYER_PARTS}


def layer_names(architecture: str) -> list[str]:
    prefix = "transformer.h" if architecture == "gpt2" else "model.layers"
    return [f"{prefix}.{layer}.{part}" for layer in (0, 11) for part in LAYER_PARTS[architecture]]


def outside_names(architecture: str) -> list[str]:
    gpt2 = ["transformer.wte", "transformer.wpe", "transformer.ln_f", "lm_head"]
    return gpt2 if architecture == "gpt2" else list(OUTSIDE)


@pytest.mark.parametrize("kind", ["weight", "bias"])
@pytest.mark.parametrize("architecture", LAYER_PARTS)
def test_each_name_is_that_of_the_formats_own_package_and_leads_back(architecture: str, kind: str) -> None:
    table = gguf.get_tensor_name_map(ARCHITECTURES[architecture], 12)
    for stem in [*layer_names(architecture), *outside_names(architecture)]:
        own = gguf_name(architecture, f"{stem}.{kind}")
        if (architecture, stem) != ("gemma2", "lm_head"):  # its table has none: Gemma 2 is always tied
            assert own == table.get_name(f"{stem}.{kind}", try_suffixes=(".weight", ".bias"))
        assert own is not None
        assert checkpoint_name(architecture, own) == f"{stem}.{kind}"


@pytest.mark.parametrize("architecture", LAYER_PARTS)
def test_every_weight_that_the_architecture_has_in_gguf_is_known(architecture: str) -> None:
    """Except what a checkpoint lacks: factors and masks that are made, experts, and Phi-3's parts of q, k and v."""
    made = ("rope_", "attn_rot_embd", "_exps", "ffn_gate_inp")
    known = {f"blk.{{bid}}.{part}" for part in LAYER_PARTS[architecture].values()}
    for tensor in gguf.MODEL_TENSORS[ARCHITECTURES[architecture]]:
        name = gguf.TENSOR_NAMES[tensor]
        if any(one in name for one in made) or (architecture == "phi3" and name[-6:] in ("attn_q", "attn_k", "attn_v")):
            continue
        if name.startswith("blk."):
            assert name in known
        else:
            assert checkpoint_name(architecture, f"{name}.weight") is not None


@pytest.mark.parametrize(
    "name",
    ["", "weight", ".weight", "rope_freqs.weight", "model.layers.0.self_attn.rotary_emb.inv_freq", "blk.0.attn_q.scale",
     "blk.x.attn_q.weight", "model.layers.0.self_attn.q_proj.weight.weight", "transformer.h.0.attn.bias"],
)  # fmt: skip
@pytest.mark.parametrize("architecture", LAYER_PARTS)
def test_what_is_no_weight_of_the_other_form_has_no_name_there(architecture: str, name: str) -> None:
    assert gguf_name(architecture, name) is None
    assert checkpoint_name(architecture, name) is None
