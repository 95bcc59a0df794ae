"""Triton's interpreter (3.x), without what it does again and again to no effect.

A test with the interpreter spends most of its time in it. What is left out here changes nothing of what a kernel
computes, nor what is checked of it.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any


def look_once() -> None:
    """Leave out what has no effect, as far as this version has it; where there is no Triton, do nothing."""
    if find_spec("triton") is None:
        return
    from triton.runtime import interpreter

    if hasattr(interpreter, "_patch_builtin"):
        _find_names_once(interpreter)
    if hasattr(interpreter, "_LangPatchScope"):
        _replace_once_a_launch(interpreter)
    if hasattr(interpreter, "_get_np_dtype"):
        _find_types_once(interpreter)
    options = interpreter.interpreter_builder.options
    if not options.debug and getattr(options, "sanitize_overflow", False):
        # Every sum and product of whole numbers is computed again in int64 for a `device_assert`, which is passed over
        # where `debug` is off: a third of all time.
        interpreter.interpreter_builder.options = replace(options, sanitize_overflow=False)


def _find_names_once(interpreter: Any) -> None:
    """Before each launch it looks through all names of `triton.language` for those it has to replace: always the same.

    Looking takes a fifth of the time of a test.
    """
    import triton.language as tl

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


def _find_types_once(interpreter: Any) -> None:
    """For numpy's type of a tensor it makes a table of all types at every call."""
    import triton.language as tl

    of_pointers, of_scalars = interpreter._get_np_dtype, cache(interpreter._get_np_dtype)

    def numpy_type(of: Any) -> Any:
        scalar = of.element_ty if isinstance(of, tl.block_type) else of
        return of_pointers(scalar) if isinstance(scalar, tl.pointer_type) else of_scalars(scalar)

    interpreter._get_np_dtype = numpy_type


def _replace_once_a_launch(interpreter: Any) -> None:
    """It replaces the names at every call of a function inside a kernel, too, where they are replaced already."""
    import triton.language as tl

    replace_names, replaced = interpreter._patch_lang, set[int]()

    @cache
    def modules_of(function: Any) -> frozenset[int]:
        return frozenset(id(one) for one in function.__globals__.values() if one is tl or one is tl.core)

    class OfALaunch:
        """What a launch replaced, to be put back at its end; nothing where that was done before."""

        def __init__(self, scope: Any = None) -> None:
            self._scope = scope

        def restore(self) -> None:
            if self._scope is not None:
                self._scope.restore()
                replaced.clear()

    def patch_lang(function: Any) -> OfALaunch:
        if modules_of(function) and modules_of(function) <= replaced:
            return OfALaunch()
        scope = OfALaunch(replace_names(function))
        replaced.update(modules_of(function))
        return scope

    interpreter._patch_lang = patch_lang
