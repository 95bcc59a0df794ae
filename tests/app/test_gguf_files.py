"""The GGUF files that other programs keep are found and named; where one can be opened, it is loaded as a model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtWidgets import QComboBox, QFileDialog
from pytestqt.qtbot import QtBot

from app.cli.parser import parse_window
from app.core.gguf_files import gguf_models
from app.core.local_models import LocalModel
from app.core.preferences import Preferences
from app.look.units import memory
from app.widgets.model_picker import ModelPicker
from app.window.documents import droppable
from app.window.main_window import MainWindow
from engine.errors import InputError
from engine.model.hub import model_folder, model_name

LAYER = "application/vnd.ollama.image.model"


def keep(path: Path, content: bytes = b"GGUF....") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An empty home, and the variables that name the programs' folders."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folders = {"LLAMA_CACHE": "llama", "OLLAMA_MODELS": "ollama", "HF_HUB_CACHE": "hub", "XDG_CACHE_HOME": "caches"}
    return {name: str(tmp_path / folder) for name, folder in folders.items()}


def ollama_model(folder: Path, name: str, digest: str, content: bytes = b"GGUF") -> Path:
    layers = [{"mediaType": "application/x", "digest": "sha256:0"}, {"mediaType": LAYER, "digest": f"sha256:{digest}"}]
    keep(folder / "manifests" / name, json.dumps({"layers": layers}).encode())
    return keep(folder / "blobs" / f"sha256-{digest}", content)


def test_every_programs_files_are_found(tmp_path: Path, places: dict[str, str]) -> None:
    first = keep(tmp_path / "llama" / "big-00001-of-00002.gguf")
    keep(tmp_path / "llama" / "big-00002-of-00002.gguf", b"GGUF, of which this is the rest")
    keep(tmp_path / "llama" / "mmproj-model.gguf")
    keep(tmp_path / "llama" / "no-model.gguf", b"<html>")
    studio = keep(tmp_path / "home" / ".lmstudio" / "models" / "acme" / "Tiny" / "tiny.Q4_K_M.gguf")
    cached = keep(tmp_path / "hub" / "models--acme--x" / "snapshots" / "abc" / "x.gguf")
    blob = ollama_model(tmp_path / "ollama", "registry.ollama.ai/library/llama3.2/1b", "abc1")
    other = ollama_model(tmp_path / "ollama", "registry.ollama.ai/acme/tiny/latest", "abc2")
    elsewhere = ollama_model(tmp_path / "ollama", "hf.co/acme/tiny/Q8_0", "abc3")
    assert gguf_models(environment=places) == [
        LocalModel("acme/tiny:latest", str(other), 4),
        LocalModel("big", str(first), 8 + 31),
        LocalModel("hf.co/acme/tiny:Q8_0", str(elsewhere), 4),
        LocalModel("llama3.2:1b", str(blob), 4),
        LocalModel("tiny.Q4_K_M", str(studio), 8),
        LocalModel("x", str(cached), 8),
    ]


def test_what_cannot_be_read_is_passed_over(tmp_path: Path, places: dict[str, str]) -> None:
    assert gguf_models(environment=places) == []
    manifests = tmp_path / "ollama" / "manifests" / "registry.ollama.ai" / "library" / "x"
    for number, content in enumerate((b"{", b"[]", b"{}", b'{"layers": 3}', b'{"layers": [{"mediaType": 1}]}')):
        keep(manifests / str(number), content)
    layers = [{"mediaType": LAYER, "digest": "sha256:../../../etc/passwd"}]
    keep(manifests / "out", json.dumps({"layers": layers}).encode())
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "broken.gguf").symlink_to("nothing")
    kept = keep(tmp_path / "llama" / "good.gguf")
    (tmp_path / "llama" / "same.gguf").symlink_to(kept)
    assert [one.bytes for one in gguf_models(environment=places)] == [8]
    assert gguf_models(lambda: False, places) == []


def test_the_name_of_a_file(tmp_path: Path) -> None:
    blob = ollama_model(tmp_path / "models", "registry.ollama.ai/library/llama3.2/1b", "abc1")
    assert model_name(blob) == "llama3.2:1b"
    assert model_name(blob.with_name("sha256-unknown")) == "sha256-unknown"
    assert model_name("/models/Tiny.Q4_1.gguf") == "Tiny.Q4_1"
    assert model_name("/models/Tiny-00001-of-00002.gguf") == "Tiny"
    file = keep(tmp_path / "Tiny.gguf")
    assert model_folder(str(file)) == file


def test_the_picker_says_how_large_a_file_is(qtbot: QtBot, preferences: Preferences, tmp_path: Path) -> None:
    picker = ModelPicker(preferences)
    qtbot.addWidget(picker)
    recent, kept = tmp_path / "recent.gguf", tmp_path / "kept.gguf"
    preferences.remember_model(str(recent))
    picker.offer([LocalModel("recent", str(recent), 3 * 2**20), LocalModel("kept", str(kept), 2**30)])
    box = picker.findChild(QComboBox)
    assert box is not None
    listed = [box.itemText(index) for index in range(box.count()) if box.itemText(index)]
    assert listed == ["Demo model (bundled)", f"recent · {memory(3 * 2**20)}", f"kept · {memory(2**30)}"]


def test_a_file_is_chosen_with_the_picker(
    qtbot: QtBot, preferences: Preferences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picker = ModelPicker(preferences)
    qtbot.addWidget(picker)
    file = str(tmp_path / "Tiny.gguf")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (file, ""))
    with qtbot.waitSignal(picker.picked) as picked:
        picker.choose_file()
    assert picked.args == [file]
    assert preferences.folder("model") == str(tmp_path)
    assert preferences.recent_models[0] == file


def test_a_file_is_opened_as_a_model(window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(tmp_path / "Tiny.GGUF")
    assert droppable(file)
    monkeypatch.setattr(window.feed, "load", lambda spec: loaded.append(spec.model))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (file, ""))
    loaded: list[str] = []
    window.open_path(file)
    window.documents.ask_open()
    assert loaded == [file, file]
    assert window.model.model == file


def test_a_file_is_a_model_on_the_command_line(tmp_path: Path) -> None:
    file = str(keep(tmp_path / "Tiny.gguf"))
    assert parse_window([file]) == (None, file, False)
    with pytest.raises(InputError):
        parse_window([file, "--replay"])
