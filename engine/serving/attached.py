"""What was attached to: the server, its recorder and its KV events, and the facts of a session about them."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from engine.core.settings import AttachSpec
from engine.serving.recorder.recorded_facts import meta_of
from engine.serving.recorder.recorder_wire import Facts
from engine.serving.server.address import ServerAddress
from engine.serving.server.dialect import DIALECTS, TITLES, TOKEN_IDS
from engine.serving.server.server_kind import ServedModel, Server
from engine.session.serving import Level, Serving, Topic, as_fact

WITH_RECORDER: Final = "Not told: it needs the recorder inside vLLM (see README, “vLLM and other servers”)."
BY_NO_SERVER: Final = "Not told by this server."
ONLY_IN_VLLM: Final = "Not told by this server; only vLLM can have the recorder."
ON_ASKING: Final = "Not asked for: attach with --logprobs N."
BY_NONE: Final[tuple[Topic, ...]] = (
    "phases", "device_time", "attention", "flops", "bytes_moved", "kv_layers", "padding", "entropy",
)  # fmt: skip
"""What no server tells so far."""
CLOCKS: Final[dict[Level, str]] = {
    "probe": "when our client read the bytes, this machine's monotonic clock",
    "metrics": "when our client had read the page, this machine's monotonic clock",
    "kv_events": "when our client received the event, this machine's monotonic clock",
    "recorder": "inside the server's scheduler, the server's monotonic clock",
}


@dataclass(frozen=True, slots=True)
class Attached:
    """A server that was attached to. `recorder` has the facts that its recorder told, None where there is none."""

    spec: AttachSpec
    address: ServerAddress
    server: Server
    model: str
    recorder: Facts | None = None
    same_clock: bool = True

    @property
    def kind(self) -> str:
        """The kind of the server, for people."""
        return TITLES[self.server.kind]

    def meta(self) -> dict[str, str]:
        """The facts of a session, but for its zero and the levels that were in use."""
        served = next((one for one in self.server.models if one.name == self.model), ServedModel(self.model))
        told = meta_of(self.recorder or Facts())
        model = {"max_positions": served.longest} if served.longest else {}
        return {
            "model_path": served.root, "device": "", "device_name": "", "dtype": "", "draft_config": "",
            "ceilings": "", "threads": "0",
            **told,
            "model": self.model,
            "model_config": json.dumps({**model, **json.loads(told["model_config"])}),
            "versions": json.dumps(self._versions()),
            "detail": "step" if self.recorder is not None else "off",
            "serving": self.serving(()),
        }  # fmt: skip

    def serving(self, levels: Iterable[Level]) -> str:
        """The fact `serving` of a session in which these levels were in use."""
        used = tuple(levels)
        clocks = {level: CLOCKS[level] for level in used}
        if "recorder" in used and not self.same_clock:
            clocks["recorder"] += ", moved to ours by the fastest of five answers"
        return as_fact(
            Serving(
                self.kind,
                self.server.version,
                str(self.address),
                used,
                self._not_told(),
                clocks,
            )
        )

    def _not_told(self) -> dict[Topic, str]:
        found: dict[Topic, str] = dict.fromkeys(BY_NONE, BY_NO_SERVER)
        if self.recorder is None:
            by_recorder: tuple[Topic, ...] = ("steps", "kv", "slots", "requests of others", "switches")
            found |= dict.fromkeys(by_recorder, WITH_RECORDER if self.server.kind == "vllm" else ONLY_IN_VLLM)
            if TOKEN_IDS not in {option.name for option in DIALECTS[self.server.kind].options}:
                found["token_ids"] = BY_NO_SERVER
        if self.spec.alternatives is None:
            found["logprobs"] = ON_ASKING
        return found

    def _versions(self) -> dict[str, str]:
        try:
            own = version("decodescope")
        except PackageNotFoundError:
            own = "unknown"
        return {"decodescope": own, "python": platform.python_version(), self.kind: self.server.version}

    def switches(self) -> dict[str, Any]:
        """The settings of the server that have the names of our own engine's switches; only those that it told."""
        facts = self.recorder
        if facts is None:
            return {}
        group = facts.groups[facts.block_group] if 0 <= facts.block_group < len(facts.groups) else None
        told: dict[str, Any] = {"kv": "paged", "batching": "continuous", "max_batch": facts.max_num_seqs}
        told["block_size"] = group[1] if group is not None else None
        told["speculate"] = facts.speculation or "off"
        if facts.speculative_tokens:
            told["k"] = facts.speculative_tokens
        if facts.eager is not None:
            told["graphs"] = not facts.eager
        return {name: value for name, value in told.items() if value is not None}
