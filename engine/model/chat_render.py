"""Renders chat templates, in a process of its own: a template is a program that came with somebody's weights.

Started as `python -m engine.model.chat_render HANDLE PARENT`, it answers each `Conversation` with a `Rendered`. It is
told nothing but the conversation, cannot start anything (jinja2's sandbox), and is given only so much memory; its
parent ends it where it takes too long, and it ends itself where the parent cannot. Imports no torch.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.model.chat_limits import MOST_MEMORY_BYTES, MOST_TEXT_BYTES, ORPHAN_S, Conversation, Rendered
from engine.plain_text import one_line
from engine.spawning import die_with, open_connection


def main() -> None:
    """Answer conversations until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the app's to handle
    die_with(int(sys.argv[2]))
    connection = open_connection(int(sys.argv[1]))
    bound_memory(MOST_MEMORY_BYTES)
    nowhere = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    asked = msgspec.msgpack.Decoder(Conversation)
    connection.send_bytes(b"")  # ready: from here on time is counted
    while True:
        try:
            conversation = asked.decode(connection.recv_bytes())
            faulthandler.dump_traceback_later(ORPHAN_S, exit=True, file=nowhere)  # without Python, whatever it is doing
            answer = msgspec.msgpack.encode(rendered(conversation))
            faulthandler.cancel_dump_traceback_later()
            connection.send_bytes(answer)
        except (EOFError, OSError):
            os._exit(0)


def bound_memory(most_bytes: int) -> None:
    """Refuse this process more address space than that, where the system can: a MemoryError follows."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    for kind, most in ((resource.RLIMIT_AS, most_bytes), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):  # macOS has no such limit, or a lower one is set
            continue


def rendered(conversation: Conversation) -> Rendered:
    """What the template makes of a conversation, or why it makes nothing of it."""
    try:
        return Rendered(text=text_of(conversation))
    except MemoryError:
        return Rendered(error="it needs too much memory")
    except Exception as error:  # whatever a template can bring about: it ends this conversation only
        return Rendered(error=one_line(" ".join(str(error).split())) or type(error).__name__)


def text_of(conversation: Conversation) -> str:
    """The conversation as text, up to where the answer begins; raises whatever a template can bring about."""
    template = compiled(conversation.source)
    # A template asks `tools is not none`, which holds for a name that nobody gave it.
    given: dict[str, Any] = {"tools": None, "documents": None, "add_generation_prompt": True, **conversation.tokens}
    pieces: list[str] = []
    left = MOST_TEXT_BYTES
    for piece in template.generate(given, messages=conversation.messages):
        left -= len(piece.encode())  # refuses half of a surrogate pair, too
        if left < 0:
            raise TemplateError(f"it writes more than {MOST_TEXT_BYTES >> 20} MB of text")
        pieces.append(piece)
    return "".join(pieces)


@lru_cache(1)
def compiled(source: str) -> Template:
    """The template, with what transformers gives it; raises what its own text brings about."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols]
    )
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(source)


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


if __name__ == "__main__":
    main()
