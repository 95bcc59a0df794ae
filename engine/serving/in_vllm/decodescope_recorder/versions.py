"""Which versions of vLLM the recorder knows, and what it needs of a scheduler: vLLM promises none of it."""

from __future__ import annotations

import importlib
import os
from typing import Any, Final

KNOWN_VERSIONS: Final = ("0.32",)
"""The versions of vLLM, by their first two numbers, with which the recorder has been tried."""
FIELDS: Final[dict[str, str]] = {
    "SchedulerOutput": "scheduled_new_reqs scheduled_cached_reqs num_scheduled_tokens scheduled_spec_decode_tokens",
    "NewRequestData": "req_id block_ids num_computed_tokens",
    "CachedRequestData": "req_ids num_computed_tokens new_block_ids resumed_req_ids",
}
"""By name of a dataclass of `vllm.v1.core.sched.output`: the fields that are read."""


def refusal(scheduler: Any) -> str:
    """Why a scheduler of this vLLM is not recorded, as the end of a sentence; "" where it can be."""
    version = str(importlib.import_module("vllm").__version__)
    known = ".".join(version.split(".")[:2]) in KNOWN_VERSIONS
    if not known and not os.environ.get("DECODESCOPE_RECORDER_TRY"):
        return (
            f"it knows vLLM {', '.join(KNOWN_VERSIONS)}, not {version} (DECODESCOPE_RECORDER_TRY=1 tries this version)."
        )
    lacking = missing(scheduler)
    return f"vLLM {version} has no {', '.join(lacking)}." if lacking else ""


def missing(scheduler: Any) -> list[str]:
    """What a scheduler lacks of that which the recorder reads and lays its hooks over."""
    output = importlib.import_module("vllm.v1.core.sched.output")
    request = importlib.import_module("vllm.v1.request").Request
    manager = getattr(scheduler, "kv_cache_manager", None)
    pool = getattr(manager, "block_pool", None)
    coordinator = getattr(manager, "coordinator", None)
    managers = getattr(coordinator, "single_type_managers", None)
    fields = [
        f"{kind}.{name}"
        for kind, names in FIELDS.items()
        for name in names.split()
        if name not in getattr(getattr(output, kind, None), "__dataclass_fields__", ())
    ]
    held = [
        (scheduler, "scheduler", "requests running get_request_counts _preempt_request _free_request _free_blocks"),
        (scheduler, "scheduler", "schedule update_from_output add_request reset_prefix_cache shutdown"),
        (manager, "kv_cache_manager", "get_block_ids"),
        (pool, "block_pool", "get_num_free_blocks cached_block_hash_to_block blocks"),
        (request, "Request", "get_finished_reason num_output_tokens"),
        *((one, "single_type_manager", "req_to_blocks") for one in managers or [None]),
    ]
    return fields + [
        f"{kind}.{name}" for holder, kind, names in held for name in names.split() if not hasattr(holder, name)
    ]
