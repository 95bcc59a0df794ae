"""Ids of requests as clients know them."""

from __future__ import annotations

import pytest

from engine.serving.recorder.recorded_ids import client_id


@pytest.mark.parametrize(
    ("internal", "client"),
    [
        ("cmpl-me-0-0-b60838da", "cmpl-me-0"),
        ("cmpl-4f2a-12-0-b60838da", "cmpl-4f2a-12"),
        ("chatcmpl-me-b60838da", "chatcmpl-me"),
        ("1_cmpl-me-0-b60838da", "cmpl-me"),
        ("cmpl-me-0", "cmpl-me"),
        ("own-name", "own-name"),
        ("", ""),
    ],
)
def test_what_vllm_adds_is_taken_off(internal: str, client: str) -> None:
    assert client_id(internal) == client
