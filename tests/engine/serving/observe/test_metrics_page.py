"""Pages of metrics: a real one, both formats, and what a hostile one may try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DecodeScopeError
from engine.serving.observe.metrics_page import (
    LARGEST_BYTES,
    LONGEST_LINE,
    LONGEST_TEXT,
    MOST_SERIES,
    Page,
    is_openmetrics,
    page_text,
    parsed_page,
)
from tests.engine.serving.recorded_pages import VLLM_PAGE


def parsed(text: str, openmetrics: bool = False) -> Page:
    return parsed_page(page_text(text.encode()), openmetrics)


def test_a_real_page_gives_every_series_under_its_own_name() -> None:
    page = parsed(VLLM_PAGE.read_text())
    series = [line for line in VLLM_PAGE.read_text().splitlines() if not line.startswith("#")]
    assert len(page.readings) == len(series)
    assert page.skipped == 0
    assert [reading.name for reading in page.readings] == [line.partition("{")[0].partition(" ")[0] for line in series]
    assert [reading.value for reading in page.readings] == [float(line.rpartition(" ")[2]) for line in series]
    by_name = {reading.name: reading for reading in page.readings}
    hits = by_name["vllm:prefix_cache_hits_total"]
    assert (hits.labels, hits.value, hits.kind) == ('{"engine":"0","model_name":"demo"}', 64.0, "counter")
    assert by_name["vllm:kv_cache_usage_perc"].kind == "gauge"
    assert by_name["vllm:time_to_first_token_seconds_count"].kind == "histogram"


def test_labels_are_equal_texts_whatever_their_order() -> None:
    one, other = parsed('a{b="1",c="2"} 1\nd{c="2",b="1"} 1\n').readings
    assert one.labels == other.labels == '{"b":"1","c":"2"}'
    assert (one.kind, parsed("e 1\n").readings[0].labels) == ("unknown", "{}")


def test_a_counter_keeps_the_name_that_the_server_gave_it() -> None:
    page = parsed("# TYPE tgi_request_count counter\ntgi_request_count 3\n# TYPE b_total counter\nb_total 4\n")
    assert [(reading.name, reading.kind) for reading in page.readings] == [
        ("tgi_request_count", "counter"),
        ("b_total", "counter"),
    ]


def test_openmetrics_is_told_by_its_content_type() -> None:
    text = '# TYPE a counter\na_total{b="c"} 3.0 # {trace_id="x"} 1.0\na_created{b="c"} 1.0\n# EOF\n'
    assert is_openmetrics("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert not is_openmetrics("text/plain; version=0.0.4")
    assert [(reading.name, reading.value) for reading in parsed(text, openmetrics=True).readings] == [
        ("a_total", 3.0),
        ("a_created", 1.0),
    ]


def test_a_value_that_is_no_number_and_a_repetition_are_counted_and_left_out() -> None:
    page = parsed("a NaN\nb +Inf\nc 1\nc 2\nd " + "9" * 400 + "\n")
    assert [(reading.name, reading.value) for reading in page.readings] == [("c", 1.0)]
    assert page.skipped == 4


def test_control_characters_and_long_texts_do_not_pass() -> None:
    page = parsed('a{b="\x1b[31mred\u202e",c="' + "x" * 5000 + '"} 1\n')
    assert "\\\\x1b[31mred\\\\u202e" in page.readings[0].labels
    assert "\x1b" not in page.readings[0].labels
    assert len(page.readings[0].labels) < 2 * LONGEST_TEXT


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (b" " * (LARGEST_BYTES + 1), "larger than 8 MiB"),
        (b"a 1\n" * (MOST_SERIES + 1), f"more than {MOST_SERIES} series"),
        (b"a" * (LONGEST_LINE + 1), "too long"),
        (b'a{b="' + b"\\\\" * 200 + b'"} 1\n', "too many escapes"),
        (b"a{" + b",".join(b'b%d="1"' % index for index in range(65)) + b"} 1\n", "more than 64 labels"),
        (b"<html><body>Not here</body></html>", "cannot be read"),
        (b'{"error": "no metrics"}', "cannot be read"),
        (b'a{b="c} 1\n', "cannot be read"),
        (b"a 1_0\n", "cannot be read"),
        (b"a \xff\xfe\n", "cannot be read"),
    ],
)
def test_what_is_no_such_page_is_one_sentence(page: bytes, said: str) -> None:
    with pytest.raises(DecodeScopeError, match=said) as raised:
        parsed_page(page_text(page))
    assert str(raised.value).isprintable()
    assert str(raised.value).endswith(".")
    assert len(str(raised.value)) < 300


PIECES = st.sampled_from(
    ["a", "# TYPE ", "# HELP ", "counter", "{", "}", '"', "\\", "=", ",", " ", "1", "\n", "\r", "é", "\0", "# EOF"]
)


def said_of(text: str, openmetrics: bool) -> list[str]:
    """Every text that comes out of a page: of its readings, or the sentence why there are none."""
    try:
        return [part for reading in parsed(text, openmetrics).readings for part in (reading.name, reading.labels)]
    except DecodeScopeError as error:
        return [str(error)]


@given(st.lists(PIECES, max_size=30).map("".join), st.booleans())
def test_any_text_gives_readings_or_a_sentence(text: str, openmetrics: bool) -> None:
    assert all(part.isprintable() for part in said_of(text, openmetrics))
