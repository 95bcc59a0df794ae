"""Drawing takes little where the engine's threads need every core."""

from __future__ import annotations

import pytest

from app.core.drawing_share import CROWDED_SHARE, SHARE, DrawingShare


@pytest.mark.parametrize(
    ("device", "threads", "cores", "share"),
    [
        ("cpu", "2", 2, 2 * CROWDED_SHARE),
        ("cpu", "1", 2, SHARE),
        ("cpu", "3", 2, 2 * CROWDED_SHARE),
        ("cpu", "1", 1, CROWDED_SHARE),
        ("cpu", "4", 4, 4 * CROWDED_SHARE),
        ("cpu", "64", 64, SHARE),
        ("cuda:0", "16", 16, SHARE),
        ("cuda:0", "1", 1, CROWDED_SHARE),
        ("cpu", "", 1, SHARE),
        ("cpu", "-3", 1, SHARE),
        ("cpu", "9" * 5000, 1, SHARE),
        ("", "2", 1, SHARE),
    ],
)
def test_the_share_follows_the_cores_that_the_run_leaves_free(
    device: str, threads: str, cores: int, share: float
) -> None:
    assert DrawingShare(cores).of({"device": device, "threads": threads}) == pytest.approx(share)


def test_a_server_that_tells_no_threads_is_taken_to_leave_a_core() -> None:
    assert DrawingShare(1).of({}) == SHARE
