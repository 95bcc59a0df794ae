"""Training against inference: figures by hand, what is missing stays out, and a range limits both sides."""

from __future__ import annotations

import pytest

from engine.figures.comparison import Amount, Row, compare
from engine.figures.device_series import DeviceSeries
from engine.figures.metrics import summarise
from engine.session import schema
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session


def taught(steps: int = 20, flops: int = 4_000_000_000) -> Session:
    """A synthetic run of one request, then a teacher-forced pass of 10 ms over its positions."""
    session = synthetic_session(steps)
    end = int(session.steps["end_ns"][-1])
    positions = 4 + steps - 1
    session.apply(
        [
            schema.Work(steps, 0, 0, 0, positions, positions, 0, 0),
            schema.Step(steps, 0, "teacher", end + 1000, end + 10_001_000, -1, positions, 0, positions, 0, 0, 0, 0,
                        flops, 30_000_000, 0, 0, 0, 1, 0, "sdpa", b"", b""),
        ]
    )  # fmt: skip
    return session


def by_metric(session: Session, steps: tuple[int, int] | None = None) -> dict[str, Row]:
    return {row.metric: row for row in compare(session, steps)}


def test_both_sides_by_hand() -> None:
    session = taught()
    rows, summary = by_metric(session), summarise(session)
    assert rows["complexity"].training == (Amount(23, "positions", "measured"), Amount(4e9, "FLOP", "derived"))
    flops = float(session.steps["flops"][:20].sum())
    assert rows["complexity"].inference == (Amount(23, "positions", "measured"), Amount(flops, "FLOP", "derived"))
    gap = rows["complexity"].gap
    assert gap is not None
    assert gap.value == pytest.approx(flops / 4e9)
    assert [a.value for a in rows["throughput"].training] == [pytest.approx(20 / 10e-3)]
    assert [a.value for a in rows["throughput"].inference] == [summary.tokens_per_s]
    assert rows["parallelism"].training == (Amount(1, "passes", "measured"), Amount(20, "tokens/pass", "derived"))
    assert rows["parallelism"].inference == (Amount(20, "passes", "measured"), Amount(1, "tokens/pass", "derived"))
    assert rows["parallelism"].gap == Amount(20, "ratio", "derived")


def test_memory_is_hidden_states_beside_keys_and_values() -> None:
    session = taught()
    row = by_metric(session)["memory"]
    assert row.training == (Amount(23 * 256 * 4, "bytes", "derived"), Amount(1024, "bytes/position", "derived"))
    used = summarise(session).kv["used_peak_bytes"]
    assert row.inference == (Amount(used, "bytes", "measured"), Amount(2 * 8 * 4 * 32 * 4, "bytes/position", "derived"))
    assert row.gap == Amount(8.0, "ratio", "derived")  # 2N · (4 · 32 / 256) with N = 8


def test_utilisation_is_mfu_and_needs_a_ceiling() -> None:
    session = taught()
    row = by_metric(session)["utilisation"]
    assert [a.value for a in row.training] == [pytest.approx(4e9 / 10e-3 / 2e11)]
    part = summarise(session, (0, 19))
    assert [a.value for a in row.inference] == [pytest.approx(part.mfu)]
    session.meta["ceilings"] = ""
    assert by_metric(session)["utilisation"] == Row("utilisation", (), (), None)


def test_busy_is_what_the_device_reported_while_each_side_ran() -> None:
    session = taught()
    start = int(session.steps["start_ns"][20])
    inside = int(session.steps["start_ns"][3]) + 10
    readings = [(inside, 30.0), (start + 10, 80.0), (start + 20, 90.0), (start + 10**9, 5.0)]
    session.apply([schema.DeviceSample(t, "cuda", "utilisation_percent", value) for t, value in readings])
    row = by_metric(session)["busy"]
    assert row.training == (Amount(pytest.approx(0.85), "share", "measured"),)  # type: ignore[arg-type]
    assert row.inference == (Amount(pytest.approx(0.30), "share", "measured"),)  # type: ignore[arg-type]


def test_who_keeps_the_readings_sorts_each_sample_once(monkeypatch: pytest.MonkeyPatch) -> None:
    session, taken = taught(), list[int]()
    update = DeviceSeries.update

    def counted(self: DeviceSeries) -> bool:
        before = self._taken
        any_new = update(self)
        taken.append(self._taken - before)
        return any_new

    monkeypatch.setattr(DeviceSeries, "update", counted)
    inside = int(session.steps["start_ns"][3]) + 10
    session.apply([schema.DeviceSample(inside, "cpu", "system_cpu_percent", value) for value in (20.0, 40.0)])
    readings = DeviceSeries(session)
    rows = compare(session, readings=readings)
    assert next(row for row in rows if row.metric == "busy").inference[0].value == pytest.approx(0.30)
    compare(session, readings=readings)
    session.apply([schema.DeviceSample(inside + 10, "cpu", "system_cpu_percent", 60.0)])
    rows = compare(session, readings=readings)
    assert next(row for row in rows if row.metric == "busy").inference[0].value == pytest.approx(0.40)
    assert taken == [len(session.device_samples) - 1, 0, 1]


def test_without_a_pass_the_training_side_is_empty() -> None:
    for metric, row in by_metric(synthetic_session(20)).items():
        assert row.training == (), metric
        assert row.gap is None, metric
    assert all(row.training == row.inference == () for row in compare(Session()))


def test_a_range_limits_both_sides() -> None:
    session = taught()
    rows = by_metric(session, (5, 9))
    assert rows["parallelism"].training == ()
    assert rows["parallelism"].inference[0] == Amount(5, "passes", "measured")
    rows = by_metric(session, (10, 20))
    assert rows["parallelism"].inference[0] == Amount(10, "passes", "measured")
    assert rows["parallelism"].training[0] == Amount(1, "passes", "measured")
