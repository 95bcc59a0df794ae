"""The chat template of a checkpoint: how it wants a conversation written as one text.

A template is a program that came with the weights, so it runs in jinja2's sandbox, in a process of its own
(`chat_render.py`) and with limits on its time, memory and text (`chat_limits.py`). It is given what transformers gives
it: the messages, `tools` and `documents` (None: there are none here), `add_generation_prompt`, the special tokens,
`raise_exception`, `strftime_now`, `tojson`, and the block `{% generation %}` that marks what a model says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.model.chat_limits import MOST_SOURCE_BYTES
from engine.model.chat_process import TemplateProcess
from engine.model.files import is_there, read_text


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """A template and the special tokens it may name (`bos_token` and so on)."""

    source: str
    tokens: dict[str, str]
    process: TemplateProcess = field(default_factory=TemplateProcess, compare=False, repr=False)
    """Where it is rendered; there is none before the first conversation."""

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The conversation as text, up to where the answer begins.

        Raises InputError where the template refuses it, fails at it, or takes more time, memory or text than it may.
        """
        return self.process.render(self.source, self.tokens, messages)


def load_chat_template(path: Path, config: dict[str, Any]) -> ChatTemplate | None:
    """The template in `chat_template.jinja`, else in tokenizer_config.json (of several the default), else None.

    Raises CheckpointError for a file that is none, too large, or not UTF-8.
    """
    file = path / "chat_template.jinja"
    given = config.get("chat_template")
    if isinstance(given, list):
        defaults = [one for one in given if isinstance(one, dict) and one.get("name") == "default"]
        given = defaults[-1].get("template") if defaults else None
    source = with_plain_lines(read_text(file, MOST_SOURCE_BYTES)) if is_there(file) else given
    if not isinstance(source, str):
        return None
    tokens = {
        name: content
        for name, value in config.items()
        if name.endswith("_token")
        if isinstance(content := value.get("content") if isinstance(value, dict) else value, str)
    }
    return ChatTemplate(source, tokens)


def with_plain_lines(text: str) -> str:
    """Text with `\\n` at the end of every line, as Python reads text files."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
