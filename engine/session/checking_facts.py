"""Checks the facts of a session: of its model, its device, its settings and its requests."""

from __future__ import annotations

import json
from typing import Any, Final

from engine.plain_text import quoted
from engine.session.fields import COUNT, LARGE
from engine.session.json_texts import HALF_PAIR, json_of
from engine.session.serving import serving_of
from engine.session.store import Session
from engine.session.weight_reads import FACT, NAMES

RATE: Final = 1e30
"""Above every rate (bytes or FLOPs a second) and every size of a memory level in bytes."""
MOST_LAYERS: Final = 4096
MOST_HEADS: Final = 4096
MOST_LEVELS: Final = 64
"""The most memory levels that ceilings may have."""
MOST_KINDS: Final = 64
"""The most kinds of numbers that the weights of a model may have; ggml knows 40."""
JSON_FACTS: Final = ("model_config", "draft_config", "ceilings", "versions", "serving", "trace", "precision")
NUMBERS: Final = ("epoch_ns", "device_memory_bytes")
"""Facts that are whole numbers, written as text."""
SIZES: Final = {
    "layers": MOST_LAYERS, "heads": MOST_HEADS, "kv_heads": MOST_HEADS, "head_dim": 2**20, "itemsize": 16,
    "weight_bytes": LARGE, "hidden": 2**24, "ffn": 2**24, "vocab": COUNT, "max_positions": LARGE, "parameters": LARGE,
    "sliding_window": COUNT, "window_layers": MOST_LAYERS,
}  # fmt: skip
"""The largest accepted value of each fact of a model, far above that of any model."""
SWITCHES: Final = {"block_size": 2**20, "k": 2**20, "max_batch": 2**20}


def check_facts(session: Session) -> None:
    """Raise ValueError, which says what is wrong, where the facts of a loaded session make no sense.

    A JSON fact that holds text which UTF-8 cannot encode is replaced by one that can be encoded.
    """
    for key, value in session.meta.items():
        _require(isinstance(key, str) and isinstance(value, str), f"the fact {quoted(key)} is no text")
    for key in JSON_FACTS:
        text = session.meta.get(key)
        if not text:
            continue
        facts = json_of(text, f"the fact {key}")
        _require(isinstance(facts, dict), f"the fact {key} is no JSON object")
        if HALF_PAIR.search(text):
            session.meta[key] = json.dumps(facts)
        if key == "ceilings":
            _check_ceilings(facts)
        if key == "serving":
            _check_serving(text)
    for key in NUMBERS:
        written = session.meta.get(key) or "0"
        _require(written.isascii() and written.isdigit() and len(written) < 20, f"the fact {key} is no number")
    for model, facts in (("model", session.model_config), ("draft model", session.draft_config)):
        _check_model(facts, model)
    for index, config in enumerate(session.configs):
        _require(config.id == index, "settings of the switches are missing")
        _require(type(config.step_id) is int and 0 <= config.step_id <= LARGE, "a setting of the switches has no step")
        _require(isinstance(config.switches, dict), "a setting of the switches is no JSON object")
        for name, most in SWITCHES.items():
            count = config.switches.get(name, 1)
            _require(type(count) is int and 0 < count <= most, f"the switch {name} is no count")
    counts = session.dropped.values()
    _require(all(type(count) is int and 0 <= count <= LARGE for count in counts), "what was dropped is no count")


def check_params(params: Any, name: str) -> None:
    """Raise ValueError where the parameters of a request make no sense; `name` is how the message names the request."""
    _require(isinstance(params, dict), f"the parameters of {name} are no JSON object")
    sampling = params.get("sampling", {})
    _require(isinstance(sampling, dict), f"the sampling of {name} is no JSON object")
    for value in sampling.values():
        _require(isinstance(value, int | float), f"the sampling of {name} holds what is no number")
    tokens = params.get("max_new_tokens", 0)
    _require(type(tokens) is int and 0 <= tokens <= COUNT, f"the tokens that {name} may emit are no count")
    _require(type(params.get("arrival_s", 0)) in (int, float), f"the arrival of {name} is no time")
    stop, messages = params.get("stop", []), params.get("messages", [])
    _require(isinstance(stop, list), f"the stop texts of {name} are no list")
    pairs = isinstance(messages, list) and all(isinstance(one, list) and len(one) == 2 for one in messages)
    _require(pairs, f"the messages of {name} are no list of pairs")


def _check_model(facts: dict[str, Any], model: str) -> None:
    for name, most in SIZES.items():
        size = facts.get(name, 0)
        if size is None and name == "sliding_window":
            continue
        _require(type(size) is int and 0 <= size <= most, f"the {model}'s {name} is no size")
    reads = facts.get(FACT, dict.fromkeys(NAMES, 0))
    sizes = [reads.get(name) for name in NAMES] if isinstance(reads, dict) else [None]
    known = all(type(size) is int and 0 <= size <= LARGE for size in sizes)
    _require(known, f"what a pass reads of the {model}'s weights is no size")
    kinds = facts.get("weight_kinds", {})
    known = isinstance(kinds, dict) and len(kinds) <= MOST_KINDS
    known = known and all(type(held) is int and 0 <= held <= LARGE for held in kinds.values())
    _require(known, f"what each kind takes of the {model}'s weights is no size")


def _check_serving(text: str) -> None:
    try:
        serving_of(text)
    except ValueError as error:  # msgspec's errors derive from it
        raise ValueError(f"the fact serving is none: {error}") from error


def _check_ceilings(facts: dict[str, Any]) -> None:
    levels, conditions = facts.get("levels", []), facts.get("conditions")
    _require(
        isinstance(levels, list) and all(isinstance(one, dict) for one in levels), "a level of memory is no object"
    )
    _require(len(levels) <= MOST_LEVELS, "there are too many levels of memory")
    rates = [facts.get("read_bytes_per_s", 1.0), facts.get("flops_per_s", 1.0)]
    for level in levels:
        rates += [level.get("read_bytes_per_s"), level.get("size_bytes")]
        _require(isinstance(level.get("name"), str), "a level of memory has no name")
    _require(all(type(one) in (int, float) and 0 < one <= RATE for one in rates), "a measured ceiling is no number")
    _require(conditions is None or isinstance(conditions, dict), "the load at the ceilings' measurement is no object")
    loads = (conditions or {}).values()
    _require(
        all(isinstance(one, int | float | None) for one in loads), "the load at the ceilings' measurement is no number"
    )
    _require(isinstance(facts.get("reader", ""), str), "the reader of the ceilings has no name")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
