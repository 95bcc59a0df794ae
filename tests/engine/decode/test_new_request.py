"""What is asked of a request before it may wait: a prompt of known tokens, rendered once, and room for it."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.settings import RequestSpec, RunSpec, SwitchChange, Switches, as_typed, merged
from engine.decode.engine import Engine
from engine.decode.new_request import check_known, check_length
from engine.errors import InputError, UnavailableError
from engine.figures.json_figures import json_figures
from engine.figures.metrics import summarise
from engine.model.loader import LoadedModel
from engine.session.schema import Mark, RequestArrived
from tests.engine.drive import drive, session_of
from tests.engine.scripted import load_scripted, save_scripted

SCRIPT = "a b c d e f g a"


def with_template(folder: Path, template: str) -> LoadedModel:
    save_scripted(folder, SCRIPT)
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    return load_scripted(folder)


def test_a_prompt_is_rendered_once_so_that_what_is_counted_is_what_runs(tmp_path: Path) -> None:
    """A template may draw at random, or say the time, which has gone on when the request arrives."""
    model = with_template(tmp_path / "model", "{% for _ in range(range(1, 99) | random) %}a {% endfor %}b")
    for _ in range(8):
        events = drive(model, RunSpec((RequestSpec("x", 3, chat=True),)))
        [arrived] = [event for event in events if isinstance(event, RequestArrived)]
        figures = summarise(session_of(events)).requests[0]
        assert figures.prompt_tokens == len(arrived.prompt_token_ids)
        assert len(figures.token_ids) == 3


def test_a_template_that_renders_to_nothing_is_refused(tmp_path: Path) -> None:
    model = with_template(tmp_path / "model", "{# nothing #}")
    with pytest.raises(InputError, match=r"^Request 1: The chat template makes no token of this prompt"):
        drive(model, RunSpec((RequestSpec("a", 3), RequestSpec("a", 3, chat=True))))
    with pytest.raises(InputError, match=r"^Request 1: The tokenizer makes no token of this prompt"):
        drive(model, RunSpec((RequestSpec("a", 3), RequestSpec("   ", 3))))


def test_a_token_without_an_embedding_is_named(tmp_path: Path) -> None:
    model = load_scripted(save_scripted(tmp_path / "model", SCRIPT, special=["[PAD]"]))
    with pytest.raises(InputError, match=r"request 1 has the token '\[PAD\]' \(id 9\), and the model .* 9 tokens"):
        drive(model, RunSpec((RequestSpec("a", 3), RequestSpec("a [PAD]", 3))))


@pytest.mark.parametrize("token", [-1, 2**31, 2**70])
def test_a_token_that_no_model_has_is_named_by_its_number(token: int, tiny_model: LoadedModel) -> None:
    with pytest.raises(InputError, match=rf"request 0 has the token .*{token}.*, and the model has embeddings for 260"):
        check_known([5, token], 0, tiny_model)


def test_a_prompt_that_is_too_long_is_told_by_its_request(tiny_model: LoadedModel) -> None:
    with pytest.raises(InputError, match="The prompt of request 1 has 301 tokens"):
        drive(tiny_model, RunSpec((RequestSpec("a", 3), RequestSpec("a" * 300, 3))))


def test_a_prompt_that_is_far_too_long_is_not_encoded(tiny_model: LoadedModel) -> None:
    """It took 240 bytes of memory a character, which is 2.4 GB for this one."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"^Request 0: The prompt has 10000000 characters, and at most 1048576 are"):
        drive(tiny_model, RunSpec((RequestSpec("a b " * 2_500_000, 3),)))
    words = (
        r"^Request 0: The prompt has more than 256 tokens in its first 65536 of 1000000 characters, and the model's "
    )
    with pytest.raises(InputError, match=words):
        drive(tiny_model, RunSpec((RequestSpec("a b " * 250_000, 3),)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB


def test_a_long_context_is_counted_in_pieces_and_no_further_than_twice_over() -> None:
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return len(text) // 4

    check_length("a" * 2**19, 2**20, count)  # it has no more tokens than characters
    assert counted == []
    check_length("a" * 2**22, 2**20, count)  # a million tokens, to be counted exactly
    assert sum(counted) == 2**22
    counted.clear()
    with pytest.raises(InputError, match="more than 131072 tokens in its first 1114112 of 2097152 characters"):
        check_length("a" * 2**21, 2**17, count)
    assert max(counted) == 2**16
    assert sum(counted) == 2**20 + 2**16
    with pytest.raises(InputError, match="at most 8388608 are encoded for the model's context of 10000000 tokens"):
        check_length("a" * (2**23 + 1), 10_000_000, count)


@pytest.mark.parametrize(("kv", "positions"), [("contiguous", 15), ("paged", 16)])
def test_a_request_that_has_no_room_even_alone_is_refused(tiny_model: LoadedModel, kv: str, positions: int) -> None:
    """BOS, four bytes and ten new tokens; whole blocks of 16 where there are blocks."""
    position = tiny_model.config.kv_bytes_per_position(4)
    switches = Switches(kv=kv, block_size=16, kv_memory=positions * position)  # type: ignore[arg-type]
    spec = RequestSpec("abcd", 10, ignore_eos=True)
    drive(tiny_model, RunSpec((spec,), switches))
    less = replace(switches, kv_memory=positions * position - 1)
    with pytest.raises(InputError, match=f"Request 0 may come to 15 tokens, which need {positions * position} bytes"):
        drive(tiny_model, RunSpec((spec,), less))
    drive(tiny_model, RunSpec((spec,), replace(less, kv="none")))  # nothing is kept, so nothing is needed


def test_requests_stand_as_they_were_given_whenever_they_arrive(tiny_model: LoadedModel) -> None:
    """A session that was just recorded tells the same as its file, which is read by id."""
    specs = (RequestSpec("abc", 3, arrival_s=0.5), RequestSpec("a", 3, arrival_s=0.0), RequestSpec("ab", 3, 0.2))
    session = session_of(drive(tiny_model, RunSpec(specs)))
    assert [request.id for request in summarise(session).requests] == [0, 1, 2]
    figures = json_figures(session)
    assert [request["prompt_tokens"] for request in figures["requests"]] == [4, 2, 3]
    assert figures["settings"]["sampling"]["seed"] == 0


def test_switches_of_one_step_are_one_change() -> None:
    changes = [SwitchChange(5, {"kv": "paged"}), SwitchChange(2, {"k": 3}), SwitchChange(5, {"attention": "reference"})]
    assert merged(changes) == [
        SwitchChange(2, {"k": 3}), SwitchChange(5, {"kv": "paged", "attention": "reference"}),
    ]  # fmt: skip
    with pytest.raises(InputError, match="Step 5 cannot switch kv to both paged and none"):
        merged([*changes, SwitchChange(5, {"kv": "none"})])


def test_a_switch_is_written_as_it_is_typed(tiny_model: LoadedModel) -> None:
    assert [as_typed(value) for value in (True, False, None, 3, "paged")] == ["on", "off", "no limit", "3", "paged"]
    with pytest.raises(UnavailableError, match=r"graphs=on cannot run here: No\."):
        Engine(tiny_model, RunSpec((RequestSpec("a", 1),), Switches(graphs=True)), {"graphs=True": "No."}, print)
    run = RunSpec((RequestSpec("a", 6),), switch_at=(SwitchChange(2, {"kv_memory": 10**9}),))
    marks = [event.label for event in drive(tiny_model, run) if isinstance(event, Mark) and event.kind == "switch"]
    assert marks == ["kv_memory: no limit → 1000000000"]
