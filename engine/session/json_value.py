"""Turns values into values that JSON can express."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def json_value(value: Any) -> Any:
    """The same value in types that JSON has. A float that is not finite becomes None, as JSON has no such number.

    Keys become str, tuples become lists, and numpy scalars become Python values.
    """
    if isinstance(value, dict):
        return {str(key): json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
