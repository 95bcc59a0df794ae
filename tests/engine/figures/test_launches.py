"""Why a step ran operation by operation with `graphs` on: only what settings and recording really tell."""

from __future__ import annotations

from typing import Any

import pytest

from engine.figures.launches import Obstacle, eager_counts, obstacle, why_eager
from engine.session.store import STEP_KINDS, Session
from tests.engine.figures.launched import CAPTURED, COMPILED, STEPS, launched


@pytest.mark.parametrize(
    ("switches", "device", "records", "found"),
    [
        (COMPILED, "cpu", False, None),
        (COMPILED | {"kv": "none"}, "cpu", False, None),
        (COMPILED | {"attention": "sdpa"}, "cpu", True, "attention"),
        (COMPILED | {"attention": "reference"}, "cpu", False, "attention"),
        (COMPILED, "cpu", True, None),
        (COMPILED | {"kv": "none"}, "cpu", True, None),
        (COMPILED | {"graphs": False}, "cpu", True, None),
        (COMPILED | {"attention": "sdpa", "graphs": None}, "cpu", False, None),
        (CAPTURED, "cuda:0", False, None),
        (CAPTURED | {"attention": "triton"}, "cuda:0", False, None),
        (CAPTURED | {"attention": "reference"}, "cuda:0", False, "attention"),
        (CAPTURED | {"kv": "none"}, "cuda:0", False, "cache"),
        (CAPTURED, "cuda:0", True, "recorded"),
        ({}, "", True, None),
    ],
)
def test_what_stands_in_the_way(switches: dict[str, Any], device: str, records: bool, found: Obstacle | None) -> None:
    assert obstacle(switches, device, records) == found


@pytest.mark.parametrize(
    ("session", "found"),
    [
        (launched(COMPILED, "cpu", launch="compiled"), None),
        (launched(CAPTURED, "cuda:0", recorded=True), "recorded"),
        (launched(COMPILED, "cpu"), None),
        (launched(COMPILED, "cpu", "teacher", "compiled"), None),
        (launched(CAPTURED, "cuda:0", "teacher"), "kind"),
        (launched(COMPILED | {"kv": "none"}, "cpu", "prefill", "compiled", recorded=True), None),
        (launched(COMPILED | {"attention": "sdpa"}, "cpu"), "attention"),
        (launched(COMPILED | {"graphs": False}, "cpu", recorded=True), None),
        (launched(CAPTURED, "cuda:0", "prefill"), "kind"),
        (launched(CAPTURED, "cuda:0", "verify", "graph"), None),
        (launched(CAPTURED, "cuda:0", "mixed", recorded=True), "kind"),
        (launched({"kv": "none"}, ""), None),
    ],
)
def test_why_a_step_was_not_launched_as_one(session: Session, found: Obstacle | None) -> None:
    assert [why_eager(session, step) for step in range(STEPS)] == [found] * STEPS
    teaching = STEP_KINDS[session.steps["kind"][0]] == "teacher"
    assert eager_counts(session) == ({found: STEPS} if found is not None and not teaching else {})
    assert eager_counts(session, (1, 2)) == ({found: 2} if found is not None and not teaching else {})
