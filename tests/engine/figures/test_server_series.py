"""A server's own counters as series: gauges as read, and what counters did between two readings."""

from __future__ import annotations

import pytest

from engine.figures.server_series import SERVER_FIGURES, ServerSeries, of_range, server_figures
from engine.session.schema import MetricSample
from engine.session.store import Session
from tests.engine.figures.served import MS, page, recorded, session_of


def series_of(samples: list[MetricSample]) -> ServerSeries:
    series = ServerSeries(session_of(samples))
    series.update()
    return series


def sample(t_ms: int, name: str, value: float, labels: str = "", source: str = "metrics") -> MetricSample:
    return MetricSample(t_ms * MS, source, name, labels, value)


def test_a_session_of_our_own_engine_has_none() -> None:
    assert server_figures(Session()) == {}


def test_gauges_are_as_read_and_rates_are_between_readings() -> None:
    found = server_figures(session_of(recorded()))
    assert found["running"] == {"count": 3, "last": 2.0, "mean": pytest.approx(5 / 3), "most": 2.0}
    assert found["waiting"]["last"] == 2.0
    assert found["kv_usage"]["most"] == pytest.approx(0.1)
    # 80 tokens looked up between two readings, 40 of them found.
    assert found["prefix_hit_rate"] == {"count": 2, "last": 0.5, "mean": 0.5, "most": 0.5}
    assert found["preemptions"]["last"] == 1.0
    # After the steps 0, 4 and 8, at 10, 50 and 90 ms: 1, 8 and 16 tokens.
    assert found["generated_per_s"]["last"] == pytest.approx(8 / 0.04)
    assert found["generated_per_s"]["mean"] == pytest.approx(15 / 0.08)


def test_a_gauge_that_did_not_change_has_a_value_at_every_reading() -> None:
    series = series_of(
        [sample(0, "vllm:num_requests_running", 3.0), sample(0, "other", 1.0), sample(1000, "other", 2.0),
         sample(2000, "vllm:num_requests_running", 5.0)]
    )  # fmt: skip
    assert series.reading("running").t_ns.tolist() == [0, 1000 * MS, 2000 * MS]
    assert series.reading("running").values.tolist() == [3.0, 3.0, 5.0]


def test_a_rate_is_of_the_time_since_the_reading_before_and_not_since_the_last_change() -> None:
    name = "vllm:generation_tokens_total"
    series = series_of([sample(0, name, 10.0), sample(9000, "other", 1.0), sample(10_000, name, 60.0)])
    assert series.reading("generated_per_s").values.tolist() == [0.0, 50.0]


def test_engines_behind_one_address_are_summed_and_of_shares_the_highest_counts() -> None:
    series = series_of(
        [sample(0, "vllm:num_requests_running", value, labels) for labels, value in (("a", 2.0), ("b", 3.0))]
        + [sample(0, "vllm:kv_cache_usage_perc", value, labels) for labels, value in (("a", 0.2), ("b", 0.6))]
    )
    assert series.reading("running").values.tolist() == [5.0]
    assert series.reading("kv_usage").values.tolist() == [0.6]


def test_old_and_new_names_of_one_figure_are_not_counted_twice() -> None:
    series = series_of([sample(0, "vllm:gpu_cache_usage_perc", 0.9), sample(0, "vllm:kv_cache_usage_perc", 0.3)])
    assert series.reading("kv_usage").values.tolist() == [0.3]


def test_a_server_that_began_again_gives_no_negative_rate() -> None:
    series = series_of(
        [one for t, total in ((0, 100), (1, 160), (2, 20), (3, 50)) for one in page(
            t * 1000 * MS, running=0, waiting=0, usage=0.0, queries=total, hits=total, preempted=total, generated=total,
        )]
    )  # fmt: skip
    assert series.reading("generated_per_s").values.tolist() == [60.0, 30.0]
    assert series.reading("preemptions").values.tolist() == [0.0, 60.0, 60.0, 90.0]


def test_a_share_above_one_is_in_a_unit_that_nobody_told() -> None:
    assert len(series_of([sample(0, "vllm:kv_cache_usage_perc", 40.0)]).reading("kv_usage")) == 0


def test_the_recorder_fills_in_where_the_page_tells_no_gauge() -> None:
    told = [sample(t, "running", float(t), source="recorder") for t in (1, 2)]
    assert series_of(told).reading("running").values.tolist() == [1.0, 2.0]
    both = series_of([*told, sample(5, "vllm:num_requests_running", 7.0)])
    assert both.reading("running").values.tolist() == [7.0]


def test_one_reading_of_a_counter_is_told_and_has_no_rate() -> None:
    series = series_of([sample(0, "vllm:generation_tokens_total", 10.0)])
    assert series.tells("generated_per_s")
    assert len(series.reading("generated_per_s")) == 0
    assert not series.tells("prefix_hit_rate")


@pytest.mark.parametrize(
    ("hits", "queries"),
    [("sglang:cached_tokens_total", "sglang:prompt_tokens_total"),
     ("vllm:gpu_prefix_cache_hits", "vllm:gpu_prefix_cache_queries")],
)  # fmt: skip
def test_the_hit_rate_under_other_names(hits: str, queries: str) -> None:
    samples = [sample(t, name, value) for t, *values in ((0, 10.0, 40.0), (1, 40.0, 80.0))
               for name, value in zip((hits, queries), values, strict=True)]  # fmt: skip
    assert series_of(samples).reading("prefix_hit_rate").values.tolist() == [0.75]


def test_new_samples_continue_a_series() -> None:
    session = session_of(recorded(4))
    series = ServerSeries(session)
    assert series.update()
    assert not series.update()
    assert len(series.reading("running")) == 1
    session.apply(page(400 * MS, 4, 0, 0.5, 300, 200, 9, 2000))
    assert series.update()
    assert series.reading("running").values.tolist() == [1.0, 4.0]
    assert {figure for figure in SERVER_FIGURES if len(series.reading(figure))} == set(SERVER_FIGURES)


def test_a_range_has_the_readings_of_its_steps() -> None:
    session = session_of(recorded())
    series = ServerSeries(session)
    series.update()
    chosen = of_range(series.reading("running"), session, (3, 5))
    assert chosen.t_ns.tolist() == [50 * MS]
    assert chosen.values.tolist() == [2.0]


def test_what_is_no_number_or_far_too_large_is_left_out() -> None:
    """A file may hold what no server told."""
    name = "vllm:num_requests_running"
    series = series_of([sample(t, name, value) for t, value in enumerate((1.0, float("inf"), float("nan"), 4.0))])
    assert series.reading("running").values.tolist() == [1.0, 1.0, 1.0, 4.0]
    total = "vllm:generation_tokens_total"
    series = series_of([sample(t, total, value) for t, value in enumerate((-1e308, 10.0, 1e308, 30.0))])
    assert series.reading("generated_per_s").values.tolist() == [0.0, 20_000.0]
