"""What each kind of server is asked for: settings that it knows, and a refusal of those that it would ignore."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.core.sampling import FILTERS, Sampling
from engine.core.settings import RequestSpec
from engine.errors import InputError
from engine.serving.server.dialect import DIALECTS, TITLES, Kind, check_request, options_of, request_body

KINDS: list[Kind] = list(DIALECTS)
PLAIN = RequestSpec("The cat", 7)


def test_every_kind_has_a_title() -> None:
    assert TITLES.keys() == DIALECTS.keys()


def test_a_greedy_request_turns_the_server_s_own_sampling_off() -> None:
    assert request_body(PLAIN, 0, "m", "vllm", ()) == {
        "model": "m",
        "stream": True,
        "max_tokens": 7,
        "prompt": "The cat",
        "temperature": 0.0,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }


def test_sglang_has_another_number_for_no_limit() -> None:
    assert request_body(PLAIN, 0, "m", "sglang", ())["top_k"] == -1


def test_tgi_is_not_sent_what_it_refuses() -> None:
    assert "top_p" not in request_body(PLAIN, 0, "m", "tgi", ())
    warm = RequestSpec("x", sampling=Sampling(temperature=1.0, top_p=0.5))
    assert request_body(warm, 0, "m", "tgi", ())["top_p"] == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_sent_as_stated_or_refused(kind: Kind) -> None:
    drawn = Sampling(temperature=0.7, top_k=5, top_p=0.5, min_p=0.25, seed=9)
    for one in FILTERS:
        spec = RequestSpec(
            "x", sampling=replace(Sampling(temperature=0.7, seed=9), **{one.name: getattr(drawn, one.name)})
        )
        if one.name in DIALECTS[kind].filters:
            check_request(spec, kind)
            assert request_body(spec, 2, "m", kind, ())[one.name] == getattr(drawn, one.name)
        else:
            with pytest.raises(InputError, match=rf"^{one.name} is not known to .* leave it out\.$"):
                check_request(spec, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_token_is_ignored_where_the_server_can_or_that_is_refused(kind: Kind) -> None:
    spec = RequestSpec("x", ignore_eos=True)
    if kind in ("vllm", "sglang", "llama.cpp"):
        check_request(spec, kind)
        assert request_body(spec, 0, "m", kind, ())["ignore_eos"] is True
    else:
        with pytest.raises(InputError, match="ignore_eos is not known to"):
            check_request(spec, kind)


def test_each_request_has_a_seed_of_its_own_that_fits_in_31_bits() -> None:
    spec = RequestSpec("x", sampling=Sampling(temperature=1.0, seed=2**63 - 1))
    seeds = [request_body(spec, index, "m", "vllm", ())["seed"] for index in range(3)]
    assert seeds == [2**31 - 1, 0, 1]
    assert "seed" not in request_body(PLAIN, 0, "m", "vllm", ())


def test_a_chat_sends_messages_and_a_prompt_becomes_a_user_s_message() -> None:
    body = request_body(RequestSpec("Hello", chat=True, stop=("x",)), 0, "m", "openai", ())
    assert (body["messages"], body["stop"]) == ([{"role": "user", "content": "Hello"}], ["x"])
    assert "prompt" not in body
    spec = RequestSpec("shown only", messages=(("system", "Be brief."), ("user", "Hello")))
    assert request_body(spec, 0, "m", "openai", ())["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
    ]


def test_options_ask_for_what_a_kind_can_tell() -> None:
    asked = request_body(PLAIN, 0, "m", "vllm", options_of("vllm", 2))
    assert asked["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert (asked["return_token_ids"], asked["logprobs"]) == (True, 2)
    chat = request_body(RequestSpec("x", chat=True), 0, "m", "llama.cpp", options_of("llama.cpp", 0))
    assert (chat["logprobs"], chat["top_logprobs"], chat["timings_per_token"]) == (True, 1, True)
    assert "return_tokens" not in chat


def test_logprobs_are_not_asked_for_where_that_is_not_wanted_or_fails() -> None:
    assert "logprobs" not in [one.name for one in options_of("vllm", None)]
    assert options_of("llama-cpp-python", 5) == ()


def test_the_options_of_one_field_are_joined_in_any_order() -> None:
    options = options_of("vllm", None)
    asked = [request_body(PLAIN, 0, "m", "vllm", order)["stream_options"] for order in (options, options[::-1])]
    assert asked[0] == asked[1]
