"""The one way in which this program writes JSON: what any reader of JSON can read.

Python writes NaN and Infinity, which JSON has no words for, and leaves halves of surrogate pairs that UTF-8 cannot
hold. Here the first are null, and the second, and characters that a terminal would obey, are escaped.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from engine.plain_text import SURROGATES, TURNING
from engine.session.json_value import json_value

ESCAPED: Final = re.compile(f"[\x7f-\x9f\u2028\u2029{TURNING}{SURROGATES}]")
"""DEL and C1 controls, ends of lines that JavaScript knows, what turns the direction of writing, lone surrogates."""


def json_text(value: Any, ascii_only: bool = False, compact: bool = False) -> str:
    """A value as one line of JSON; null for what is not a finite number."""
    separators = (",", ":") if compact else None
    text = json.dumps(json_value(value), ensure_ascii=ascii_only, allow_nan=False, separators=separators)
    return ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
