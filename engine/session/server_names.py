"""What serving engines call their figures: the one table from the names of their metrics to one meaning each.

Names of vLLM 0.32, and of older versions where they differ; SGLang; llama.cpp's server; TGI. A counter is listed
without its `_total`, which some versions write and some do not. A figure that a server lacks is absent, never 0. Two
names are only one figure if they mean the same: SGLang's `cache_hit_rate` is of its last prefill batch alone, so it is
not listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Combine = Literal["sum", "highest"]
"""How several series of one figure, of several engines behind one address, become one value: the sum of counts, the
highest of fractions and of other gauges that have no sum.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One meaning."""

    unit: str
    """`requests`, `tokens`, `fraction` (0 to 1), `seconds`, `steps`; `tokens or blocks` where versions differ."""
    means: str
    combine: Combine = "sum"
    split_by: str = ""
    """A label that divides the figure into parts of their own, such as the reason for which requests ended."""


@dataclass(frozen=True, slots=True)
class Named:
    """One name of a figure, as a server writes it."""

    figure: str
    name: str
    """Of a series, without `_total`; of a histogram, its family."""
    labels: tuple[tuple[str, str], ...] = ()
    """Only series with these labels."""


FIGURES: Final[MappingProxyType[str, Figure]] = MappingProxyType(
    {
        "running": Figure("requests", "requests in the running batch"),
        "waiting": Figure("requests", "requests that wait to be scheduled"),
        "kv_usage": Figure("fraction", "part of the KV cache's blocks that requests hold", "highest"),
        "prefix_queries": Figure("tokens", "prompt tokens looked up in the prefix cache"),
        "prefix_hits": Figure("tokens", "prompt tokens found in the prefix cache"),
        "prefix_queries_old": Figure(
            "tokens or blocks", "looked up in the prefix cache, in a unit that depends on the version"
        ),
        "prefix_hits_old": Figure(
            "tokens or blocks", "found in the prefix cache, in a unit that depends on the version"
        ),
        "cached_tokens": Figure("tokens", "prompt tokens that were taken from a cache"),
        "preemptions": Figure("preemptions", "times that a running request was put back to waiting"),
        "prompt_tokens": Figure("tokens", "prompt tokens, those from a cache included"),
        "prompt_tokens_computed": Figure("tokens", "prompt tokens computed, those from a cache left out"),
        "generation_tokens": Figure("tokens", "tokens generated"),
        "requests_ended": Figure("requests", "requests that ended", split_by="finished_reason"),
        "requests_done": Figure("requests", "requests answered"),
        "requests_aborted": Figure("requests", "requests given up by their client"),
        "steps": Figure("steps", "calls of the model"),
        "batch_size": Figure("requests", "mean requests in a step since the server started", "highest"),
        "drafts": Figure("drafts", "proposals of draft tokens that were verified"),
        "drafted": Figure("tokens", "draft tokens proposed"),
        "accepted": Figure("tokens", "draft tokens accepted"),
        "accepted_at": Figure("tokens", "draft tokens accepted, by their position in the draft", split_by="position"),
        "acceptance_length": Figure("tokens", "mean tokens a verified draft gave, by the server", "highest"),
        "prefill_seconds": Figure("seconds", "time spent on prompts"),
        "decode_seconds": Figure("seconds", "time spent on generation"),
        "ttft": Figure("seconds", "time to first token"),
        "itl": Figure("seconds", "time between tokens"),
        "tpot": Figure("seconds", "a request's mean time per output token"),
        "e2e": Figure("seconds", "a request's whole time"),
        "queue": Figure("seconds", "a request's time in the queue"),
        "prefill": Figure("seconds", "a request's time in prefill"),
        "decode": Figure("seconds", "a request's time in decode"),
        "inference": Figure("seconds", "a request's time in the running batch"),
        "step_tokens": Figure("tokens", "tokens of a step"),
        "request_prompt_tokens": Figure("tokens", "prompt tokens of a request"),
        "request_generation_tokens": Figure("tokens", "tokens generated for a request"),
    }
)

NAMES: Final[tuple[Named, ...]] = (
    # vLLM. Its `_perc` are fractions ("1 means 100 percent usage").
    Named("running", "vllm:num_requests_running"),
    Named("waiting", "vllm:num_requests_waiting"),
    Named("kv_usage", "vllm:kv_cache_usage_perc"),
    Named("kv_usage", "vllm:gpu_cache_usage_perc"),
    Named("prefix_queries", "vllm:prefix_cache_queries"),
    Named("prefix_hits", "vllm:prefix_cache_hits"),
    Named("prefix_queries_old", "vllm:gpu_prefix_cache_queries"),
    Named("prefix_hits_old", "vllm:gpu_prefix_cache_hits"),
    Named("cached_tokens", "vllm:prompt_tokens_cached"),
    Named("preemptions", "vllm:num_preemptions"),
    Named("prompt_tokens", "vllm:prompt_tokens"),
    Named("prompt_tokens_computed", "vllm:prompt_tokens_by_source", (("source", "local_compute"),)),
    Named("generation_tokens", "vllm:generation_tokens"),
    Named("requests_ended", "vllm:request_success"),
    Named("drafts", "vllm:spec_decode_num_drafts"),
    Named("drafted", "vllm:spec_decode_num_draft_tokens"),
    Named("accepted", "vllm:spec_decode_num_accepted_tokens"),
    Named("accepted_at", "vllm:spec_decode_num_accepted_tokens_per_pos"),
    Named("ttft", "vllm:time_to_first_token_seconds"),
    Named("itl", "vllm:inter_token_latency_seconds"),
    Named("itl", "vllm:time_per_output_token_seconds"),
    Named("tpot", "vllm:request_time_per_output_token_seconds"),
    Named("e2e", "vllm:e2e_request_latency_seconds"),
    Named("queue", "vllm:request_queue_time_seconds"),
    Named("prefill", "vllm:request_prefill_time_seconds"),
    Named("decode", "vllm:request_decode_time_seconds"),
    Named("inference", "vllm:request_inference_time_seconds"),
    Named("step_tokens", "vllm:iteration_tokens_total"),
    Named("request_prompt_tokens", "vllm:request_prompt_tokens"),
    Named("request_generation_tokens", "vllm:request_generation_tokens"),
    # SGLang. A retraction is what vLLM calls a preemption.
    Named("running", "sglang:num_running_reqs"),
    Named("waiting", "sglang:num_queue_reqs"),
    Named("kv_usage", "sglang:token_usage"),
    Named("cached_tokens", "sglang:cached_tokens"),
    Named("preemptions", "sglang:num_retracted_requests"),
    Named("prompt_tokens", "sglang:prompt_tokens"),
    Named("generation_tokens", "sglang:generation_tokens"),
    Named("requests_done", "sglang:num_requests"),
    Named("requests_aborted", "sglang:num_aborted_requests"),
    Named("acceptance_length", "sglang:spec_accept_length"),
    Named("ttft", "sglang:time_to_first_token_seconds"),
    Named("itl", "sglang:inter_token_latency_seconds"),
    Named("itl", "sglang:time_per_output_token_seconds"),
    Named("e2e", "sglang:e2e_request_latency_seconds"),
    Named("queue", "sglang:queue_time_seconds"),
    Named("request_prompt_tokens", "sglang:prompt_tokens_histogram"),
    Named("request_generation_tokens", "sglang:generation_tokens_histogram"),
    # llama.cpp's server. Its prompt tokens leave out those that it took from its cache.
    Named("running", "llamacpp:requests_processing"),
    Named("waiting", "llamacpp:requests_deferred"),
    Named("kv_usage", "llamacpp:kv_cache_usage_ratio"),
    Named("cached_tokens", "llamacpp:prompt_tokens_cached"),
    Named("prompt_tokens_computed", "llamacpp:prompt_tokens"),
    Named("generation_tokens", "llamacpp:tokens_predicted"),
    Named("steps", "llamacpp:n_decode"),
    Named("batch_size", "llamacpp:n_busy_slots_per_decode"),
    Named("drafts", "llamacpp:spec_decode_num_drafts"),
    Named("drafted", "llamacpp:spec_decode_num_draft_tokens"),
    Named("drafted", "llamacpp:tokens_drafted"),
    Named("accepted", "llamacpp:spec_decode_num_accepted_tokens"),
    Named("accepted", "llamacpp:tokens_drafted_accepted"),
    Named("prefill_seconds", "llamacpp:prompt_seconds"),
    Named("decode_seconds", "llamacpp:tokens_predicted_seconds"),
    # TGI. Its counts of tokens are the sums of histograms over requests.
    Named("running", "tgi_batch_current_size"),
    Named("waiting", "tgi_queue_size"),
    Named("prompt_tokens", "tgi_request_input_length_sum"),
    Named("generation_tokens", "tgi_request_generated_tokens_sum"),
    Named("requests_done", "tgi_request_success"),
    Named("tpot", "tgi_request_mean_time_per_token_duration"),
    Named("e2e", "tgi_request_duration"),
    Named("queue", "tgi_request_queue_duration"),
    Named("inference", "tgi_request_inference_duration"),
    Named("request_prompt_tokens", "tgi_request_input_length"),
    Named("request_generation_tokens", "tgi_request_generated_tokens"),
)
"""In order of preference: where a page has a figure under several names (a version that writes the old one too), the
first one counts.
"""


def base_name(name: str) -> str:
    """The name of a series without a counter's `_total`."""
    return name.removesuffix("_total")
