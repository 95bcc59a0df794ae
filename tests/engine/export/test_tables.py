"""CSV tables, read back by the csv module."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from engine.export.tables import write_tables
from engine.session.schema import PHASES
from tests.engine.session.synthetic import synthetic_session


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_table_is_a_file_and_the_blobs_are_spelled_out(tmp_path: Path) -> None:
    session = synthetic_session(20, layers=3, requests=2)
    write_tables(session, tmp_path / "out")
    assert {p.stem for p in (tmp_path / "out").iterdir()} == {
        "meta", "configs", "requests", "steps", "step_layers", "tokens", "work", "speculation", "kv_blocks",
        "attention", "device_samples", "metric_samples", "marks", "token_texts", "trace_names", "kernels", "ranges",
        "precision_positions", "precision_layers", "precision_timings",
    }  # fmt: skip
    steps = read(tmp_path / "out" / "steps.csv")
    assert len(steps) == 20
    wall_us = (int(steps[4]["end_ns"]) - int(steps[4]["start_ns"])) / 1e3
    assert sum(float(steps[4][f"{p}_us"]) for p in PHASES) == pytest.approx(wall_us, abs=0.02)
    layers = read(tmp_path / "out" / "step_layers.csv")
    assert len(layers) == 60
    assert sum(int(r["kv_used_bytes"]) for r in layers if r["step_id"] == "7") == session.steps["kv_used_bytes"][7]
    tokens = read(tmp_path / "out" / "tokens.csv")
    assert [t["text"] for t in tokens] == session.tokens["text"].tolist()
    ids, logprobs = session.details.alternatives(11)
    pairs = [pair.split(":") for pair in tokens[11]["alternatives"].split()]
    assert [int(token) for token, _ in pairs] == ids.tolist()
    assert [float(logprob) for _, logprob in pairs] == pytest.approx(logprobs.tolist(), rel=1e-4)
    texts = {int(row["token_id"]): row["text"] for row in read(tmp_path / "out" / "token_texts.csv")}
    assert texts == session.token_texts
    request = read(tmp_path / "out" / "requests.csv")[1]
    assert json.loads(request["params"]) == {"max_new_tokens": 20}
    assert [int(token) for token in request["prompt_token_ids"].split()] == session.requests[1].prompt_token_ids
    assert json.loads(request["prompt_token_texts"]) == session.requests[1].prompt_token_texts
    assert json.loads(read(tmp_path / "out" / "configs.csv")[0]["switches"]) == session.configs[0].switches
    attention = read(tmp_path / "out" / "attention.csv")
    assert sum(float(p) for p in attention[3]["probs"].split()) == pytest.approx(1, abs=0.01)
