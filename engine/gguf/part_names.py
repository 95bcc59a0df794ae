"""How the parts of a split model are called. Imports nothing that the window would have to wait for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PART: Final = re.compile(
    r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.gguf)", re.ASCII | re.IGNORECASE
)


def first_part(path: Path) -> Path:
    """The file with the metadata of a model: the first part of a split one, by the name of any of them."""
    found = PART.fullmatch(path.name)
    return path if found is None else path.with_name(f"{found['stem']}-00001-of-{found['count']}{found['suffix']}")
