"""`decodescope compare-models` on the bundled model: figures, files, wrong input, interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from engine.figures.precision import precision_json
from engine.session.file import open_session
from tests.app.cli.conftest import ROOT, Run

TEXT = "One morning the cat walked to the old mill. The wind was cold, and nobody was there. " * 3


def test_json_table_and_file_tell_the_same(prepared: Run, tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(TEXT)
    short = ("--text", "tale.txt", "--most-tokens", "40", "--layer-tokens", "20", "--dtype-b", "bfloat16")
    done = prepared("compare-models", "demo", "demo", *short, "--json", "-o", "a.dscope")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("session") == "a.dscope"
    assert told == precision_json(open_session(tmp_path / "a.dscope"))
    assert (told["positions"], told["layer_positions"], told["done"]) == (39, 19, 1.0)
    assert (told["a"]["dtype"], told["b"]["dtype"], told["text"]) == ("float32", "bfloat16", "tale.txt")
    assert sorted(one["layer"] for one in told["layers"]) == list(range(len(told["layers"])))
    info = prepared("info", "a.dscope", "--json")
    assert json.loads(info.stdout)["precision"] == told
    table = prepared("info", "a.dscope")
    assert table.returncode == 0, table.stderr
    assert "layer of B alone" in table.stdout
    assert "same top token" in table.stdout
    printed = prepared("compare-models", "demo", "demo", *short[:4], "--layer-tokens", "0", "-o", "b.dscope")
    assert "layer of B alone" not in printed.stdout
    assert printed.stdout.endswith("Recorded to b.dscope\n")
    exported = prepared("export", "a.dscope", "--to", "csv", "-o", "tables")
    assert exported.returncode == 0, exported.stderr
    assert len((tmp_path / "tables" / "precision_positions.csv").read_text().splitlines()) == 40


def test_wrong_input_ends_in_one_sentence(prepared: Run, tmp_path: Path) -> None:
    (tmp_path / "tale.txt").write_text(TEXT)
    (tmp_path / "empty.txt").touch()
    (tmp_path / "binary.txt").write_bytes(b"a\xff")
    for arguments, sentence in (
        (("demo", "demo", "--text", "none.txt"), "none.txt cannot be read"),
        (("demo", "demo", "--text", "empty.txt"), "empty.txt is empty"),
        (("demo", "demo", "--text", "binary.txt"), "binary.txt is no text in UTF-8"),
        (("demo", "none", "--text", "tale.txt"), "none"),
        (("demo", str(ROOT / "assets/demo/draft"), "--text", "tale.txt"), "is no other precision of"),
        (("demo", "demo", "--text", "tale.txt", "--window", "1"), "window must be between 2"),
        (("demo", "demo"), "--text"),
    ):
        done = prepared("compare-models", *arguments, "--json")
        assert done.returncode == 2, arguments
        assert sentence in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_an_interrupted_comparison_keeps_what_it_has(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "tale.txt").write_text(TEXT * 1000)  # half a minute of work: it never ends before it is interrupted
    arguments = ("demo", "demo", "--text", "tale.txt", "--most-tokens", "40000", "-o", "a.dscope")
    with subprocess.Popen(
        [sys.executable, "-m", "app.main", "compare-models", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if " tokens," in line and "0 tokens," not in line:
                break
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert "interrupted; the session until then is in a.dscope" in err
    told = precision_json(open_session(tmp_path / "a.dscope"))
    assert told is not None
    assert 0 < told["positions"] < told["positions_asked"]
