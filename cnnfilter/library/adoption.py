"""From an entry of a kernel file to the kernel that another tool means by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnfilter.library.build import LoadOne, build_kernel, parameter_values
from cnnfilter.library.calls import CALLS, Function
from cnnfilter.library.catalog import Entry, shipped_folder
from cnnfilter.library.kernel import Kernel, Own
from cnnfilter.library.transform import COMMON_NAMES

#: What a variant may be whose weights have none of the entry's own parameters.
_WEIGHTS = frozenset({"spec", "matrix", "outer"})


def adopt(entry: Entry, given: Mapping[str, str], load_one: LoadOne, tool: str) -> Kernel:
    """Return the kernel of an entry as a tool means it, under the name that it has without.

    The tool's variant of the entry is taken, unless one is typed or parameters are given that the tool's own function
    does not have; `Kernel.own` says how the tool is called.

    Parameters, errors: as `cnnfilter.library.build.build_kernel`.
    """
    plain = build_kernel(entry, given, load_one)
    typed = given.get("variant")
    own_words = set(given) - {*COMMON_NAMES, "variant", "name"}
    function = CALLS.get(tool, {}).get(entry.name) if _is_shipped(entry) else None
    if function is not None and not own_words <= set(function.takes):
        return plain
    variants = entry.data.get("variants", {})
    if typed is not None and typed != tool:
        return plain
    if tool in variants and not (_WEIGHTS & set(variants[tool]) and own_words):
        return _adopted(plain, entry, {**given, "variant": tool}, load_one, tool, function)
    if function is not None or entry.name.startswith(f"{tool}-"):
        return _adopted(plain, entry, dict(given), load_one, tool, function)
    return plain


def _is_shipped(entry: Entry) -> bool:
    """Say whether the table of calls speaks of this entry, not of a user's of the same name."""
    return Path(entry.path).parent == shipped_folder()


def _adopted(
    plain: Kernel, entry: Entry, given: dict[str, str], load_one: LoadOne, tool: str, function: Function | None
) -> Kernel:
    """Return the tool's own weights, and what is to be known of its function."""
    kernel = replace(build_kernel(entry, given, load_one), name=plain.name)
    if function is None:
        return replace(kernel, own=Own(tool))
    values: dict[str, Any] = parameter_values(entry, given)
    rows, columns = kernel.weights.shape[-2:]
    call = function.text({**values, "rows": rows, "columns": columns})
    if not call:
        return plain
    deep, deeper = None, f"{tool}-deep"
    if deeper in entry.data.get("variants", {}) and given.get("variant") != deeper:
        deep = _adopted(plain, entry, {**given, "variant": deeper}, load_one, tool, function)
    if set(given) & set(COMMON_NAMES):  # weights that were changed go through the tool's usual filter
        return replace(kernel, own=Own(tool, "", function.border, function.middle, function.turns, deep=deep))
    return replace(
        kernel,
        own=Own(
            tool, call, function.border, function.middle, function.turns, function.method,
            sigma=float(values.get("sigma") or 1.0), deep=deep,
        ),
    )  # fmt: skip
