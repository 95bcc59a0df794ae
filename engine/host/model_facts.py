"""What a session keeps about the loaded model, the machine and the program."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from engine.model.device import total_bytes
from engine.model.loader import LoadedModel
from engine.model.processors import usable_cores
from engine.plain_text import utf8


def model_meta(model: LoadedModel, draft: LoadedModel | None = None) -> dict[str, str]:
    """What a session keeps about the model, the draft loaded beside it, the machine and the program."""
    return {
        "model": model.name,
        "model_path": utf8(str(model.path)),
        "chat_template": "yes" if model.tokenizer.chat is not None else "",
        "suggested_sampling": json.dumps(model.suggested) if model.suggested else "",
        "model_config": json.dumps(model_config(model)),
        "draft_config": "" if draft is None else json.dumps(draft_facts(draft)),
        "device": str(model.device),
        "device_name": model.device_name,
        "device_memory_bytes": str(total_bytes(model.device)),
        "dtype": str(model.dtype).removeprefix("torch."),
        "weight_dtype": model.decoder.weight_dtype,
        "weight_note": model.note,
        "threads": str(torch.get_num_threads()),
        "cores": str(usable_cores()),
        "versions": json.dumps(versions()),
        "ceilings": "",
    }


def model_config(model: LoadedModel) -> dict[str, Any]:
    """What a session keeps about one model (`ModelConfig.facts`)."""
    decoder = model.decoder
    return model.config.facts(model.dtype, model.weight_bytes, decoder.reads, decoder.weight_kinds)


def draft_facts(draft: LoadedModel) -> dict[str, Any]:
    """What a session keeps about the draft model: a loaded draft model takes memory also with speculate off."""
    return {"name": draft.name, **model_config(draft)}


def versions() -> dict[str, str]:
    """The versions of this program, Python, PyTorch, CUDA and the operating system, by name."""
    try:
        own = version("decodescope")
    except PackageNotFoundError:
        own = "unknown"
    found = {"decodescope": own, "python": platform.python_version(), "torch": torch.__version__}
    if torch.version.cuda is not None:
        found["cuda"] = torch.version.cuda
    if platform.system():
        found[platform.system().lower()] = platform.release()
    return found
