"""A conversation is written as transformers writes it, and a template can do nothing but write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InputError
from engine.model.tokenizer import Tokenizer, load_tokenizer
from tests.engine.model.test_tokenizer import byte_level, save

CHATML = (
    "{{ bos_token }}{% for message in messages %}\n    {%- if message.role == 'tool' %}{% continue %}{% endif %}"
    "<|{{ message.role }}|>{{ message.content | trim }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}{{ messages | tojson }}"
)
MESSAGES = [
    {"role": "user", "content": " The cat sits on "},
    {"role": "tool", "content": "x"},
    {"role": "assistant", "content": "the mat <é>"},
]


def tokenizer_with(folder: Path, template: Any, **config: Any) -> Tokenizer:
    return load_tokenizer(save(folder, byte_level(), True, chat_template=template, **config))


def encode_prompt(tokenizer: Tokenizer, prompt: str, chat: bool, turns: Sequence[tuple[str, str]] = ()) -> list[int]:
    """Token ids of a request's prompt, rendered once and then encoded, as the engine does it."""
    return tokenizer.encode_rendered(tokenizer.render(prompt, chat, turns), chat or bool(turns))


def encode_chat(tokenizer: Tokenizer, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """Token ids of a conversation."""
    return encode_prompt(tokenizer, "", True, [(one["role"], one["content"]) for one in messages])


@pytest.mark.parametrize("where", ["config", "list", "file"])
def test_a_conversation_is_written_as_transformers_writes_it(where: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    several = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": CHATML}]
    mine = tokenizer_with(tmp_path, {"config": CHATML, "list": several, "file": None}[where])
    if where == "file":
        (tmp_path / "chat_template.jinja").write_text(CHATML)
        config = json.loads((tmp_path / "tokenizer_config.json").read_text())
        del config["chat_template"]
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        mine = load_tokenizer(save_nothing(tmp_path))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert mine.chat is not None
    assert mine.chat.render(MESSAGES) == theirs.apply_chat_template(
        MESSAGES, tokenize=False, add_generation_prompt=True
    )
    ids = theirs.apply_chat_template(MESSAGES, tokenize=True, add_generation_prompt=True, return_dict=True)
    assert encode_chat(mine, MESSAGES) == ids["input_ids"]


@pytest.mark.parametrize(
    "template",
    [
        "{% if tools is not none %}[TOOLS]{{ tools | length }}[/TOOLS]{% endif %}{{ messages[0].content }}",
        "{% if documents is none %}none{% endif %}{{ messages[0].content }}",
        "{% for m in messages %}{% generation %}\n  {{ m.content }}\n{% endgeneration %}|{% endfor %}",
        "{% set ns = namespace(n=0) %}{% generation %}{% set ns.n = 7 %}{% set m = 1 %}{% endgeneration %}{{ ns.n }}",
        "{{ messages | tojson(sort_keys=true, separators=(',', ':')) }}{{ messages | tojson(true) }}",
        "{{ messages | tojson(indent=2) }}",
    ],
)
def test_what_a_template_may_ask_for_is_what_transformers_gives_it(template: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    mine = tokenizer_with(tmp_path, template)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    assert mine.chat is not None
    wanted = theirs.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=True)
    assert mine.chat.render(MESSAGES) == wanted


def save_nothing(folder: Path) -> Any:
    from engine.model.checkpoint import Checkpoint

    return Checkpoint(folder, {}, {}, {})


def test_without_a_template_a_chat_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no chat template"):
        encode_chat(tokenizer_with(tmp_path, None), MESSAGES)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{{ raise_exception('Only two roles.') }}", r"Only two roles\.$"),
        ("{% unknown %}", r"[^.]\.$"),
        ("{{ 1 + 'a' }}", "does not take these messages: unsupported operand"),
        ("{{ 1 // 0 }}", "does not take these messages"),
        ("{% for %}", "does not take these messages"),
        ("{{ messages.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "does not take these messages"),
    ],
)
def test_a_template_that_refuses_or_reaches_out_ends_in_a_sentence(template: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=why) as caught:
        encode_chat(tokenizer_with(tmp_path, template), MESSAGES)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert not str(caught.value).endswith("..")


def test_a_prompt_is_text_or_the_one_message_of_a_chat(tmp_path: Path) -> None:
    tokenizer = tokenizer_with(tmp_path, "<|{{ messages[0].role }}|>{{ messages[0].content }}")
    assert encode_prompt(tokenizer, "the cat", chat=False) == list(tokenizer.encode("the cat"))
    assert encode_prompt(tokenizer, "the cat", chat=True) == encode_chat(
        tokenizer, [{"role": "user", "content": "the cat"}]
    )
    turns = [("system", "Be brief."), ("user", "the cat")]
    assert encode_prompt(tokenizer, "the cat", True, turns) == encode_chat(
        tokenizer, [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "the cat"}]
    )
