"""The fixed tensors that captured steps read and write, and the host buffers of their inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from engine.graphs.device import GraphDevice
from engine.graphs.sampling import COLUMNS
from engine.sampling.sampler import ALTERNATIVES

OUT: Final = 3 + 2 * ALTERNATIVES
"""Columns of a drawn row: see `engine.sampling.sampler.describe`."""
TURNS: Final = 2
"""Host buffers alternate, because one step's inputs may still be copied while those of the next are written."""


@dataclass(frozen=True, slots=True)
class RowInput:
    """The input of one row of a step: its tokens (`source` -1), or the row `source` that drew its token just before.

    `first` is the index of its first position, `count` the number of its positions that are not padding, `table` its
    block table.
    """

    tokens: Sequence[int]
    source: int
    first: int
    count: int
    table: Sequence[int]


class Buffers:
    """Inputs and outputs for up to `rows` rows of up to `width` positions, on the device, all allocated at once.

    `tokens` int64 [rows · width] (a smaller step uses the first part), `sources`, `firsts`, `counts`
    int64 [rows], `tables` int32 [rows, blocks], `columns` float64 [COLUMNS, rows], `drawn` int64 [rows]: the tokens of
    the last step, `out` float64 [rows · width, OUT].
    """

    def __init__(
        self, rows: int, width: int, blocks: int, null_block: int, device: torch.device, graphs: GraphDevice
    ) -> None:
        self._rows = rows
        self._null = null_block
        ints = rows * width + 3 * rows
        self._ints = torch.zeros(ints, dtype=torch.int64, device=device)
        self.tables = torch.full((rows, blocks), null_block, dtype=torch.int32, device=device)
        self.columns = torch.zeros(COLUMNS, rows, dtype=torch.float64, device=device)
        self.drawn = torch.zeros(rows, dtype=torch.int64, device=device)
        self.out = torch.zeros(rows * width, OUT, dtype=torch.float64, device=device)
        self.sources, self.firsts, self.counts = self._ints[: 3 * rows].view(3, rows).unbind(0)
        self.tokens = self._ints[3 * rows :]
        self._host_ints = [graphs.host_buffer(ints, dtype=torch.int64) for _ in range(TURNS)]
        self._host_tables = [graphs.host_buffer(rows, blocks, dtype=torch.int32) for _ in range(TURNS)]
        self._host_columns = [graphs.host_buffer(COLUMNS, rows, dtype=torch.float64) for _ in range(TURNS)]
        self._host_out = [graphs.host_buffer(rows * width, OUT, dtype=torch.float64) for _ in range(TURNS)]
        self._known_tables: list[list[int]] = [[] for _ in range(rows)]
        self._table_rows = np.full((rows, blocks), null_block, np.int32)
        self._turn = 0

    def clear(self) -> None:
        """Make every row padding, so that a step writes to the null block only."""
        self._ints.zero_()
        self.sources.fill_(-1)
        self.tables.fill_(self._null)
        self.columns.fill_(1.0)
        self._table_rows[:] = self._null
        self._known_tables = [[] for _ in self._known_tables]

    def load(self, inputs: Sequence[RowInput], width: int, columns: Sequence[Sequence[float]] | None) -> None:
        """Copy a step's inputs to the device, padding included, without waiting for the copies."""
        self._turn = (self._turn + 1) % TURNS
        rows, count = self._rows, len(inputs)
        ints = self._host_ints[self._turn].numpy()
        ints[:count] = [one.source for one in inputs]
        ints[rows : rows + count] = [one.first for one in inputs]
        ints[2 * rows : 2 * rows + count] = [one.count for one in inputs]
        tokens = [token for one in inputs for token in (*one.tokens, *(0,) * (width - len(one.tokens)))]
        ints[3 * rows : 3 * rows + len(tokens)] = tokens
        self._ints.copy_(self._host_ints[self._turn], non_blocking=True)
        if self._note_tables(inputs):
            self._host_tables[self._turn].numpy()[:] = self._table_rows
            self.tables.copy_(self._host_tables[self._turn], non_blocking=True)
        if columns is not None:
            self._host_columns[self._turn].numpy()[:, : len(columns[0])] = columns
            self.columns.copy_(self._host_columns[self._turn], non_blocking=True)

    def fetch(self) -> Tensor:
        """Copy `out` to the host without waiting: float64 [rows · width, OUT], valid once the copy is done."""
        host = self._host_out[self._turn]
        host.copy_(self.out, non_blocking=True)
        return host

    def _note_tables(self, inputs: Sequence[RowInput]) -> bool:
        changed = False
        for row, one in enumerate(inputs):
            if self._known_tables[row] == one.table:
                continue
            changed = True
            self._known_tables[row] = list(one.table)
            self._table_rows[row, : len(one.table)] = one.table
            self._table_rows[row, len(one.table) :] = self._null
        return changed
