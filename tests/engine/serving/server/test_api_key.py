"""The key of a server: where it comes from, whom it is shown to, and where it never appears."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from engine.errors import InputError
from engine.serving.server.address import server_address
from engine.serving.server.api_key import ApiKey, find_key

LOCAL = server_address("http://127.0.0.1:8000")
FAR = server_address("http://example.com")
SECURE = server_address("https://example.com")
SECRET = "sk-2f9a0c77d1e84b"


def shown(key: ApiKey | None) -> str:
    assert key is not None
    return next(told["Authorization"] for told in map(key.headers, (LOCAL, FAR, SECURE)) if told)


def test_our_own_variable_goes_before_the_common_one_and_before_a_question() -> None:
    both = {"DECODESCOPE_API_KEY": "own", "OPENAI_API_KEY": "common"}
    assert shown(find_key(LOCAL, both, lambda: "asked")) == "Bearer own"
    assert shown(find_key(LOCAL, {"OPENAI_API_KEY": "common"}, lambda: "asked")) == "Bearer common"
    assert shown(find_key(LOCAL, {}, lambda: " asked\n")) == "Bearer asked"


def test_the_common_key_is_not_sent_where_others_can_read_it() -> None:
    assert find_key(FAR, {"OPENAI_API_KEY": "common"}) is None
    assert shown(find_key(SECURE, {"OPENAI_API_KEY": "common"})) == "Bearer common"
    assert shown(find_key(FAR, {"DECODESCOPE_API_KEY": "own"})) == "Bearer own"


def test_no_key_is_none() -> None:
    assert find_key(LOCAL, {}) is None
    assert find_key(LOCAL, {"DECODESCOPE_API_KEY": "  "}, lambda: "") is None


def test_another_server_is_not_shown_the_key() -> None:
    key = ApiKey(SECRET, SECURE)
    assert key.headers(SECURE)
    for other in (
        FAR,
        LOCAL,
        server_address("https://example.com:8443"),
        server_address("https://example.com.evil.org"),
    ):
        assert key.headers(other) == {}


def test_the_key_is_in_no_text_of_the_object_and_is_not_copied() -> None:
    key = ApiKey(SECRET, LOCAL)
    assert SECRET not in f"{key} {key!r} {[key]} {vars(type(key))}"
    for of in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            of(key)


@pytest.mark.parametrize("secret", ["", "two words", "line\nend", "schlüssel", "x" * 5000, "\x00"])
def test_a_key_that_no_header_can_hold_is_refused_without_repeating_it(secret: str) -> None:
    with pytest.raises(InputError, match="printable ASCII") as caught:
        ApiKey(secret, LOCAL)
    if secret:
        assert secret not in "".join(traceback.format_exception_only(caught.value))


def test_a_server_that_repeats_the_key_is_not_quoted_with_it() -> None:
    assert ApiKey(SECRET, LOCAL).hidden_in(f"Incorrect key {SECRET}!") == "Incorrect key [the key]!"
    assert ApiKey("EMPTY", LOCAL).hidden_in("An EMPTY text") == "An EMPTY text"
