"""The chat template of a checkpoint: how it wants a conversation written as one text.

A template is a program that came with the weights, so it runs in jinja2's sandbox, with what transformers gives it:
the messages, `add_generation_prompt`, the special tokens, `raise_exception`, `strftime_now` and `tojson`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import InputError


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A template and the special tokens it may name (`bos_token` and so on)."""

    source: str
    tokens: dict[str, str]

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The conversation as text, up to where the answer begins; raises InputError where the template refuses it."""
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.filters["tojson"] = to_json
        environment.globals["raise_exception"] = refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        try:
            template = environment.from_string(self.source)
            return template.render(messages=messages, add_generation_prompt=True, **self.tokens)
        except TemplateError as error:
            raise InputError(f"The chat template does not take these messages: {error}.") from error


def refuse(message: str) -> None:
    """What a template calls when it is given messages it is not made for."""
    raise TemplateError(message)


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON that, unlike jinja2's own, escapes nothing for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def load_chat_template(path: Path, config: dict[str, Any]) -> ChatTemplate | None:
    """The template in `chat_template.jinja`, else in tokenizer_config.json (of several the default), else None."""
    file = path / "chat_template.jinja"
    given = config.get("chat_template")
    if isinstance(given, list):
        named = {entry.get("name"): entry.get("template") for entry in given if isinstance(entry, dict)}
        given = named.get("default")
    source = file.read_text(encoding="utf-8") if file.exists() else given
    if not isinstance(source, str):
        return None
    tokens = {
        name: content
        for name, value in config.items()
        if name.endswith("_token")
        if isinstance(content := value.get("content") if isinstance(value, dict) else value, str)
    }
    return ChatTemplate(source, tokens)
