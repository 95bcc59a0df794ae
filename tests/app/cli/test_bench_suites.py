"""`bench --suite batching`: the whole way without a window, and the same figures in the file that it keeps."""

from __future__ import annotations

import json
from pathlib import Path

from engine.figures.batch_comparison import batch_comparison
from engine.figures.loads import LENGTHS
from engine.session.file import open_session
from tests.app.cli.conftest import Run


def test_batching_is_measured_without_a_window_and_kept(decodescope: Run, tmp_path: Path) -> None:
    path = tmp_path / "both.dscope"
    ended = decodescope("bench", "--suite", "batching", "-o", str(path), "--json")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.splitlines() == ["run 1 of 2: batch static 1", "run 2 of 2: batch continuous 1"]
    told = json.loads(ended.stdout)
    assert (told["static"]["requests"], told["continuous"]["requests"]) == (len(LENGTHS), len(LENGTHS))
    assert told["static"]["tokens"] == told["continuous"]["tokens"] == sum(LENGTHS)
    assert told["factors"]["steps"] > 2
    assert told["continuous"]["slots"]["waste"] == 0
    kept = batch_comparison(open_session(path))
    assert kept is not None
    assert json.loads(json.dumps(kept.to_json())) == {name: told[name] for name in kept.to_json()}
    table = decodescope("info", str(path), "--json")
    assert json.loads(table.stdout)["static_continuous"]["factors"] == told["factors"]
