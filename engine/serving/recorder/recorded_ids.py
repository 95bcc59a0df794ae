"""The id that a client knows of a request, from the id that vLLM's scheduler has."""

from __future__ import annotations

import re
from typing import Final

RANDOM_END: Final = re.compile(r"-[0-9a-f]{8}$")
"""What vLLM appends to every id, so that two requests with one id stay apart."""
SAMPLE: Final = re.compile(r"^\d+_(?=(?:cmpl|chatcmpl|resp)-)")
"""What stands before the id of one of several samples of a prompt (`n` above 1)."""
PROMPT: Final = re.compile(r"^(cmpl-.*)-\d+$", re.DOTALL)
"""A completion appends the number of the prompt, because it may have several."""


def client_id(internal: str) -> str:
    """The `id` of the stream that the client reads, as far as it can be told: `cmpl-A` of `cmpl-A-0-1f2e3d4c`.

    A client that sent the header X-Request-Id finds its value after `cmpl-` or `chatcmpl-`.
    """
    name = SAMPLE.sub("", RANDOM_END.sub("", internal))
    found = PROMPT.match(name)
    return found[1] if found else name
