"""A session whose server tells no steps: its figures are from requests and tokens alone, and all else is not told."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.main import main
from engine.export.chrome import events as trace_events
from engine.export.span import Span
from engine.figures.json_figures import json_figures
from engine.figures.metrics import run_wall_s, summarise, tokens_per_s
from engine.figures.streams import StreamSeries
from engine.figures.token_facts import chunk_of, token_facts
from engine.session import schema
from engine.session.store import Session
from tests.engine.figures.chunks import CHUNKS, TOKENS, chunked, events, many
from tests.engine.figures.served import MS, write

GAPS_MS = {0: (10, 12, 8), 1: (10, 30)}
"""Between the chunks of each request."""


def printed(*words: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(list(words))
    return status, out.getvalue(), err.getvalue()


def test_the_rate_is_tokens_over_the_time_from_the_first_arrival_to_the_last_emission() -> None:
    session = chunked()
    assert run_wall_s(session) == pytest.approx(83e-3)  # from 2 ms to 85 ms
    assert tokens_per_s(session) == pytest.approx(TOKENS / 83e-3)
    session.apply([schema.Mark(60 * MS, "pause", ""), schema.Mark(61 * MS, "resume", "")])
    assert run_wall_s(session) == pytest.approx(82e-3)


def test_a_session_before_its_first_token_has_no_rate() -> None:
    session = Session()
    session.apply([one for one in events() if not isinstance(one, schema.Token | schema.RequestFinished)])
    assert (run_wall_s(session), tokens_per_s(session)) == (0.0, None)
    assert json_figures(session)["streams"]["ttft"]["p50_s"] is None


def test_latencies_of_requests_by_their_definitions() -> None:
    one, other, third = summarise(chunked()).requests
    assert (one.ttft_s, one.latency_s, one.tpot_s) == pytest.approx((38e-3, 68e-3, 30e-3 / 6))
    assert (other.ttft_s, other.latency_s, other.tpot_s) == pytest.approx((35e-3, 75e-3, 20e-3))
    assert (third.ttft_s, third.latency_s, third.tpot_s, third.waited_s) == (None, None, None, None)


def test_streams_by_hand() -> None:
    series = StreamSeries(chunked())
    assert series.update()
    figures = series.figures()
    assert (figures.requests, figures.tokens, figures.chunks) == (3, TOKENS, len(CHUNKS))
    assert figures.ttft.mean_s == pytest.approx(36.5e-3)
    assert figures.latency.p50_s == pytest.approx(71.5e-3)
    assert figures.tpot.mean_s == pytest.approx(12.5e-3)
    gaps = [ms / 1e3 for one in GAPS_MS.values() for ms in one]
    assert figures.itl.mean_s == pytest.approx(np.mean(gaps))
    assert figures.itl.p90_s == pytest.approx(np.percentile(gaps, 90))
    assert series.gaps_us.tolist() == [10_000, 10_000, 12_000, 8_000, 30_000]  # in the order in which they ended


def test_a_gap_names_the_first_token_of_the_chunk_that_ends_it() -> None:
    series = StreamSeries(chunked())
    series.update()
    texts = series.session.tokens["text"]
    assert [texts[row] for row in series.rows_within((11_000, 13_000))] == [" and the cats"]
    assert [texts[row] for row in series.rows_within((10_000, 10_000))] == [",", " was"]
    assert not len(series.rows_within((31_000, np.inf)))


@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_streams_are_the_same_in_whatever_batches_tokens_come(batch: int) -> None:
    whole = StreamSeries(chunked())
    whole.update()
    all_events = events()
    tokens = [one for one in all_events if isinstance(one, schema.Token)]
    session = Session()
    session.apply([one for one in all_events if not isinstance(one, schema.Token)])
    series = StreamSeries(session)
    assert not series.update()
    for first in range(0, len(tokens), batch):
        session.apply(tokens[first : first + batch])
        assert series.update()
    assert series.figures() == whole.figures()
    assert series.rows_within((0, np.inf)).tolist() == whole.rows_within((0, np.inf)).tolist()


def test_all_about_steps_is_none_and_never_zero() -> None:
    told = json_figures(chunked())

    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [one for part in value.values() for one in numbers(part)]
        if isinstance(value, list):
            return [one for part in value for one in numbers(part)]
        return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []

    of_steps = ("positions", "kv", "phases_s", "groups_s", "speculation", "slots", "totals", "kv_end", "memory",
                "attention_kernels", "launches", "batch", "range", "acceptance_by_request")  # fmt: skip
    assert all(not numbers(told[name]) for name in of_steps)
    assert told["steps"] is None
    assert numbers(told["timeline"]) == [TOKENS]
    latency = told["latency"]
    assert numbers({name: one for name, one in latency.items() if name != "between_tokens"}) == [TOKENS]
    assert latency["between_tokens"] == {name: told["streams"]["itl"][name] for name in latency["between_tokens"]}
    assert told["streams"]["chunks"] == len(CHUNKS)


def test_the_chunk_of_a_token() -> None:
    session = chunked()
    row = int(np.flatnonzero(session.tokens["text"] == " and the cats")[0])
    for one in (row, row + 1, row + 2):
        assert chunk_of(session, one).rows == (row, row + 1, row + 2)
        assert chunk_of(session, one).gap_s == pytest.approx(12e-3)
    assert chunk_of(session, 0).gap_s is None


def test_facts_of_a_token_without_a_step() -> None:
    facts = token_facts(chunked(ids=False), 3, {})
    assert (facts.step, facts.step_s, facts.token_id, facts.received_s) == (None, None, None, None)
    assert facts.phases_s == ()
    assert set(facts.positions.values()) == {None}
    assert facts.chunk is not None
    assert facts.position == 5  # the third of request 0, after a prompt of three


def test_many_chunks_are_read_at_once() -> None:
    series = StreamSeries(many())
    series.update()
    assert series.figures().chunks == 4000
    assert series.figures().itl.p50_s == pytest.approx(1.037e-3)


def test_a_range_of_steps_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = write(events(), tmp_path / "run.dscope")
    status, out, err = printed("info", str(path), "--steps", "0:3")
    assert (status, out) == (2, "")
    assert err.strip() == (
        "decodescope: --steps: this session has no steps to choose from, because its server does not tell them."
    )


def test_the_text_table_says_what_is_not_told(tmp_path: Path) -> None:
    path = write(events(), tmp_path / "run.dscope")
    status, out, _ = printed("info", str(path))
    lines = [" ".join(line.replace("\u2009", " ").split()) for line in out.splitlines()]
    assert status == 0
    assert "steps not told by this server" in lines
    assert f"rate {TOKENS / 83e-3:.0f} tokens/s" in lines
    assert "wall time 83.0 ms" in lines


def test_the_trace_holds_each_chunk_as_a_moment_of_its_request() -> None:
    found = [one for one in trace_events(Span(chunked())) if one["ph"] == "n"]
    assert [(one["id"], one["ts"]) for one in found] == sorted(
        (request, t_ms * 1e3) for request, t_ms, _ in CHUNKS
    )  # by request
    assert [one["args"]["tokens in one chunk"] for one in found if one["id"] == 0] == [2, 1, 3, 1]
    assert json.dumps(found)


@pytest.mark.parametrize("ids", [True, False])
def test_every_export_and_comparison_takes_it(tmp_path: Path, ids: bool) -> None:
    path = str(write(events(ids=ids), tmp_path / "run.dscope"))
    for form, name in (("chrome", "t.json"), ("perfetto", "t.pftrace"), ("csv", "tables")):
        status, _, err = printed("export", path, "--to", form, "-o", str(tmp_path / name))
        assert (status, err) == (0, "")
    status, out, _ = printed("compare", path, path)
    assert status == 0
    assert "steps" in out
