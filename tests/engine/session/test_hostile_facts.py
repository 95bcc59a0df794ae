"""Facts of a session are JSON of anybody: finite, not deep, and texts that can be written somewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.models.parallel import taught_run
from engine.errors import SessionFileError
from engine.figures.json_figures import json_figures
from engine.session.file import SessionFile, open_session
from engine.session.store import Session
from tests.engine.session.editing import edited, written
from tests.engine.session.synthetic import synthetic_events


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole") / "run.dscope", synthetic_events(20, layers=2))


def closed(session: Session) -> Session:
    assert isinstance(session.source, SessionFile)
    session.source.close()
    return session


DEEP = {"lists": "[" * 100_000, "whole lists": "[" * 900 + "]" * 900, "objects": '{"a":' * 100 + "1" + "}" * 100}
PLACES = {
    "switches": "UPDATE configs SET json = ?",
    "parameters": "UPDATE requests SET params = ?",
    "texts": "UPDATE requests SET prompt_token_texts = ?",
    "dropped": "INSERT OR REPLACE INTO meta VALUES ('dropped', ?)",
    "model": "UPDATE meta SET value = ? WHERE key = 'model_config'",
    "ceilings": "UPDATE meta SET value = ? WHERE key = 'ceilings'",
    "versions": "UPDATE meta SET value = ? WHERE key = 'versions'",
}


@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_nested_too_deeply_is_refused(whole: Path, tmp_path: Path, place: str, deep: str) -> None:
    with pytest.raises(SessionFileError, match=r"nested too deeply|cannot be read") as caught:
        open_session(edited(whole, tmp_path, (PLACES[place], DEEP[deep])))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 25, "9" * 5000])
@pytest.mark.parametrize("place", PLACES)
def test_numbers_that_are_none_are_refused(whole: Path, tmp_path: Path, place: str, number: str) -> None:
    with pytest.raises(SessionFileError, match=r"is no number|is too large"):
        open_session(edited(whole, tmp_path, (PLACES[place], f'{{"anything": {number}}}')))


@pytest.mark.parametrize("value", ["{}", "-1", "1.5", "٣", "9" * 30, "x"])
@pytest.mark.parametrize("key", ["device_memory_bytes", "epoch_ns"])
def test_a_fact_that_is_a_number_is_one(whole: Path, tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(SessionFileError, match=f"the fact {key} is no number"):
        open_session(edited(whole, tmp_path, ("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "0", "-1", "true", '"fast"', "[]", "1e31"])
def test_a_ceiling_is_a_number(whole: Path, tmp_path: Path, number: str) -> None:
    facts = f'{{"read_bytes_per_s": {number}, "flops_per_s": 1.0}}'
    with pytest.raises(SessionFileError, match=r"is no number|is too large"):
        open_session(edited(whole, tmp_path, (PLACES["ceilings"], facts)))


@pytest.mark.parametrize("value", ["9e999", "-9e999", str(2**70)])
def test_a_reading_of_a_device_is_a_number(whole: Path, tmp_path: Path, value: str) -> None:
    with pytest.raises(SessionFileError, match="a reading of a device is no number"):
        open_session(edited(whole, tmp_path, f"UPDATE device_samples SET value = {value}"))


@pytest.mark.parametrize("value", ["x'0000c07f'", "x'0000807f'", "x'ffff7f7f'"], ids=["NaN", "infinity", "largest"])
def test_times_by_phase_are_times(whole: Path, tmp_path: Path, value: str) -> None:
    other = f"CAST({value} || zeroblob(60) || {value} || zeroblob(60) || zeroblob(64) AS BLOB)"
    with pytest.raises(SessionFileError, match=r"steps.phases holds what is no time"):
        open_session(edited(whole, tmp_path, f"UPDATE steps SET phases = {other} WHERE id = 3"))


def test_times_by_phase_that_have_no_sum_are_no_times(whole: Path, tmp_path: Path) -> None:
    other = "CAST(x'0000807f' || zeroblob(60) || x'000080ff' || zeroblob(60) || zeroblob(64) AS BLOB)"
    with pytest.raises(SessionFileError, match=r"steps.phases holds what is no time"):
        open_session(edited(whole, tmp_path, f"UPDATE steps SET phases = {other} WHERE id = 3"))


def test_half_a_pair_of_utf_16_is_replaced(whole: Path, tmp_path: Path) -> None:
    """JSON can say one, and nothing can be written that holds it."""
    path = edited(whole, tmp_path, (PLACES["texts"], json.dumps(["\ud800", "a\udfff", "b", "c"])))
    session = open_session(path)
    assert session.requests[0].prompt_token_texts == ["\ufffd", "a\ufffd", "b", "c"]
    assert json.dumps(json_figures(session), ensure_ascii=False).encode()
    closed(session)


def test_half_a_pair_of_utf_16_in_a_fact_is_replaced(whole: Path, tmp_path: Path) -> None:
    session = closed(open_session(edited(whole, tmp_path, (PLACES["model"], json.dumps({"architecture": "\ud800"})))))
    assert session.model_config == {"architecture": "\ufffd"}


@pytest.mark.parametrize(
    "params",
    [
        {"max_new_tokens": "many"}, {"max_new_tokens": 2**40}, {"sampling": {"temperature": "hot"}}, {"stop": 7},
        {"messages": [1]}, {"messages": "user"}, {"arrival_s": "now"}, {"sampling": [1]},
    ],
)  # fmt: skip
def test_parameters_of_a_request_are_what_they_should_be(whole: Path, tmp_path: Path, params: dict[str, Any]) -> None:
    with pytest.raises(SessionFileError, match=r"of request 0|request 0 may emit"):
        open_session(edited(whole, tmp_path, (PLACES["parameters"], json.dumps(params))))


@pytest.mark.parametrize("params", [{"max_new_tokens": 0}, {"sampling": {"top_p": 7}}, {"arrival_s": -1.0}])
def test_a_run_once_more_does_without_parameters_that_no_run_has(
    whole: Path, tmp_path: Path, params: dict[str, Any]
) -> None:
    session = closed(open_session(edited(whole, tmp_path, (PLACES["parameters"], json.dumps(params)))))
    (spec,) = taught_run(session).requests
    assert spec.prompt == session.requests[0].prompt


def test_a_sentence_quotes_no_more_than_a_line_of_a_file(whole: Path, tmp_path: Path) -> None:
    path = edited(whole, tmp_path, ("UPDATE steps SET kind = ? WHERE id = 3", "x\n\x1b[31m" * 50_000))
    with pytest.raises(SessionFileError) as caught:
        open_session(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300 + len(str(path))
