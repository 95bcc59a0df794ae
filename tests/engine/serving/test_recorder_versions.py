"""Which scheduler `RecordingScheduler` becomes, and which versions of vLLM it refuses."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine.serving.inside import FakeRequest, FakeScheduler, load

FIELDS = {
    "SchedulerOutput": "scheduled_new_reqs scheduled_cached_reqs num_scheduled_tokens scheduled_spec_decode_tokens",
    "NewRequestData": "req_id block_ids num_computed_tokens",
    "CachedRequestData": "req_ids num_computed_tokens new_block_ids resumed_req_ids",
}


class SyncScheduler(FakeScheduler):
    """What vLLM would take without asynchronous scheduling."""

    def __init__(self, vllm_config: Any) -> None:
        super().__init__()
        self.kv_cache_config = SimpleNamespace(
            kv_cache_groups=[SimpleNamespace(kv_cache_spec=type("FullAttentionSpec", (), {"block_size": 32})())]
        )


class OverlappingScheduler(SyncScheduler):
    """What vLLM would take with it."""


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """The modules of a vLLM that the recorder looks at."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DECODESCOPE_RECORDER", raising=False)
    monkeypatch.delenv("DECODESCOPE_RECORDER_TRY", raising=False)
    made = SimpleNamespace(
        __version__="0.32.1",
        Scheduler=SyncScheduler, AsyncScheduler=OverlappingScheduler, Request=FakeRequest,
        DiffusionScheduler=type("DiffusionScheduler", (SyncScheduler,), {}),
        **{kind: SimpleNamespace(__dataclass_fields__=dict.fromkeys(names.split())) for kind, names in FIELDS.items()},
    )  # fmt: skip
    monkeypatch.setattr(load().importlib, "import_module", lambda name: made)
    monkeypatch.setattr(FakeRequest, "num_output_tokens", 0, raising=False)
    return made


def config(overlapping: bool, diffusion: object = None) -> SimpleNamespace:
    return SimpleNamespace(scheduler_config=SimpleNamespace(async_scheduling=overlapping), diffusion_config=diffusion)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        (config(False), "SyncScheduler"),
        (config(True), "OverlappingScheduler"),
        (config(False, diffusion=object()), "DiffusionScheduler"),
    ],
)
def test_it_becomes_the_scheduler_that_vllm_would_take(given: Any, base: str, vllm: SimpleNamespace) -> None:
    scheduler = load()._recording(vllm_config=given)
    try:
        assert type(scheduler).__name__ == f"Recording{base}"
        assert type(scheduler).__mro__[1].__name__ == base
        assert scheduler.step() == {0: SimpleNamespace(outputs=[])}
    finally:
        scheduler.shutdown()


@pytest.mark.parametrize("version", ["0.31.0", "0.33.0", "1.0"])
def test_a_version_that_is_not_known_is_refused_in_a_sentence(
    version: str, vllm: SimpleNamespace, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    vllm.__version__ = version
    assert type(load()._recording(vllm_config=config(False))) is SyncScheduler
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert line == (
        f"DecodeScope's recorder records nothing: it knows vLLM 0.32, not {version} "
        "(DECODESCOPE_RECORDER_TRY=1 tries this version)."
    )
    assert not (tmp_path / "decodescope").exists()


def test_a_version_that_is_tried_is_still_looked_at(
    vllm: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vllm.__version__ = "0.99"
    monkeypatch.setenv("DECODESCOPE_RECORDER_TRY", "1")
    scheduler = load()._recording(vllm_config=config(False))
    assert type(scheduler) is not SyncScheduler
    scheduler.shutdown()
    del vllm.CachedRequestData
    assert type(load()._recording(vllm_config=config(False))) is SyncScheduler
    assert "vLLM 0.99 has no CachedRequestData.req_ids" in caplog.text


def test_whatever_fails_the_server_gets_its_scheduler(
    vllm: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(load(), "open_door", fail)
    assert type(load()._recording(vllm_config=config(False))) is SyncScheduler
    assert "records nothing: OSError: no" in caplog.text
