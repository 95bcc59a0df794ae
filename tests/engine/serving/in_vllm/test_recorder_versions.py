"""What vLLM is given: which scheduler `RecordingScheduler` becomes, what is refused, and `RecordingStats`."""

from __future__ import annotations

import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import decodescope_recorder
from decodescope_recorder import recording_scheduler
from decodescope_recorder.recording_scheduler import recording, scheduler_class
from decodescope_recorder.recording_stats import stats_class
from tests.engine.serving.in_vllm.inside import FakeRequest, FakeScheduler

Modules = dict[str, SimpleNamespace]

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


class StatLoggerBase(ABC):
    """What vLLM asks of a plug-in for figures; another version may ask for other methods."""

    @abstractmethod
    def __init__(self, vllm_config: Any, engine_index: int = 0) -> None: ...

    @abstractmethod
    def record(self, scheduler_stats: Any, iteration_stats: Any) -> None: ...

    @abstractmethod
    def log_engine_initialized(self) -> None: ...

    @abstractmethod
    def of_another_version(self) -> None: ...


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Modules]:
    """The modules of a vLLM that the recorder looks at, by name."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("DECODESCOPE_RECORDER", raising=False)
    monkeypatch.delenv("DECODESCOPE_RECORDER_TRY", raising=False)
    output = SimpleNamespace(
        **{kind: SimpleNamespace(__dataclass_fields__=dict.fromkeys(names.split())) for kind, names in FIELDS.items()}
    )
    made = {
        "vllm": SimpleNamespace(__version__="0.32.1"),
        "vllm.v1.core.sched.scheduler": SimpleNamespace(Scheduler=SyncScheduler),
        "vllm.v1.core.sched.async_scheduler": SimpleNamespace(AsyncScheduler=OverlappingScheduler),
        "vllm.v1.core.sched.diffusion_scheduler": SimpleNamespace(
            DiffusionScheduler=type("DiffusionScheduler", (SyncScheduler,), {})
        ),
        "vllm.v1.core.sched.output": output,
        "vllm.v1.request": SimpleNamespace(Request=FakeRequest),
        "vllm.v1.metrics.loggers": SimpleNamespace(StatLoggerBase=StatLoggerBase),
    }
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(FakeRequest, "num_output_tokens", 0, raising=False)
    scheduler_class.cache_clear()
    stats_class.cache_clear()
    yield made
    scheduler_class.cache_clear()
    stats_class.cache_clear()


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
def test_it_becomes_the_scheduler_that_vllm_would_take(given: Any, base: str, vllm: Modules) -> None:
    scheduler = recording(vllm_config=given)
    try:
        assert type(scheduler).__name__ == f"Recording{base}"
        assert type(scheduler).__mro__[1].__name__ == base
        assert scheduler.step() == {0: SimpleNamespace(outputs=[])}
    finally:
        scheduler.shutdown()


@pytest.mark.parametrize("version", ["0.31.0", "0.33.0", "0.320.0", "1.0", "dev"])
def test_a_version_that_is_not_known_is_refused_in_a_sentence(
    version: str, vllm: Modules, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    vllm["vllm"].__version__ = version
    assert type(recording(vllm_config=config(False))) is SyncScheduler
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert line == (
        f"DecodeScope's recorder records nothing: it knows vLLM 0.32, not {version} "
        "(DECODESCOPE_RECORDER_TRY=1 tries this version)."
    )
    assert not (tmp_path / "decodescope").exists()


def test_a_version_that_is_tried_is_still_looked_at(
    vllm: Modules, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vllm["vllm"].__version__ = "0.99"
    monkeypatch.setenv("DECODESCOPE_RECORDER_TRY", "1")
    scheduler = recording(vllm_config=config(False))
    assert type(scheduler) is not SyncScheduler
    scheduler.shutdown()
    del vllm["vllm.v1.core.sched.output"].CachedRequestData
    assert type(recording(vllm_config=config(False))) is SyncScheduler
    assert "vLLM 0.99 has no CachedRequestData.req_ids" in caplog.text


def test_whatever_fails_the_server_gets_its_scheduler(
    vllm: Modules, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no")

    monkeypatch.setattr(recording_scheduler, "open_door", fail)
    assert type(recording(vllm_config=config(False))) is SyncScheduler
    assert "records nothing: OSError: no" in caplog.text


def test_a_scheduler_that_lacks_what_is_hooked_is_left_alone(vllm: Modules, caplog: pytest.LogCaptureFixture) -> None:
    class WithoutReset(SyncScheduler):
        reset_prefix_cache = property()

    vllm["vllm.v1.core.sched.scheduler"].Scheduler = WithoutReset
    assert type(recording(vllm_config=config(False))) is WithoutReset
    assert "vLLM 0.32.1 has no scheduler.reset_prefix_cache." in caplog.text


def test_importing_the_package_needs_no_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its names are looked for when they are used; vLLM tells of a plug-in that raises, and goes on."""
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(ImportError, match="vllm"):
        _ = decodescope_recorder.RecordingStats
    with pytest.raises(ImportError, match="vllm"):
        _ = decodescope_recorder.RecordingScheduler
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = decodescope_recorder.nothing


def test_the_name_that_users_type_is_a_subclass_of_the_overlapping_scheduler(vllm: Modules) -> None:
    made = decodescope_recorder.RecordingScheduler
    assert issubclass(made, OverlappingScheduler)
    assert made is decodescope_recorder.RecordingScheduler
    scheduler = made(vllm_config=config(False))
    assert type(scheduler).__name__ == "RecordingSyncScheduler"
    scheduler.shutdown()


def test_a_vllm_from_before_overlap_gets_its_scheduler(
    vllm: Modules, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vllm["vllm"].__version__ = "0.9.2"
    monkeypatch.setitem(sys.modules, "vllm.v1.core.sched.async_scheduler", None)
    assert type(decodescope_recorder.RecordingScheduler(vllm_config=config(False))) is SyncScheduler
    assert "it knows vLLM 0.32, not 0.9.2" in caplog.text


def test_the_plug_in_for_figures_can_be_made_whatever_vllm_asks_for(vllm: Modules, tmp_path: Path) -> None:
    made = decodescope_recorder.RecordingStats
    assert issubclass(made, StatLoggerBase)
    stats = made(config(False), 3)
    try:
        (path,) = (tmp_path / "decodescope").iterdir()
        assert path.name.startswith("stats-")
        assert path.stem.endswith("-3")
        stats.record(None, None)
        stats.log_engine_initialized()
        stats.of_another_version()
    finally:
        stats.tap.close()
