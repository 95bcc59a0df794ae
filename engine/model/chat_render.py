"""Renders chat templates in a separate process: a template is a program that came with somebody's weights.

Started as `python -m engine.model.chat_render HANDLE PARENT`, the process answers each `Conversation` with a
`Rendered`. It receives nothing but the conversation. A template runs in jinja2's sandbox and cannot start programs. The
process limits its own memory. Its parent ends it where it takes too long; it ends itself where the parent cannot.
Imports no torch.
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the app handles Ctrl-C
    die_with(int(sys.argv[2]))
    connection = open_connection(int(sys.argv[1]))
    bound_memory(MOST_MEMORY_BYTES)
    nowhere = open(os.devnull, "w")  # noqa: SIM115 - open until the process ends
    asked = msgspec.msgpack.Decoder(Conversation)
    connection.send_bytes(b"")  # ready; the time limits start here
    while True:
        try:
            conversation = asked.decode(connection.recv_bytes())
            faulthandler.dump_traceback_later(ORPHAN_S, exit=True, file=nowhere)  # works also where Python is blocked
            answer = msgspec.msgpack.encode(rendered(conversation))
            faulthandler.cancel_dump_traceback_later()
            connection.send_bytes(answer)
        except (EOFError, OSError):
            os._exit(0)


def bound_memory(most_bytes: int) -> None:
    """Limit the address space of this process, so that Python raises MemoryError beyond it, and disable core dumps.

    Does nothing where the system has no such limit.
    """
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
    """The rendered conversation, or the reason why the template did not render it."""
    try:
        return Rendered(text=text_of(conversation))
    except MemoryError:
        return Rendered(error="it needs too much memory")
    except Exception as error:  # a template can raise anything; only this conversation fails
        return Rendered(error=one_line(" ".join(str(error).split())) or type(error).__name__)


def text_of(conversation: Conversation) -> str:
    """The conversation as text, up to where the answer begins; raises any error that the template raises."""
    template = compiled(conversation.source)
    # A template tests `tools is not none`. This is true for an undefined name, so unused names are given as None.
    given: dict[str, Any] = {"tools": None, "documents": None, "add_generation_prompt": True, **conversation.tokens}
    pieces: list[str] = []
    left = MOST_TEXT_BYTES
    for piece in template.generate(given, messages=conversation.messages):
        left -= len(piece.encode())  # raises UnicodeEncodeError for a lone surrogate
        if left < 0:
            raise TemplateError(f"it writes more than {MOST_TEXT_BYTES >> 20} MB of text")
        pieces.append(piece)
    return "".join(pieces)


@lru_cache(1)
def compiled(source: str) -> Template:
    """The compiled template, with the filters and globals that transformers provides; raises jinja2's errors."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationBlock, loopcontrols]
    )
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(source)


class GenerationBlock(Extension):
    """`{% generation %}...{% endgeneration %}`: marks the model's own text for training; here it is written unchanged.

    The block has its own scope: variables set inside are not visible outside.
    """

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    @staticmethod
    def _write(caller: Callable[[], str]) -> str:
        return caller()


def refuse(message: str) -> None:
    """`raise_exception`: a template calls it for messages that it does not support."""
    raise TemplateError(message)


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON without HTML escapes, unlike jinja2's own `tojson`."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


if __name__ == "__main__":
    main()
