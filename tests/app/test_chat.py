"""The chat template: from the run panel, from a request file, and refused where a model has none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from app.window.main_window import MainWindow
from engine.client.requests_file import read_requests
from engine.core.settings import Sampling
from engine.errors import InputError
from tests.app.conftest import READY


def test_the_box_is_there_for_models_that_have_a_template(window: MainWindow) -> None:
    panel = window.run_panel
    panel.show_model(READY)
    assert not panel.chat.isEnabled()
    assert panel.chat.toolTip() == "This model has no chat template"
    panel.show_model(msgspec.structs.replace(READY, meta={**READY.meta, "chat_template": "yes"}))
    assert panel.chat.isEnabled()
    assert not panel.run_spec().requests[0].chat
    panel.chat.setChecked(True)
    assert panel.run_spec().requests[0].chat
    panel.show_model(READY)  # another model, without one
    assert not panel.run_spec().requests[0].chat


def test_a_line_of_a_request_file_may_say_so(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text('{"prompt": "a"}\n{"prompt": "b", "chat": true}\n{"prompt": "c", "chat": false}\n')
    assert [one.chat for one in read_requests(str(file), 4, False, Sampling())] == [False, True, False]
    assert [one.chat for one in read_requests(str(file), 4, False, Sampling(), chat=True)] == [True, True, False]
    file.write_text('{"prompt": "a", "chat": 1}')
    with pytest.raises(InputError, match=r'Line 1 of .*"chat" must be true or false'):
        read_requests(str(file), 4, False, Sampling())
