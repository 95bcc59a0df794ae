"""Two kinds of folder: a resumable training state, and an ordinary Hugging Face checkpoint. Nothing is pickled."""

import json
import os
import shutil
from pathlib import Path
from typing import TypeAlias

import torch
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig, LlamaConfig

from assets.demo.training.decoder import Decoder, Shape
from assets.demo.training.optimiser import Optimiser

Facts: TypeAlias = dict[str, object]


def save_state(folder: Path, model: Decoder, optimiser: Optimiser, facts: Facts) -> None:
    """Write weights, moments and `facts` (plain JSON) so that a kill at any moment leaves a whole state behind.

    Each state is a file of its own name; `state.json` names the one that counts, and is replaced at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = {f"model.{name}": p.detach() for name, p in model.named_parameters()}
    moments = {f"optimiser.{name}": value for name, value in optimiser.state().items()}
    name = f"state-{facts['step']}.safetensors"
    save_file({k: v.contiguous() for k, v in (weights | moments).items()}, folder / name)
    draft = folder / "state.json.new"
    draft.write_text(json.dumps(facts | {"tensors": name}, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, folder / "state.json")
    for old in folder.glob("state-*.safetensors"):
        if old.name != name:
            old.unlink()


def load_state(folder: Path, model: Decoder, optimiser: Optimiser) -> Facts | None:
    """Restore what `save_state` wrote and return its facts; None, and nothing changed, where there is no state."""
    if not (folder / "state.json").exists():
        return None
    facts: Facts = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / str(facts["tensors"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[f"model.{name}"])
    prefix = "optimiser."
    optimiser.restore({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
    return facts


def export(folder: Path, model: Decoder, tokenizer_folder: Path) -> None:
    """Write `model` as a bfloat16 Llama checkpoint with the tokenizer beside it, as transformers itself would."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = model.shape.as_dict()
    theta = shape.pop("rope_theta")
    config = LlamaConfig(
        **shape,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
    )
    config.save_pretrained(folder)
    GenerationConfig(bos_token_id=0, eos_token_id=0, pad_token_id=0).save_pretrained(folder)
    weights = {name: p.detach().to(torch.bfloat16).contiguous() for name, p in model.named_parameters()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (tokenizer_folder / name).resolve() != (folder / name).resolve():
            shutil.copyfile(tokenizer_folder / name, folder / name)


def load_decoder(folder: Path, dtype: torch.dtype = torch.bfloat16) -> Decoder:
    """Read a checkpoint folder that `export` wrote into a training decoder that computes in `dtype`."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names = Shape.__dataclass_fields__
    fields = {name: config[name] for name in names if name in config}
    fields["rope_theta"] = config["rope_parameters"]["rope_theta"]
    model = Decoder(Shape(**fields), dtype=dtype)
    tensors = load_file(folder / "model.safetensors")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
    return model.eval()
