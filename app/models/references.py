"""Where the reference values come from that stand beside what was measured. Needs no Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from app.look.translation_marks import QT_TRANSLATE_NOOP

CONTEXT: Final = "References"
Translate = Callable[[str], str]
Subject = Literal["memory", "batch", "latency", "comparison", "improvements", "kv", "paged", "speculation", "flash"]

DOCUMENT: Final = "Transformer 自回归效率低下示意图"
"""The title of the text that the reference values are taken from, as it stands there."""
SOURCE: Final = QT_TRANSLATE_NOOP("References", "Reference: “{document}”, {section}.")
SECTIONS: Final[dict[Subject, str]] = {
    "memory": QT_TRANSLATE_NOOP("References", "section 2, problem 2: memory of the KV cache"),
    "batch": QT_TRANSLATE_NOOP("References", "section 5: utilisation of a batch"),
    "latency": QT_TRANSLATE_NOOP("References", "section 6: parts of a token's latency"),
    "comparison": QT_TRANSLATE_NOOP("References", "section 7: training against inference"),
    "improvements": QT_TRANSLATE_NOOP("References", "section 8: ways to improve"),
    "kv": QT_TRANSLATE_NOOP("References", "section 8, item 1: KV cache, from O(T²) to O(T)"),
    "paged": QT_TRANSLATE_NOOP("References", "section 8, item 2: PagedAttention, memory used 2–4 times as well"),
    "speculation": QT_TRANSLATE_NOOP("References", "section 8, item 3: speculative decoding, 2–3 times as fast"),
    "flash": QT_TRANSLATE_NOOP("References", "section 8, item 4: FlashAttention, 2–4 times as fast"),
}


def source(subject: Subject, say: Translate) -> str:
    """A sentence that names the text and its section; `say` translates texts of CONTEXT."""
    return say(SOURCE).format(document=DOCUMENT, section=say(SECTIONS[subject]))
