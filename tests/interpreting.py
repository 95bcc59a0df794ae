"""Triton's interpreter (3.x), without what it repeats before every launch.

Before each launch of a kernel it looks through all names of `triton.language` for those it has to replace. They are the
same every time, and looking takes a fifth of the time of a test; here they are looked for once.
"""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import Any


def look_once() -> None:
    """Make the interpreter remember which names it replaces; where there is none, or no such step, do nothing."""
    if find_spec("triton") is None:
        return
    import triton.language as tl
    from triton.runtime import interpreter

    if not hasattr(interpreter, "_patch_builtin"):
        return
    found: dict[int, tuple[Any, list[str]]] = {}

    def patch_builtin(package: Any, builder: Any, scope: Any) -> None:
        if id(package) not in found:
            names = [name for name, member in inspect.getmembers(package) if tl.core.is_builtin(member)]
            found[id(package)] = (package, names)
        for name in found[id(package)][1]:
            member = getattr(package, name)
            if tl.core.is_builtin(member):  # and not replaced already, under another name of its class or module
                interpreter._patch_attr(package, name, member, builder, scope)

    interpreter._patch_builtin = patch_builtin
