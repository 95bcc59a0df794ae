"""The big blobs of a Session: layer × phase times, KV per layer, alternatives and attention rows.

The newest blobs are kept in memory; older ones are read back from the session file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import ClassVar, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.session import schema
from engine.session.patience import Patience
from engine.session.schema import PHASES

DETAIL_STEPS: Final = 4096
"""How many steps keep their layer detail in memory, and how many tokens their alternatives; older ones are read from
the file."""
ATTENTION_BYTES: Final = 128 * 2**20
"""How many bytes of attention rows are kept in memory; older maps are read from the file."""


class DetailSource(Protocol):
    """The source of blobs that are no longer in memory: the session file.

    Every method may take long. `patience.give_up()` ends it: the method then raises SessionFileError, or returns a
    value that has no meaning.
    """

    def step_blobs(self, step_id: int, patience: Patience | None = None) -> tuple[bytes, bytes] | None:
        """`phases` and `kv_layers` of a step; None where the source does not have the step."""

    def attention_rows(
        self,
        request_id: int,
        layer: int,
        head: int,
        first: int = 0,
        most: int | None = None,
        patience: Patience | None = None,
    ) -> list[tuple[int, int, bytes]]:
        """(step_id, position, probs) of one map in the order recorded: at most `most` rows, from row `first` on."""

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        """The row that was recorded last for a position; None where that position has none."""

    def alternatives(self, token_id: int, patience: Patience | None = None) -> bytes:
        """`alternatives` of the token with this row id."""


class Details:
    """The blobs of one run, by step, token and attention map. One thread adds new blobs; any thread reads.

    A method that reads the file may take long; `patience` can end it.
    """

    is_part: ClassVar[bool] = False
    """Whether these are the details of a part of a recording, which itself is complete (`prefix_details.py`)."""

    def __init__(self, source: DetailSource | None = None) -> None:
        self.source = source
        """The source of the blobs that are no longer in memory; None while there is none."""
        self._step_blobs: OrderedDict[int, tuple[bytes, bytes]] = OrderedDict()
        self._attention: OrderedDict[tuple[int, int, int], list[tuple[int, int, bytes]]] = OrderedDict()
        self._attention_bytes = 0
        self._spilled: set[tuple[int, int, int]] = set()
        self._maps: list[tuple[int, int, int]] = []
        """Every map, whether in `_attention` or in `_spilled`. Readers iterate over this list, which only grows. In the
        other two, readers only look up a key, because the writing thread changes them."""
        self._alternatives: OrderedDict[int, bytes] = OrderedDict()

    # --- writing ----------------------------------------------------------------------------------------------------

    def take_steps(self, steps: Iterable[schema.Step]) -> None:
        """Keep the layer detail of new steps; drop that of the oldest steps beyond DETAIL_STEPS."""
        for step in steps:
            self._step_blobs[step.id] = (step.phases, step.kv_layers)
            if len(self._step_blobs) > DETAIL_STEPS:
                self._step_blobs.popitem(last=False)

    def take_alternatives(self, tokens: Iterable[schema.Token]) -> None:
        """Keep the alternatives of new tokens; drop those of the oldest tokens beyond DETAIL_STEPS."""
        for token in tokens:
            self._alternatives[token.id] = token.alternatives
            if len(self._alternatives) > DETAIL_STEPS:
                self._alternatives.popitem(last=False)

    def take_attention(self, row: schema.AttentionRow) -> None:
        """Keep a row; drop the oldest maps where all maps take more than ATTENTION_BYTES.

        A dropped map, and every later row of it, is read from the file only.
        """
        key = (row.request_id, row.layer, row.head)
        if key not in self._spilled:
            if key not in self._attention:
                self._attention[key] = []
                self._maps.append(key)
            self._attention[key].append((row.step_id, row.position, row.probs))
            self._attention_bytes += len(row.probs)
        while self._attention_bytes > ATTENTION_BYTES and self._attention:
            oldest, rows = next(iter(self._attention.items()))
            self._spilled.add(oldest)  # first, so that a map is always in one of the two
            del self._attention[oldest]
            self._attention_bytes -= sum(len(probs) for _, _, probs in rows)

    def know_attention(self, maps: Iterable[tuple[int, int, int]]) -> None:
        """Add the maps that the file has. For a session that is opened, not recorded."""
        for key in maps:
            if key not in self._spilled and key not in self._attention:
                self._maps.append(key)
            self._spilled.add(key)

    # --- reading ----------------------------------------------------------------------------------------------------

    def step(
        self, step_id: int, patience: Patience | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """(phases [layers + 1, len(PHASES)] in µs, kv_layers [layers, 2] in bytes) of a step; None where not kept.

        Like every method with `patience`, it may read the file, and `patience` can end that.
        """
        blobs = self._step_blobs.get(step_id)
        if blobs is None and self.source is not None:
            blobs = self.source.step_blobs(step_id, patience)
        if blobs is None:
            return None
        phases = np.frombuffer(blobs[0], np.float32).reshape(-1, len(PHASES))
        return phases, np.frombuffer(blobs[1], np.int64).reshape(-1, 2)

    def step_in_memory(self, step_id: int) -> bool:
        """Whether `step` returns without reading the file."""
        return self.source is None or step_id in self._step_blobs

    def attention_maps(self) -> list[tuple[int, int, int]]:
        """(request, layer, head) of every map that was recorded in this process or loaded, in ascending order."""
        return sorted(self._maps)

    def attention_map(self, request_id: int, layer: int, head: int) -> list[tuple[int, int, bytes]]:
        """The rows (step_id, position, probs as float16 bytes) of one map, in the order they were recorded."""
        key = (request_id, layer, head)
        if key in self._spilled and self.source is not None:
            return self.source.attention_rows(*key)
        return self._attention.get(key, [])

    def attention_rows(
        self, request_id: int, layer: int, head: int, first: int, most: int, patience: Patience | None = None
    ) -> list[tuple[int, int, bytes]]:
        """At most `most` rows of `attention_map`, from row number `first` on."""
        key = (request_id, layer, head)
        if key in self._spilled and self.source is not None:
            return self.source.attention_rows(*key, first, most, patience)
        return self._attention.get(key, [])[first : first + most]

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        """The row of `attention_map` that was recorded last for a position; None where that position has none."""
        key = (request_id, layer, head)
        if key in self._spilled and self.source is not None:
            return self.source.attention_row(*key, position, patience)
        return next((row for row in reversed(self._attention.get(key, [])) if row[1] == position), None)

    def attention_in_memory(self, request_id: int, layer: int, head: int) -> bool:
        """Whether `attention_map` returns without reading the file. It then returns the one growing list of the map."""
        return self.source is None or (request_id, layer, head) not in self._spilled

    def alternatives(
        self, token_id: int, patience: Patience | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """(token ids [n], logprobs [n] in nats) of the alternatives of the token with this row id, best first."""
        blob = self._alternatives.get(token_id)
        if blob is None:
            blob = self.source.alternatives(token_id, patience) if self.source is not None else b""
        half = len(blob) // 2
        return np.frombuffer(blob[:half], np.int32), np.frombuffer(blob[half:], np.float32)

    def alternatives_in_memory(self, token_id: int) -> bool:
        """Whether `alternatives` returns without reading the file."""
        return self.source is None or token_id in self._alternatives
