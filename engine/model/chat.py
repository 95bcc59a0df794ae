"""The chat template of a checkpoint: how it wants a conversation written as one text.

A template is a program that came with the weights, so it runs in jinja2's sandbox, with what transformers gives it:
the messages, `tools` and `documents` (None: there are none here), `add_generation_prompt`, the special tokens,
`raise_exception`, `strftime_now`, `tojson`, and the block `{% generation %}` that marks what a model says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.errors import InputError
from engine.model.files import is_there, read_text

TEMPLATE_BYTES: Final = 4 * 2**20
"""Of chat_template.jinja; the longest there are take 30 kB."""


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A template and the special tokens it may name (`bos_token` and so on)."""

    source: str
    tokens: dict[str, str]

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The conversation as text, up to where the answer begins; raises InputError where the template refuses it."""
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols]
        )
        environment.filters["tojson"] = to_json
        environment.globals["raise_exception"] = refuse
        environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
        try:
            template = environment.from_string(self.source)
            # A template asks `tools is not none`, which holds for a name that nobody gave it.
            given: dict[str, Any] = {"tools": None, "documents": None, "add_generation_prompt": True, **self.tokens}
            return template.render(given, messages=messages)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise InputError(f"The chat template does not take these messages: {why}.") from error


class GenerationBlock(Extension):
    """`{% generation %}...{% endgeneration %}`: marks the model's own words for training, and writes what is in it.

    What is set inside is not seen outside, as in any block of its own scope.
    """

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    @staticmethod
    def _write(caller: Callable[[], str]) -> str:
        return caller()


def refuse(message: str) -> None:
    """What a template calls when it is given messages it is not made for."""
    raise TemplateError(message)


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON that, unlike jinja2's own, escapes nothing for HTML."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def load_chat_template(path: Path, config: dict[str, Any]) -> ChatTemplate | None:
    """The template in `chat_template.jinja`, else in tokenizer_config.json (of several the default), else None."""
    file = path / "chat_template.jinja"
    given = config.get("chat_template")
    if isinstance(given, list):
        named = (entry for entry in given if isinstance(entry, dict) and entry.get("name") == "default")
        given = next(named, {}).get("template")
    source = read_text(file, TEMPLATE_BYTES) if is_there(file) else given
    if not isinstance(source, str):
        return None
    tokens = {
        name: content
        for name, value in config.items()
        if name.endswith("_token")
        if isinstance(content := value.get("content") if isinstance(value, dict) else value, str)
    }
    return ChatTemplate(source, tokens)
