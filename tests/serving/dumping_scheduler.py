"""A scheduler for vLLM that writes down, on its own, what the scheduler decides: the yardstick of check_recorder.py.

It lies over the recorder's scheduler and shares nothing with it. Each line of the file DUMP_TO is JSON: after each
`schedule` the members, their first positions and every block table; before each `update_from_output` the pool.
"""

from __future__ import annotations

import importlib
import json
import os
from typing import Any

import decodescope_recorder


def _dumping(*args: Any, **kwargs: Any) -> Any:
    scheduler = decodescope_recorder.RecordingScheduler(*args, **kwargs)
    below = type(scheduler)
    file = open(os.environ["DUMP_TO"], "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def schedule(self: Any, *some: Any, **named: Any) -> Any:
        output = below.schedule(self, *some, **named)
        firsts = {one.req_id: one.num_computed_tokens for one in output.scheduled_new_reqs}
        cached = output.scheduled_cached_reqs
        firsts |= dict(zip(cached.req_ids, cached.num_computed_tokens, strict=True))
        manager = self.kv_cache_manager
        line = {
            "members": [[name, firsts[name], count] for name, count in output.num_scheduled_tokens.items()],
            "drafts": {name: len(ids) for name, ids in output.scheduled_spec_decode_tokens.items()},
            "tables": {name: manager.get_block_ids(name)[0] for name in self.requests},
            "free": manager.block_pool.get_num_free_blocks(),
            "kept": sum(block.ref_cnt == 0 and block.block_hash is not None for block in manager.block_pool.blocks),
            "running": len(self.running),
            "waiting": len(self.waiting),
        }
        file.write(json.dumps(line) + "\n")
        return output

    def update_from_output(self: Any, scheduler_output: Any, *some: Any, **named: Any) -> Any:
        manager = self.kv_cache_manager
        line = {
            "of": len(scheduler_output.num_scheduled_tokens),
            "holders": [block.ref_cnt for block in manager.block_pool.blocks if block.ref_cnt and not block.is_null],
            "kept": sum(block.ref_cnt == 0 and block.block_hash is not None for block in manager.block_pool.blocks),
        }
        file.write(json.dumps(line) + "\n")
        return below.update_from_output(self, scheduler_output, *some, **named)

    scheduler.__class__ = type("Dumping", (below,), {"schedule": schedule, "update_from_output": update_from_output})
    return scheduler


_BASE = importlib.import_module("vllm.v1.core.sched.async_scheduler").AsyncScheduler
DumpingScheduler = type("DumpingScheduler", (_BASE,), {"__new__": lambda _, *args, **kwargs: _dumping(*args, **kwargs)})
