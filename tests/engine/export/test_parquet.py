"""Parquet tables, read back by pyarrow: the same rows as CSV, with types."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from engine.errors import InputError, SessionFileError
from engine.export import parquet
from engine.export.content import contents
from engine.export.parquet import write_parquet
from engine.export.span import Span
from engine.export.tables import write_tables
from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.engine.figures.served import probed, session_of
from tests.engine.session.hostile import hostile_events
from tests.engine.session.synthetic import synthetic_session


def read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def test_every_table_is_a_file_with_types(tmp_path: Path) -> None:
    session = synthetic_session(20, layers=3, requests=2)
    write_parquet(session, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        f"{one.name}.parquet" for one in contents(Span(session))
    }
    steps = pq.read_table(tmp_path / "out" / "steps.parquet")
    assert steps["start_ns"].to_pylist() == session.steps["start_ns"].tolist()
    assert steps["kind"].to_pylist()[3] == "decode"
    assert str(steps.schema.field("attention_us").type) == "double"
    row = read(tmp_path / "out" / "steps.parquet")[4]
    assert sum(row[f"{p}_us"] for p in PHASES) == pytest.approx((row["end_ns"] - row["start_ns"]) / 1e3, abs=0.02)
    token = read(tmp_path / "out" / "tokens.parquet")[11]
    ids, logprobs = session.details.alternatives(11)
    assert [one["token_id"] for one in token["alternatives"]] == ids.tolist()
    assert [one["logprob"] for one in token["alternatives"]] == logprobs.tolist()
    assert token["text"] == session.tokens["text"][11]
    request = read(tmp_path / "out" / "requests.parquet")[1]
    assert request["prompt_token_ids"] == session.requests[1].prompt_token_ids
    assert request["prompt_token_texts"] == session.requests[1].prompt_token_texts
    assert json.loads(request["params"]) == {"max_new_tokens": 20}
    attention = read(tmp_path / "out" / "attention.parquet")[3]
    assert sum(attention["probs"]) == pytest.approx(1, abs=0.01)
    assert len(attention["probs"]) == attention["position"] + 1


def test_a_range_holds_its_rows(tmp_path: Path) -> None:
    session = synthetic_session(20, layers=3, requests=2)
    write_parquet(session, tmp_path / "out", (5, 9))
    assert [row["id"] for row in read(tmp_path / "out" / "steps.parquet")] == [5, 6, 7, 8, 9]
    assert len(read(tmp_path / "out" / "tokens.parquet")) == 10
    assert len(read(tmp_path / "out" / "step_layers.parquet")) == 15


def test_long_tables_are_written_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", 7)
    write_parquet(synthetic_session(20), tmp_path / "out")
    file = pq.ParquetFile(tmp_path / "out" / "steps.parquet")
    assert (file.num_row_groups, file.metadata.num_rows) == (3, 20)


def test_what_is_not_known_is_null_and_texts_are_utf8(tmp_path: Path) -> None:
    session = Session()
    for batch in hostile_events(lambda place: f"{place} \ud83d \x00", steps=3):
        session.apply(batch)
    last = len(session.tokens)
    session.apply([schema.Token(last, 0, 2, 9, 9, "a", float("nan"), float("inf"), "target", 10, b"")])
    write_parquet(session, tmp_path / "out")
    token = read(tmp_path / "out" / "tokens.parquet")[-1]
    assert (token["logprob"], token["entropy"]) == (None, None)
    assert "model \ufffd \x00" in [row["value"] for row in read(tmp_path / "out" / "meta.parquet")]


def test_phases_that_a_server_did_not_tell_are_null(tmp_path: Path) -> None:
    write_parquet(session_of(probed()), tmp_path / "out")
    assert read(tmp_path / "out" / "steps.parquet") == []
    assert read(tmp_path / "out" / "requests.parquet")


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SessionFileError, match="cannot be written"):
        write_parquet(synthetic_session(3), tmp_path / "file")
    assert (tmp_path / "file").read_text() == "x"


def test_without_the_library_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install 'decodescope\[parquet\]'"):
        write_parquet(synthetic_session(3), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_csv_and_parquet_hold_the_same_numbers(tmp_path: Path) -> None:
    session = synthetic_session(12, layers=2)
    write_tables(session, tmp_path / "csv")
    write_parquet(session, tmp_path / "parquet")
    header = (tmp_path / "csv" / "steps.csv").read_text("utf-8").splitlines()[0].split(",")
    written = np.genfromtxt(tmp_path / "csv" / "steps.csv", delimiter=",", names=True, usecols=("start_ns", "norm_us"))
    table = pq.read_table(tmp_path / "parquet" / "steps.parquet")
    assert table.column_names == header
    assert written["norm_us"].tolist() == pytest.approx(table["norm_us"].to_pylist(), abs=1e-3)
