"""`decodescope quantise`, whole: its process, what it prints, and what it leaves behind."""

from __future__ import annotations

import json
import os
from pathlib import Path

import gguf
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from app.cli import progress as progress_module
from app.cli import quantise as command
from app.cli.parser import QUANTISED
from app.main import main
from engine.gguf.mix import MATRICES
from engine.gguf.quantise_protocol import Progress
from engine.host.quantising import quantise
from tests.engine.model.checkpoints import copy_of

DEMO = Path(__file__).parents[3] / "assets" / "demo" / "target"


def test_the_table_says_what_became_of_the_tensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.gguf"
    assert main(["quantise", "demo", "--to", "q4_k", "-o", str(path)]) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1] for line in out.splitlines() if line and line[0] in "FQ"}
    kinds = [one.tensor_type.name for one in gguf.GGUFReader(path).tensors]
    assert rows == {kind: str(kinds.count(kind)) for kind in set(kinds)}
    assert f"{path}: " in out
    assert "weights/s" in out
    assert os.listdir(tmp_path) == ["demo.gguf"]


def test_json_says_the_same_in_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "demo.gguf"
    assert main(["quantise", str(DEMO), "--to", "q8_0", "-o", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == path.stat().st_size
    assert told["source_bytes"] == sum(one.nbytes for one in load_file(DEMO / "model.safetensors").values())
    assert told["weights"] == sum(one.numel() for one in load_file(DEMO / "model.safetensors").values())
    assert sum(one["tensors"] for one in told["kinds"]) == len(load_file(DEMO / "model.safetensors"))
    assert told["notes"] == []


def test_every_kind_that_is_offered_can_be_written() -> None:
    assert QUANTISED.keys() == MATRICES.keys()


@pytest.mark.parametrize(
    ("model", "output", "sentence"),
    [
        ("nobody/nothing", "a.gguf", "no model of that name in the Hugging Face cache"),
        ("./none", "a.gguf", "There is no folder or file"),
        ("a.txt", "a.gguf", "a.txt is not a GGUF file"),
        ("empty", "a.gguf", "it has no config.json"),
        ("demo", ".", "is a folder"),
        ("demo", "none/a.gguf", "cannot be written: No such file or directory"),
        ("demo", "pipe", "is a stream"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    model: str,
    output: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("no model")
    Path("empty").mkdir()
    os.mkfifo("pipe")
    before = sorted(os.listdir())
    assert main(["quantise", model, "--to", "q8_0", "-o", output]) == 2
    err = capsys.readouterr().err
    assert sentence in err
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == before


def test_a_model_that_turns_out_to_be_broken_leaves_the_file_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy_of(DEMO, tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.7.mlp.down_proj.weight"][0, 0] = torch.inf
    save_file(tensors, folder / "model.safetensors")
    path = tmp_path / "a.gguf"
    path.write_bytes(b"what was here")
    assert main(["quantise", str(folder), "--to", "q4_0", "-o", str(path)]) == 2
    assert "'blk.7.ffn_down.weight' cannot be written" in capsys.readouterr().err
    assert path.read_bytes() == b"what was here"
    assert sorted(os.listdir(tmp_path)) == ["a.gguf", "model"]


def test_an_interrupted_one_exits_with_130_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(progress: Progress) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(progress_module, "LOG_EVERY_S", 0.0)
    monkeypatch.setattr(command, "progress_text", interrupted)
    before = psutil.Process().children()
    assert main(["quantise", "demo", "--to", "q4_k", "-o", str(tmp_path / "a.gguf")]) == 130
    assert os.listdir(tmp_path) == []
    assert psutil.Process().children() == before


def test_progress_is_told_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_module, "LOG_EVERY_S", 0.0)
    assert main(["quantise", "demo", "--to", "q4_k", "-o", str(tmp_path / "a.gguf")]) == 0
    assert capsys.readouterr().err.startswith("opening the model\n")
    assert command.progress_text(Progress(1_000_000, 4_000_000)).replace("\u2009", " ") == "25.0 % of 4.00 Mweights"


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.gguf").symlink_to("real/a.gguf")
    quantise("demo", "q8_0", tmp_path / "link.gguf", lambda progress: None)
    assert (tmp_path / "link.gguf").is_symlink()
    assert (tmp_path / "real" / "a.gguf").read_bytes()[:4] == b"GGUF"
