"""A file of requests: what a line may say, and what is said about a line that is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.client import requests_file
from engine.client.requests_file import examine, read_requests
from engine.core.settings import RequestSpec, Sampling
from engine.errors import InputError
from engine.session.patience import GivenUpError, Patience


def read(folder: Path, *lines: str) -> tuple[RequestSpec, ...]:
    file = folder / "r.jsonl"
    file.write_text("\n".join(lines))
    return read_requests(str(file), 7, False, Sampling(0.5, 3, 0.9, 0.1, 11), stop=("END",))


def test_a_line_says_what_differs_from_the_options(tmp_path: Path) -> None:
    plain, own = read(
        tmp_path,
        '{"prompt": "a"}',
        '{"prompt": "b", "temperature": 1, "top_k": 0, "top_p": 1.0, "min_p": 0, "seed": 5, "stop": ["x", "y"], '
        '"ignore_eos": true, "max_new_tokens": 2, "arrival_s": 3, "chat": true}',
    )
    assert plain == RequestSpec("a", 7, stop=("END",), sampling=Sampling(0.5, 3, 0.9, 0.1, 11))
    assert own == RequestSpec("b", 2, 3.0, True, ("x", "y"), Sampling(1.0, 0, 1.0, 0.0, 5), True)


def test_one_stop_text_needs_no_list_and_an_empty_list_means_none(tmp_path: Path) -> None:
    one, none = read(tmp_path, '{"prompt": "a", "stop": "x"}', '{"prompt": "a", "stop": []}')
    assert (one.stop, none.stop) == (("x",), ())


def test_messages_are_a_chat_with_system_and_turns(tmp_path: Path) -> None:
    turns = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Why?")]
    line = json.dumps({"messages": [{"role": role, "content": content} for role, content in turns], "seed": 2})
    (request,) = read(tmp_path, line)
    assert (request.messages, request.prompt, request.chat) == (tuple(turns), "Why?", True)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"messages": []}', '"messages" must be a list of at least one message'),
        ('{"messages": [{"role": "user"}]}', 'each of "messages" must be an object of "role" and "content"'),
        ('{"messages": [{"role": "user", "content": 1}]}', "a content must be a text"),
        ('{"messages": [{"role": "user", "content": "a"}], "prompt": "a"}', 'it gives both "prompt" and "messages"'),
        ('{"messages": [{"role": "user", "content": "a"}], "chat": false}', '"messages" are a chat'),
        ("hello", "it is not JSON (Expecting value at column 1)"),
        ('{"prompt": "a"', "it is not JSON (Expecting ',' delimiter at column 15)"),
        ("[" * 100_000, "it is not JSON that can be read"),
        ('{"prompt": "a", "max_new_tokens": ' + "9" * 5000 + "}", "it is not JSON that can be read"),
        ('{"prompt": "a", "prompt": "b"}', "it gives 'prompt' twice"),
        ('{"prompt": "a", "top_k": 1.5}', '"top_k" must be a whole number'),
        ('{"prompt": "a", "top_k": true}', '"top_k" must be a whole number'),
        ('{"prompt": "a", "temperature": "hot"}', '"temperature" must be a number'),
        ('{"prompt": "a", "temperature": NaN}', "temperature must be between"),
        ('{"prompt": "a", "arrival_s": 1' + "0" * 400 + "}", '"arrival_s" is too large'),
        ('{"prompt": "a", "stop": [1]}', 'each of "stop" must be a text'),
        ('{"prompt": "a", "stop": [""]}', "A stop text must not be empty"),
        ('{"prompt": "a", "ignore_eos": 1}', '"ignore_eos" must be true or false'),
        ('{"prompt": "a", "heat": 1}', "it has the unknown key 'heat'; known are arrival_s, chat, ignore_eos, "),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, '{"prompt": "fine"}', "", line)
    sentence = str(caught.value)
    assert sentence.startswith(f"Line 3 of {tmp_path / 'r.jsonl'} is wrong: {why}")
    assert "\n" not in sentence


def test_a_line_of_many_names_is_read_in_time_and_a_long_name_is_cut(tmp_path: Path) -> None:
    many = json.dumps({f"name {number}": 1 for number in range(200_000)})
    with pytest.raises(InputError, match=r"it has the unknown key 'name 0'; known are"):
        read(tmp_path, many)
    with pytest.raises(InputError, match="it gives 'a' twice"):
        read(tmp_path, '{"prompt": "x", "a": 1, "a": 2}')
    with pytest.raises(InputError, match="it has the unknown key 'xxx") as raised:
        read(tmp_path, json.dumps({"x" * 1_000_000: 1}))
    assert len(str(raised.value)) < 600


def test_a_file_is_read_no_further_than_to_its_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_file, "MOST_REQUESTS", 3)
    assert len(read(tmp_path, *['{"prompt": "a"}'] * 3)) == 3
    with pytest.raises(InputError, match=r"holds more than 3 requests\.$"):
        read(tmp_path, *['{"prompt": "a"}'] * 4)
    monkeypatch.setattr(requests_file, "MOST_BYTES", 2**20)
    with pytest.raises(InputError, match=r"has more than 1 MB\.$"):
        read(tmp_path, *['{"prompt": "a"}', " " * 2**20])
    with pytest.raises(InputError, match=r"^The requests file /dev/zero has more than 1 MB\.$"):
        read_requests("/dev/zero", 7, False, Sampling())
    monkeypatch.undo()
    with pytest.raises(InputError, match=r"^Line 1 of /dev/zero has more than 16 MB\.$"):
        read_requests("/dev/zero", 7, False, Sampling())


def test_stop_texts_are_few_and_short(tmp_path: Path) -> None:
    assert len(read(tmp_path, json.dumps({"prompt": "a", "stop": ["x" * 10_000] * 1000}))[0].stop) == 1000
    for stops in (["x"] * 1_000_000, ["x" * 10_000_000]):
        with pytest.raises(InputError, match=r"Line 1 of .* at most 1000 stop texts of at most 10000 characters\.$"):
            read(tmp_path, json.dumps({"prompt": "a", "stop": stops}))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_read_when_something_is_in_it_and_not_waited_for_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(requests_file, "WRITTEN_WITHIN_S", 0.0)
    with pytest.raises(InputError, match=r"pipe was not written to for 0 s\.$"):
        read_requests(str(pipe), 7, False, Sampling())
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # keeps what is written until it is read by another
    try:
        with pipe.open("wb") as writer:
            writer.write(b'{"prompt": "a"}\n')
        assert [one.prompt for one in read_requests(str(pipe), 7, False, Sampling())] == ["a"]
    finally:
        os.close(reader)


def test_every_wrong_line_of_a_file_is_noted_and_the_first_hundred_are_told(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_bytes(b'{"prompt": "a"}\n\xff\n\n{"prompt": "b", "top_p": 7}\n' + b"[]\n" * 300)
    found = examine(str(file))
    assert [line.own["prompt"] for line in found.lines] == ["a"]
    assert (found.wrong, len(found.faults)) == (302, requests_file.MOST_FAULTS)
    assert [one.line for one in found.faults[:3]] == [2, 4, 5]
    assert found.faults[0].sentence == "it is not UTF-8 text."
    assert found.faults[1].sentence.startswith("top_p must be above 0")
    assert found.specs(RequestSpec("", 9)) == (RequestSpec("a", 9),)


def test_a_reading_can_be_given_up(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text('{"prompt": "a"}\n')
    patience = Patience()
    patience.give_up()
    with pytest.raises(GivenUpError):
        examine(str(file), patience)
