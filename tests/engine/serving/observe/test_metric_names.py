"""One meaning under the names of several servers. Pages of other servers than vLLM 0.32 are constructed here, from the
names in their sources; their numbers are made up.
"""

from __future__ import annotations

import pytest

from engine.serving.observe.metric_names import Pool, told_distributions, told_figures, told_pool
from engine.serving.observe.metrics_page import Reading, page_text, parsed_page
from engine.session.server_names import FIGURES, NAMES
from tests.engine.serving.recorded_pages import VLLM_PAGE


def readings(text: str) -> tuple[Reading, ...]:
    return parsed_page(page_text(text.encode())).readings


def test_a_real_page_of_vllm_tells_what_was_sent() -> None:
    page = readings(VLLM_PAGE.read_text())
    assert told_figures(page) == {
        "running": 0.0,
        "waiting": 0.0,
        "kv_usage": 0.0,
        "prefix_queries": 984.0,
        "prefix_hits": 64.0,
        "cached_tokens": 64.0,
        "preemptions": 0.0,
        "prompt_tokens": 70.0 + 74 + 470 + 330 + 40,
        "prompt_tokens_computed": 920.0,
        "generation_tokens": 60.0,
        "requests_ended/stop": 0.0,
        "requests_ended/length": 5.0,
        "requests_ended/abort": 0.0,
        "requests_ended/error": 0.0,
        "requests_ended/repetition": 0.0,
        "drafts": 12.0,
        "drafted": 35.0,
        "accepted": 3.0,
        "accepted_at/0": 3.0,
        "accepted_at/1": 0.0,
        "accepted_at/2": 0.0,
    }
    assert told_pool(page) == Pool(24, 32)


def test_a_real_page_of_vllm_tells_distributions() -> None:
    told = told_distributions(readings(VLLM_PAGE.read_text()))
    assert set(told) == {
        "ttft",
        "itl",
        "tpot",
        "e2e",
        "queue",
        "prefill",
        "decode",
        "inference",
        "step_tokens",
        "request_prompt_tokens",
        "request_generation_tokens",
    }
    assert told["step_tokens"].count == 57
    assert told["step_tokens"].total == 980
    assert told["ttft"].count == 5
    assert told["ttft"].total == pytest.approx(1.03156, abs=1e-5)
    assert (told["ttft"].buckets[3], told["ttft"].buckets[-1]) == ((0.02, 2.0), (float("inf"), 5.0))
    assert told["itl"].buckets == ()


def test_old_names_of_vllm_have_the_same_meaning() -> None:
    page = readings(
        '# TYPE vllm:gpu_cache_usage_perc gauge\nvllm:gpu_cache_usage_perc{model_name="m"} 0.25\n'
        '# TYPE vllm:num_preemptions_total counter\nvllm:num_preemptions_total{model_name="m"} 2\n'
        '# TYPE vllm:prompt_tokens counter\nvllm:prompt_tokens{model_name="m"} 7\n'
        '# TYPE vllm:gpu_prefix_cache_hits_total counter\nvllm:gpu_prefix_cache_hits_total{model_name="m"} 3\n'
        "# TYPE vllm:time_per_output_token_seconds histogram\nvllm:time_per_output_token_seconds_count 4\n"
        "vllm:time_per_output_token_seconds_sum 0.5\n"
    )
    assert told_figures(page) == {"kv_usage": 0.25, "preemptions": 2.0, "prompt_tokens": 7.0, "prefix_hits_old": 3.0}
    assert told_distributions(page)["itl"].total == 0.5
    assert FIGURES["prefix_hits_old"].unit == "tokens or blocks"


def test_an_old_and_a_new_name_on_one_page_are_not_added() -> None:
    page = readings("vllm:gpu_cache_usage_perc 0.5\nvllm:kv_cache_usage_perc 0.25\n")
    assert told_figures(page) == {"kv_usage": 0.25}


def test_counts_of_several_engines_are_added_and_of_fractions_the_highest_counts() -> None:
    page = readings(
        'vllm:num_requests_running{engine="0"} 3\nvllm:num_requests_running{engine="1"} 4\n'
        'vllm:kv_cache_usage_perc{engine="0"} 0.5\nvllm:kv_cache_usage_perc{engine="1"} 0.75\n'
    )
    assert told_figures(page) == {"running": 7.0, "kv_usage": 0.75}


def test_a_fraction_above_one_is_not_guessed_to_be_percent() -> None:
    assert told_figures(readings("vllm:kv_cache_usage_perc 42\nvllm:num_requests_running 1\n")) == {"running": 1.0}


def test_sglang() -> None:
    page = readings(
        '# TYPE sglang:num_running_reqs gauge\nsglang:num_running_reqs{model_name="m",tp_rank="0"} 2\n'
        '# TYPE sglang:num_queue_reqs gauge\nsglang:num_queue_reqs{model_name="m",tp_rank="0"} 5\n'
        '# TYPE sglang:token_usage gauge\nsglang:token_usage{model_name="m",tp_rank="0"} 0.5\n'
        '# TYPE sglang:cache_hit_rate gauge\nsglang:cache_hit_rate{model_name="m",tp_rank="0"} 0.9\n'
        '# TYPE sglang:prompt_tokens_total counter\nsglang:prompt_tokens_total{model_name="m"} 100\n'
        '# TYPE sglang:cached_tokens_total counter\nsglang:cached_tokens_total{model_name="m"} 40\n'
        '# TYPE sglang:num_retracted_requests_total counter\nsglang:num_retracted_requests_total{tp_rank="0"} 1\n'
    )
    assert told_figures(page) == {
        "running": 2.0,
        "waiting": 5.0,
        "kv_usage": 0.5,
        "prompt_tokens": 100.0,
        "cached_tokens": 40.0,
        "preemptions": 1.0,
    }


def test_llama_cpp_leaves_cached_tokens_out_of_its_prompt_tokens() -> None:
    page = readings(
        "# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed, excluding cached tokens\n"
        "# TYPE llamacpp:prompt_tokens_total counter\nllamacpp:prompt_tokens_total 90\n"
        "# TYPE llamacpp:prompt_tokens_cached_total counter\nllamacpp:prompt_tokens_cached_total 10\n"
        "# TYPE llamacpp:tokens_predicted_total counter\nllamacpp:tokens_predicted_total 33\n"
        "# TYPE llamacpp:n_tokens_max counter\nllamacpp:n_tokens_max 512\n"
        "# TYPE llamacpp:requests_processing gauge\nllamacpp:requests_processing 1\n"
        "# TYPE llamacpp:requests_deferred gauge\nllamacpp:requests_deferred 0\n"
    )
    assert told_figures(page) == {
        "prompt_tokens_computed": 90.0,
        "cached_tokens": 10.0,
        "generation_tokens": 33.0,
        "running": 1.0,
        "waiting": 0.0,
    }


def test_tgi_tells_its_tokens_as_sums_of_histograms() -> None:
    page = readings(
        "# TYPE tgi_request_success counter\ntgi_request_success 2\n"
        "# TYPE tgi_batch_current_size gauge\ntgi_batch_current_size 1\n"
        '# TYPE tgi_request_input_length histogram\ntgi_request_input_length_bucket{le="+Inf"} 2\n'
        "tgi_request_input_length_sum 15\ntgi_request_input_length_count 2\n"
    )
    assert told_figures(page) == {"running": 1.0, "prompt_tokens": 15.0, "requests_done": 2.0}
    assert told_distributions(page)["request_prompt_tokens"].buckets == ((float("inf"), 2.0),)


def test_a_page_of_an_unknown_server_tells_nothing() -> None:
    page = readings("node_cpu_seconds_total 5\nhttp_requests_total 3\n")
    assert told_figures(page) == {}
    assert told_distributions(page) == {}
    assert told_pool(page) is None


def test_every_name_has_a_meaning_and_stands_once() -> None:
    assert {named.figure for named in NAMES} == set(FIGURES)
    assert len({(named.figure, named.name) for named in NAMES}) == len(NAMES)
