"""Writes the JSON of exports and of the command line so that any JSON parser can read it.

Python writes NaN and Infinity, which JSON does not have, and leaves lone surrogates, which UTF-8 cannot encode. Here
NaN and Infinity become null. Lone surrogates, and characters that would control a terminal, are escaped.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from engine.plain_text import SURROGATES, TURNING
from engine.session.json_value import json_value

ESCAPED: Final = re.compile(f"[\x7f-\x9f\u2028\u2029{TURNING}{SURROGATES}]")
"""DEL, C1 control characters, JavaScript's own line ends, characters that turn the text direction, lone surrogates."""


def json_text(value: Any, ascii_only: bool = False, compact: bool = False) -> str:
    """A value as one line of JSON; a float that is not finite becomes null."""
    separators = (",", ":") if compact else None
    text = json.dumps(json_value(value), ensure_ascii=ascii_only, allow_nan=False, separators=separators)
    return ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
