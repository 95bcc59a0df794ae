"""Where the recorder writes its few lines: vLLM's own log."""

from __future__ import annotations

import logging
from typing import Final

logger: Final = logging.getLogger("vllm.decodescope_recorder")
