"""What the kernels' tests share."""

from __future__ import annotations

from tests.interpreting import look_once

look_once()
