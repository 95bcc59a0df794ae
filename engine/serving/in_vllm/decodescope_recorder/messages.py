"""The messages as they wait and as they are sent. DecodeScope's `recorder_wire.py` describes what is sent."""

from __future__ import annotations

import time
from typing import Any, Final

PROTOCOL: Final = 1
LARGEST_BYTES: Final = 16 * 2**20
"""A message's; the listener refuses larger ones."""


def request_facts(request: Any) -> tuple[Any, ...]:
    """Id, ns since the front end received it, its wall clock then, prompt length and ids, max_tokens, priority."""
    age_ns = int((time.time() - request.arrival_time) * 1e9)
    return (
        request.request_id, max(0, age_ns), float(request.arrival_time), request.num_prompt_tokens,
        request.prompt_token_ids, request.max_tokens, request.priority,
    )  # fmt: skip


def is_light(model_output: Any) -> bool:
    """Whether a step's outputs hold little but tokens, so that they may wait as they are; logprobs may be large."""
    return (
        getattr(model_output, "logprobs", 0) is None
        and getattr(model_output, "pooler_output", 0) is None
        and not getattr(model_output, "prompt_logprobs_dict", 1)
        and getattr(model_output, "aux_output_connector_output", None) is None
    )


def tokens_of(outputs: Any) -> list[tuple[str, list[int]]]:
    """What each request was given."""
    return [(one.request_id, list(one.new_token_ids)) for group in outputs.values() for one in group.outputs]


def wire_form(message: tuple[Any, ...]) -> tuple[Any, ...]:
    """The message as it is encoded: what holds vLLM's own objects is written out."""
    match message[0]:
        case "snapshot":
            return (message[0], *message[2:])
        case "step":
            drafts = {name: len(ids) for name, ids in message[10].items()}
            return (*message[:10], drafts, *message[11:])
        case "output":
            _, number, start_ns, end_ns, outputs, drafted, counts, rows, inside = message
            tokens = tokens_of(outputs) if isinstance(outputs, dict) else outputs
            sampled = {name: counts[rows[name]] for name in drafted if name in rows}
            return ("output", number, start_ns, end_ns, [pair for pair in tokens if pair[1]], sampled, inside)
    return message
