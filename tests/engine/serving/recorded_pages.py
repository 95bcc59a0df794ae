"""Pages and streams that real servers sent, as files of `recorded/pages`; the head of a file says what was recorded."""

from __future__ import annotations

import base64
import json
from pathlib import Path

FOLDER = Path(__file__).parent / "recorded" / "pages"
VLLM_PAGE = FOLDER / "vllm-0.32-metrics.txt"


def frames(name: str) -> list[list[bytes]]:
    """The multipart messages of a recorded stream of KV events: topic, sequence number, payload."""
    lines = [line for line in (FOLDER / name).read_text().splitlines() if not line.startswith("#")]
    parts = [json.loads(line) for line in lines]
    return [[bytes.fromhex(topic), number.to_bytes(8, "big"), base64.b64decode(data)] for topic, number, data in parts]
