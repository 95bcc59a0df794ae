"""`record`, `info`, `compare` and `export` on the bundled model: the figures, the files, the interruptions."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import SessionFileError
from engine.figures.metrics import summarise
from engine.session.file import SessionFile, open_session
from tests.app.cli.conftest import ROOT, Run

KEYS = {
    "requests", "steps", "tokens", "wall_s", "tokens_per_s", "positions", "kv", "phases_s", "groups_s", "itl_s",
    "speculation", "mbu", "mfu", "settings", "model", "device", "dropped",
}  # fmt: skip


def record_json(run: Run, *arguments: str) -> dict[str, Any]:
    done = run("record", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def test_without_a_compiler_a_run_says_so_once_and_goes_on(
    decodescope: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    environment["PATH"] = str(tmp_path)
    environment.pop("CC", None)
    sentence = "There is no C compiler (cc, gcc or clang) on this machine."
    done = decodescope("record", "--json", "--max-new-tokens", "4")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(sentence) == 1
    assert json.loads(done.stdout)["tokens"] == 4
    refused = decodescope("record", "--json", "--attention", "native")
    assert refused.returncode != 0
    assert f"attention=native cannot run here: {sentence}" in refused.stderr


def test_the_textbook_arithmetic_with_and_without_a_cache(decodescope: Run, tmp_path: Path) -> None:
    common = ("--prompt", "", "--max-new-tokens", "64", "--ignore-eos")
    none = record_json(decodescope, *common, "--kv", "none")
    cached = record_json(decodescope, *common, "--kv", "contiguous", "-o", "run.dscope")
    assert set(none) >= KEYS
    wanted = {"computed": 64 * 65 // 2, "new": 64, "recomputed": 2016, "padding": 0, "rejected": 0, "reused": 0}
    assert none["positions"] == wanted
    assert cached["positions"] == {**wanted, "computed": 64, "recomputed": 0, "reused": 2016}
    assert none["requests"][0]["token_ids"] == cached["requests"][0]["token_ids"]
    assert len(none["requests"][0]["token_ids"]) == none["tokens"] == none["steps"] == 64
    assert cached["kv"]["used_peak_bytes"] == cached["kv"]["predicted_bytes"] == 2 * 8 * 64 * 4 * 32 * 4

    assert json.loads(decodescope("info", "run.dscope", "--json").stdout) == cached
    session = open_session(tmp_path / "run.dscope")
    walls = ((session.steps["end_ns"] - session.steps["start_ns"]) / 1e9).sum()
    assert isinstance(session.source, SessionFile)
    session.source.close()
    assert sum(cached["phases_s"].values()) == pytest.approx(walls, rel=1e-9)
    assert sum(cached["groups_s"].values()) == pytest.approx(walls, rel=1e-9)
    db = sqlite3.connect(tmp_path / "run.dscope")
    assert db.execute("SELECT sum(positions_reused), count(*) FROM steps").fetchone() == (2016, 64)
    db.close()


def test_switches_that_flip_on_the_way_change_no_token(prepared: Run) -> None:
    plain = record_json(prepared, "--max-new-tokens", "40")
    flips = ("--switch-at", "5:kv=none", "--switch-at", "11:attention=reference", "--switch-at", "20:kv=contiguous")
    flipped = record_json(prepared, "--max-new-tokens", "40", *flips)
    assert flipped["requests"][0]["token_ids"] == plain["requests"][0]["token_ids"]
    assert [change["step"] for change in flipped["settings"]["changes"]] == [5, 11, 20]
    assert set(flipped["attention_kernels"]) > {"reference"}


def test_several_prompts_the_table_and_the_file(decodescope: Run, tmp_path: Path) -> None:
    done = decodescope("record", "--prompt", "A king", "--prompt", "A queen", "--max-new-tokens", "8")
    assert done.returncode == 0, done.stderr
    assert "tokens/s" in done.stdout
    [file] = tmp_path.glob("decodescope-*.dscope")
    assert f"Recorded to {file.name}" in done.stdout
    session = open_session(file)
    assert [len(r.token_rows) for r in session.requests.values()] == [8, 8]
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_requests_from_a_file_and_attention_of_one_head(prepared: Run, tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"prompt": "A wolf", "max_new_tokens": 5}\n\n{"prompt": "A fox"}\n')
    options = ("--max-new-tokens", "3", "--attention-layer", "2", "--attention-head", "1", "-o", "a.dscope")
    result = record_json(prepared, "--requests", "r.jsonl", *options)
    assert [len(r["token_ids"]) for r in result["requests"]] == [5, 3]
    session = open_session(tmp_path / "a.dscope")
    assert session.details.attention_maps() == [(0, 2, 1), (1, 2, 1)]
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_a_context_that_is_too_small_is_said_before_the_run_and_named_as_its_end(prepared: Run) -> None:
    prompt = "the cat " * 480
    options = ("--prompt", prompt, "--prompt", "A king", "--max-new-tokens", "200", "--ignore-eos", "--detail", "off")
    result = prepared("record", *options, "--batching", "continuous", "--json")
    figures = json.loads(result.stdout)
    full, whole = figures["requests"]
    most = 1024 - full["prompt_tokens"]
    said = f"request 0: the context holds 1024 tokens: at most {most} of 200 new ones after its prompt."
    assert said in result.stderr
    assert "request 1" not in result.stderr
    assert (len(full["token_ids"]), full["finish_reason"]) == (most, "context")
    assert (len(whole["token_ids"]), whole["finish_reason"]) == (200, "length")


def test_a_paced_run_names_its_pace_and_none_of_its_rests_is_in_a_figure(prepared: Run) -> None:
    result = prepared("record", "--max-new-tokens", "4", "--ignore-eos", "--pace", "20", "--json")
    figures = json.loads(result.stdout)
    assert figures["paces"] == [20.0]
    assert figures["timeline"]["idle_s"] == 0.0
    assert figures["timeline"]["paused_s"] > 0.0


def test_each_request_of_a_file_has_its_own_sampling_seed_and_stop(prepared: Run, tmp_path: Path) -> None:
    lines = [
        '{"prompt": "A king", "temperature": 0}',
        '{"prompt": "A king", "temperature": 1, "seed": 4}',
        '{"prompt": "A king", "temperature": 1, "seed": 5}',
        '{"prompt": "A king", "temperature": 0, "stop": "e"}',
    ]
    (tmp_path / "r.jsonl").write_text("\n".join(lines))
    options = ("--requests", "r.jsonl", "--max-new-tokens", "12", "--ignore-eos")
    one = record_json(prepared, *options, "-o", "a.dscope")
    tokens = [request["token_ids"] for request in one["requests"]]
    batched = record_json(prepared, *options, "--batching", "continuous", "--kv", "paged", "--speculate", "draft")
    assert tokens[0] != tokens[1] != tokens[2]
    assert [batched["requests"][i]["token_ids"] for i in (0, 3)] == [tokens[0], tokens[3]]
    assert one["requests"][3]["finish_reason"] == "stop"
    assert tokens[3] == tokens[0][: len(tokens[3])]
    stopped = record_json(prepared, "--prompt", "A king", "--max-new-tokens", "12", "--ignore-eos", "--stop", "e")
    assert stopped["requests"][0]["token_ids"] == tokens[3]
    db = sqlite3.connect(tmp_path / "a.dscope")
    params = [json.loads(one) for (one,) in db.execute("SELECT params FROM requests ORDER BY id")]
    db.close()
    assert [one["sampling"]["seed"] for one in params] == [0, 4, 5, 0]
    assert params[3]["stop"] == ["e"]


def test_exports_and_comparison(prepared: Run, tmp_path: Path) -> None:
    record_json(prepared, "--max-new-tokens", "6", "-o", "a.dscope")
    record_json(prepared, "--max-new-tokens", "6", "--kv", "none", "-o", "b.dscope")
    assert prepared("export", "a.dscope", "--to", "chrome", "-o", "t.json.gz").returncode == 0
    assert prepared("export", "a.dscope", "--to", "csv", "-o", "tables").returncode == 0
    assert (tmp_path / "tables" / "steps.csv").exists()
    compared = json.loads(prepared("compare", "a.dscope", "b.dscope", "--json").stdout)
    assert compared["same_tokens"] is True
    assert compared["settings"] == {"kv": ["contiguous", "none"]}
    assert compared["figures"]["positions recomputed"]["a"] == 0
    assert "the same" in prepared("compare", "a.dscope", "b.dscope").stdout


def test_a_run_that_is_refused_replaces_no_older_recording(prepared: Run, tmp_path: Path) -> None:
    record_json(prepared, "--max-new-tokens", "2", "-o", "run.dscope")
    before = (tmp_path / "run.dscope").read_bytes()
    done = prepared("record", "-o", "run.dscope", "--attention-layer", "99")
    assert done.returncode == 2
    assert (tmp_path / "run.dscope").read_bytes() == before


def test_lines_of_requests_end_where_jsonl_says(prepared: Run, tmp_path: Path) -> None:
    text = '{"prompt": "one\u2028two", "max_new_tokens": 1}\r\n{"prompt": "three", "max_new_tokens": 1}'
    (tmp_path / "r.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    result = record_json(prepared, "--requests", "r.jsonl", "-o", "run.dscope")
    assert result["tokens"] == 2
    db = sqlite3.connect(tmp_path / "run.dscope")
    assert [prompt for (prompt,) in db.execute("SELECT prompt FROM requests")] == ["one\u2028two", "three"]
    db.close()


def test_a_terminal_that_cannot_show_a_character_shows_its_escape(
    decodescope: Run, environment: dict[str, str]
) -> None:
    record_json(decodescope, "--max-new-tokens", "1", "--prompt", "猫", "-o", "run.dscope")
    environment["PYTHONIOENCODING"] = "ascii"
    assert "tokens/s" in decodescope("info", "run.dscope").stdout
    assert json.loads(decodescope("info", "run.dscope", "--json").stdout)["requests"][0]["id"] == 0


def start(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "app.main", "record", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def wait_for_steps(process: subprocess.Popen[str], path: Path, wanted: int) -> None:
    """Return once the file holds so many steps."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        try:
            with closing(SessionFile(path)) as file:
                count = file.query("SELECT count(*) FROM steps")[0][0]
        except SessionFileError:  # the file, or its tables, are not there yet
            os.sched_yield()
            continue
        if count >= wanted:
            return
    raise AssertionError("the recording did not begin")


def test_ctrl_c_keeps_the_session_and_exits_130(environment: dict[str, str], tmp_path: Path) -> None:
    process = start(environment, tmp_path, "--max-new-tokens", "900", "--ignore-eos", "-o", "run.dscope")
    wait_for_steps(process, tmp_path / "run.dscope", 5)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "the session until then is in run.dscope" in said
    assert "Traceback" not in said
    session = open_session(tmp_path / "run.dscope")
    assert summarise(session).requests[0].finish_reason == "cancelled"
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_kill_9_of_record_leaves_a_session_and_no_engine(environment: dict[str, str], tmp_path: Path) -> None:
    import psutil

    process = start(environment, tmp_path, "--max-new-tokens", "900", "--ignore-eos", "-o", "run.dscope")
    wait_for_steps(process, tmp_path / "run.dscope", 20)
    engines = psutil.Process(process.pid).children(recursive=True)
    assert engines
    killed_ns = time.time_ns()
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(engines, timeout=10)
    assert not alive
    session = open_session(tmp_path / "run.dscope")
    last_ns = int(session.meta["epoch_ns"]) + int(session.steps["end_ns"][-1])
    assert len(session.steps) >= 20
    starved_ns = int(np.diff(session.steps["end_ns"]).max())  # a busy machine holds up the steps as it does the writer
    assert killed_ns - last_ns < 200e6 + starved_ns
    assert isinstance(session.source, SessionFile)
    session.source.close()


def test_kill_9_of_the_engine_is_told_and_keeps_the_session(environment: dict[str, str], tmp_path: Path) -> None:
    import psutil

    process = start(environment, tmp_path, "--max-new-tokens", "900", "--ignore-eos", "-o", "run.dscope")
    wait_for_steps(process, tmp_path / "run.dscope", 5)
    [engine] = psutil.Process(process.pid).children()
    engine.kill()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "The engine process was killed (signal 9)" in said
    assert "Traceback" not in said
    session = open_session(tmp_path / "run.dscope")
    assert len(session.steps) >= 5
    assert session.marks[-1].kind == "fault"
    assert isinstance(session.source, SessionFile)
    session.source.close()
