"""What the recorder tells of its server in the first message: the model, the cache, the settings, the process."""

from __future__ import annotations

import contextlib
import importlib
import os
import time
from pathlib import Path
from typing import Any, Final

from decodescope_recorder.messages import PROTOCOL

FACTS: Final[dict[str, str]] = {
    "model": "model_config.model",
    "served_name": "model_config.served_model_name",
    "dtype": "model_config.dtype",
    "quantization": "model_config.quantization",
    "cache_dtype": "cache_config.cache_dtype",
    "layers": "model_config.hf_text_config.num_hidden_layers",
    "heads": "model_config.hf_text_config.num_attention_heads",
    "kv_heads": "model_config.get_total_num_kv_heads",
    "head_dim": "model_config.get_head_size",
    "hidden": "model_config.get_hidden_size",
    "ffn": "model_config.hf_text_config.intermediate_size",
    "vocab": "model_config.get_vocab_size",
    "max_model_len": "model_config.max_model_len",
    "max_num_seqs": "scheduler_config.max_num_seqs",
    "max_num_batched_tokens": "scheduler_config.max_num_batched_tokens",
    "chunked_prefill": "scheduler_config.enable_chunked_prefill",
    "policy": "scheduler_config.policy",
    "async_scheduling": "scheduler_config.async_scheduling",
    "prefix_caching": "cache_config.enable_prefix_caching",
    "speculation": "speculative_config.method",
    "speculative_tokens": "speculative_config.num_speculative_tokens",
    "kv_connector": "kv_transfer_config.kv_connector",
    "eager": "model_config.enforce_eager",
    "graphs": "compilation_config.cudagraph_mode.name",
    "tensor_parallel": "parallel_config.tensor_parallel_size",
    "pipeline_parallel": "parallel_config.pipeline_parallel_size",
    "data_parallel_rank": "parallel_config.data_parallel_rank",
    "device": "device_config.device_type",
}
"""By name of a fact: where it is in vLLM's configuration; a method is called without arguments."""


def hello(role: str, facts: dict[str, Any]) -> tuple[Any, ...]:
    """The first message: protocol, role, process and its parent, both clocks, this boot of the machine, the facts."""
    boot = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ("hello", PROTOCOL, role, os.getpid(), os.getppid(), time.monotonic_ns(), time.time_ns(), boot, facts)


def facts_of(config: Any, kv: Any = None) -> dict[str, Any]:
    """What is known of the model, the cache and the settings; a fact that this version does not tell is left out.

    `kv` is the configuration of the cache, where it is known.
    """
    told: dict[str, Any] = {}
    for name, path in FACTS.items():
        with contextlib.suppress(Exception):
            value = config
            for part in path.split("."):
                value = getattr(value, part)
            value = value() if callable(value) else value
            value = value[0] if isinstance(value, list) else value
            if value is not None:
                told[name] = value if isinstance(value, bool | int | float) else str(value).removeprefix("torch.")
    with contextlib.suppress(Exception):
        told["vllm_version"] = str(importlib.import_module("vllm").__version__)
    with contextlib.suppress(Exception):
        told["architecture"] = str(config.model_config.architectures[0])
    if kv is not None:
        told |= _facts_of_cache(kv)
    return told


def full_attention_group(kv: Any) -> int:
    """The first KV group of full attention, whose block tables only grow; -1: there is none."""
    kinds = [type(group.kv_cache_spec).__name__ for group in kv.kv_cache_groups]
    return kinds.index("FullAttentionSpec") if "FullAttentionSpec" in kinds else -1


def _facts_of_cache(kv: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    with contextlib.suppress(Exception):
        told["device_name"] = str(importlib.import_module("vllm.platforms").current_platform.get_device_name())
    with contextlib.suppress(Exception):
        told["blocks"] = int(kv.num_blocks)
        told["block_bytes"] = sum(tensor.size for tensor in kv.kv_cache_tensors) // kv.num_blocks
    with contextlib.suppress(Exception):
        told["groups"] = [
            [type(group.kv_cache_spec).__name__, group.kv_cache_spec.block_size, len(group.layer_names)]
            for group in kv.kv_cache_groups
        ]
        told["block_group"] = full_attention_group(kv)
    return told
