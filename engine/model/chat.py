"""The chat template of a checkpoint: it turns a conversation into one text.

A template is a program that came with the weights, so it runs in jinja2's sandbox, in a process of its own
(`chat_render.py`) and with limits on its time, memory and text (`chat_limits.py`). A template gets the same names as in
transformers: the messages, `tools` and `documents` (always None here), `add_generation_prompt`, the special tokens,
`raise_exception`, `strftime_now`, `tojson`, and the block `{% generation %}`, which marks the model's own text.
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
    """A template, and the special tokens that it may use by name (`bos_token` and so on)."""

    source: str
    tokens: dict[str, str]
    process: TemplateProcess = field(default_factory=TemplateProcess, compare=False, repr=False)
    """Renders the template; its child process starts with the first conversation."""

    def render(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The conversation as text, up to where the answer begins.

        Raises InputError where the template refuses it, fails, or exceeds its limit of time, memory or text.
        """
        return self.process.render(self.source, self.tokens, messages)


def load_chat_template(path: Path, config: dict[str, Any]) -> ChatTemplate | None:
    """The template in `chat_template.jinja`, else in tokenizer_config.json (of several the default), else None.

    Raises CheckpointError where `chat_template.jinja` is not a regular file, is too large, or is not UTF-8.
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
