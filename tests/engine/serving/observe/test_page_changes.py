"""Which lines of a page are parsed again."""

from __future__ import annotations

from engine.serving.observe.metrics_page import page_text, parsed_page
from engine.serving.observe.page_changes import PageChanges
from tests.engine.serving.recorded_pages import VLLM_PAGE


def test_the_first_page_is_whole_and_the_same_page_again_is_nothing() -> None:
    text = page_text(VLLM_PAGE.read_bytes())
    changes = PageChanges()
    assert parsed_page(changes.of(text)) == parsed_page(text)
    assert parsed_page(changes.of(text)).readings == ()


def test_a_changed_line_keeps_the_kind_of_its_family() -> None:
    text = page_text(VLLM_PAGE.read_bytes())
    changes = PageChanges()
    changes.of(text)
    later = text.replace(
        'vllm:generation_tokens_total{engine="0",model_name="demo"} 60.0',
        'vllm:generation_tokens_total{engine="0",model_name="demo"} 61.0',
    ).replace(
        'vllm:inter_token_latency_seconds_count{engine="0",model_name="demo"} 52.0',
        'vllm:inter_token_latency_seconds_count{engine="0",model_name="demo"} 53.0',
    )
    changed = [(reading.name, reading.value, reading.kind) for reading in parsed_page(changes.of(later)).readings]
    assert changed == [
        ("vllm:generation_tokens_total", 61.0, "counter"),
        ("vllm:inter_token_latency_seconds_count", 53.0, "histogram"),
    ]


def test_a_series_that_was_away_is_told_again() -> None:
    changes = PageChanges()
    changes.of("# TYPE a gauge\na 1\nb 2\n")
    changes.of("b 2\n")
    (back,) = parsed_page(changes.of("# TYPE a gauge\na 1\nb 2\n")).readings
    assert (back.name, back.kind) == ("a", "gauge")
