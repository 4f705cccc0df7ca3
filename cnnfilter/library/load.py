"""From what a user types to kernels: names, parameters, sweeps, matrices and files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cnnfilter.errors import CnnFilterError, KernelFileError, ParameterError, UnknownNameError, closest
from cnnfilter.files import quoted
from cnnfilter.library.build import LoadOne, build_kernel, file_label, finish, label, typed
from cnnfilter.library.catalog import (
    Entry,
    KernelFile,
    entries_of,
    find,
    folders,
    kernel_files,
    read_kernel_file,
    search_path,
)
from cnnfilter.library.kernel import IN_PLACE, FilterBank, Kernel, Own
from cnnfilter.library.numbers import MAX_WEIGHTS, MatrixError, describe, matrix, row_note
from cnnfilter.library.parameters import unknown_parameter
from cnnfilter.library.spec import DOCUMENT_SUFFIXES, MAX_SWEEP, TEXT_SUFFIXES, Spec, parse_spec
from cnnfilter.library.suggest import choice_note, direction_note
from cnnfilter.library.transform import COMMON_NAMES
from cnnfilter.text import distinct

#: How many specs may lead from one to the next.
MAX_STEPS = 8
#: Most kernels that a bank or sweep may mean.
MAX_KERNELS = MAX_SWEEP
#: The largest weight: that of float32, so that no sum of weights or of their squares overflows float64.
MAX_WEIGHT = float(np.finfo(np.float32).max)


def load_kernel(spec: str, *, search: Sequence[str | Path] | None = None) -> Kernel | FilterBank:
    """Return the kernel that a spec means, or the filter bank where it means several.

    Parameters
    ----------
    spec
        As in ``sobel-x``, ``gabor:theta=0..157.5/22.5``, ``bank:laws-5``, ``"0 -1 0; -1 5 -1; 0 -1 0"``,
        ``mine.yaml#edge``: see `cnnfilter.library.spec`.
    search
        Folders where names are looked for; the search path unless given.

    Raises
    ------
    UnknownNameError
        If a name is not known; the message has the closest ones.
    ParameterError
        If the spec, or a parameter in it, is not as it should be.
    KernelFileError
        If a file is missing, broken or not as the schema says.

    Examples
    --------
    >>> load_kernel("sobel-x").weights
    array([[-1.,  0.,  1.],
           [-2.,  0.,  2.],
           [-1.,  0.,  1.]])
    >>> [kernel.name for kernel in load_kernel("gaussian:sigma=1|2")]
    ['gaussian-sigma1', 'gaussian-sigma2']
    """
    parsed = parse_spec(spec)
    kernels = load_kernels(parsed, search=search)
    if len(kernels) == 1 and not parsed.swept and parsed.kind != "bank":
        return kernels[0]
    return FilterBank(file_label(parsed.member or parsed.body), tuple(kernels))


def load_kernels(*specs: str | Spec, search: Sequence[str | Path] | None = None, tool: str = "") -> list[Kernel]:
    """Return the kernels that all specs of a job mean as one flat list; their names differ from one another.

    Parameters
    ----------
    specs, search
        As for `load_kernel`, and so are the errors; a spec may be in its parts already.
    tool
        A key of ``cnnfilter.library.conventions.CONVENTIONS``: the kernels are what that tool means by their names.

    Examples
    --------
    >>> [kernel.name for kernel in load_kernels("sobel-x:rotate=0..90/45", "sobel-x:rotate=0")]
    ['sobel-x-rotate0', 'sobel-x-rotate45', 'sobel-x-rotate90', 'sobel-x-rotate0-2']
    >>> (kernel,) = load_kernels("gaussian:sigma=2", tool="scipy")
    >>> kernel.name, kernel.shape, kernel.own.call
    ('gaussian-sigma2', (17, 17), 'scipy.ndimage.gaussian_filter(image.astype(float), 2)')
    """
    loader = _Loader(folders(search), tool=tool)
    kernels = [kernel for spec in specs for kernel in loader.load(spec if isinstance(spec, Spec) else parse_spec(spec))]
    names = distinct(kernel.name for kernel in kernels)
    return [
        kernel if name == kernel.name else replace(kernel, name=name)
        for kernel, name in zip(kernels, names, strict=True)
    ]


def kernels_of(file: KernelFile, name: str) -> list[Kernel]:
    """Return the kernels that one entry of a kernel file, a kernel or a bank, means."""
    inside = _Loader(search_path(), file, 1)
    spec = parse_spec(name)
    if name in file.kernels:
        return inside._kernels(file.kernels[name], spec)
    return inside._bank(file.banks[name], spec)


def files_read(kernels: Iterable[Kernel], search: Iterable[Path]) -> Iterator[str | Path]:
    """Yield the files that kernels may be made from: their own, and all that names lead to on the search path."""
    for origin in origins(kernels):
        yield origin
        if origin.lower().endswith(".onnx"):
            from cnnfilter.library.arrays import data_files

            yield from data_files(Path(origin))
    for folder in search:
        with contextlib.suppress(CnnFilterError):  # a folder that cannot be read: nothing was read there
            yield from kernel_files(folder)


def origins(kernels: Iterable[Kernel]) -> tuple[str, ...]:
    """Return the files that hold kernels, each once."""
    return tuple(dict.fromkeys(kernel.origin for kernel in kernels if kernel.origin != IN_PLACE))


class _Loader:
    """Loads specs; inside a kernel file, that file's own names come first."""

    def __init__(
        self, search: Sequence[Path], inside: KernelFile | None = None, steps: int = 0, tool: str = ""
    ) -> None:
        self.search, self.inside, self.steps, self.tool = search, inside, steps, tool

    def load(self, spec: Spec) -> list[Kernel]:
        """Return the kernels of a parsed spec."""
        if self.steps > MAX_STEPS:
            raise ParameterError(
                f"{describe(spec.text)}: specs lead to one another in a circle, or more than {MAX_STEPS} deep"
            )
        match spec.kind:
            case "matrix":
                return self._matrix(spec)
            case "file":
                return self._file(spec)
            case "bank":
                return self._bank(self._find(spec.body, "bank"), spec)
            case _:
                return self._kernels(self._find(self._own_name(spec.body), "kernel"), spec)

    def _own_name(self, name: str) -> str:
        """Return the name of the tool's own kernel that goes by another kernel's alias."""
        if not self.tool:
            return name
        from cnnfilter.library.calls import OWN_NAMES

        return OWN_NAMES.get((self.tool, name), name)

    def _find(self, name: str, kind: str) -> Entry:
        """Return the entry of a name."""
        entry = self.inside.find(name, kind) if self.inside else None
        return entry or find(name, kind, self.search)

    def _deeper(self, entry: Entry, tool: str = "") -> _Loader:
        """Return the loader for the specs that an entry's file holds."""
        inside = KernelFile(entry.document, {}, {})
        if isinstance(entry.document.value, dict):
            inside = entries_of(entry.document, check=False)
        return _Loader(self.search, inside, self.steps + 1, tool)

    def _kernels(self, entry: Entry, spec: Spec) -> list[Kernel]:
        """Return an entry's kernel for each combination of the swept parameters."""

        def load_one(text: str) -> Kernel:
            kernels = self._deeper(entry).load(_only_names(text))
            if len(kernels) != 1:
                raise ParameterError(f"{describe(text)} means {len(kernels)} kernels, expected one")
            return kernels[0]

        notes: tuple[str, ...] = () if spec.parameters or self.steps else choice_note(spec.body, entry)
        notes = notes or (() if self.steps else direction_note(spec, entry))
        made = (self._made(entry, given, load_one) for given in spec.combinations())
        return _bounded(spec, (replace(one, warnings=(*one.warnings, *notes)) if notes else one for one in made))

    def _made(self, entry: Entry, given: Mapping[str, str], load_one: LoadOne) -> Kernel:
        """Return the kernel of an entry, as the tool means it where there is one."""
        if not self.tool:
            return build_kernel(entry, given, load_one)

        from cnnfilter.library.adoption import adopt  # the door to the tools' own functions

        return adopt(entry, given, load_one, self.tool)

    def _bank(self, entry: Entry, spec: Spec) -> list[Kernel]:
        """Return the kernels of a bank; the spec's parameters go to every one of them."""
        down = {key: values for key, values in spec.parameters if key not in COMMON_NAMES}
        kernels: list[Kernel] = []
        known: dict[str, list[Kernel]] = {}
        for text in entry.data["kernels"]:
            if text not in known:
                known[text] = self._member(entry, text, down)
            kernels += known[text]
            if len(kernels) > MAX_KERNELS:
                raise ParameterError(f"bank:{entry.name} holds more than {MAX_KERNELS:,} kernels (use smaller banks)")
        common = tuple((key, values) for key, values in spec.parameters if key in COMMON_NAMES)
        choices = spec._replace(parameters=common).combinations()
        return _bounded(spec, (_finished(kernel, given) for given in choices for kernel in kernels))

    def _member(self, entry: Entry, text: str, down: Mapping[str, tuple[str, ...]]) -> list[Kernel]:
        """Return the kernels of one spec of a bank."""
        try:
            member = _only_names(text)
            merged = {**dict(member.parameters), **down}
            found = self._deeper(entry, self.tool).load(member._replace(parameters=tuple(merged.items())))
        except KernelFileError:
            raise  # it says where already
        except CnnFilterError as error:
            if down:
                raise
            entry.document.fail((*entry.steps, "kernels"), str(error))
        return found if down else [replace(kernel, warnings=()) for kernel in found]  # the bank's own sizes

    def _matrix(self, spec: Spec) -> list[Kernel]:
        """Return a kernel written in place."""
        try:
            rows = matrix(spec.body)
        except MatrixError as error:
            raise ParameterError(f"kernel {describe(spec.body)}: {error}") from None
        weights = np.array(rows)
        kernel = Kernel("matrix-" + "x".join(map(str, weights.shape)), spec.body, weights, warnings=row_note(rows))
        return _bounded(spec, (_finished(kernel, given) for given in spec.combinations()))

    def _file(self, spec: Spec) -> list[Kernel]:
        """Return the kernels of a file: all, one, or a bank of it."""
        if not spec.body.lower().endswith(DOCUMENT_SUFFIXES):
            kernels = _numbers_of(spec)
            return _bounded(spec, (_finished(kernel, given) for given in spec.combinations() for kernel in kernels))
        if spec.selection:
            raise _no_selection(spec, "named kernels")
        file = read_kernel_file(spec.body)
        inside = _Loader(self.search, file, self.steps + 1, self.tool)
        if spec.member:
            name = parse_spec(spec.member).body
            entry = file.find(name) or file.find(name, "bank")
            if entry is None:
                raise _no_member(spec, [*file.kernels, *file.banks])
            found = inside._bank(entry, spec) if entry.kind == "bank" else inside._kernels(entry, spec)
        else:
            found = [kernel for entry in file.kernels.values() for kernel in inside._kernels(entry, spec)]
            if not file.kernels:
                found = [kernel for entry in file.banks.values() for kernel in inside._bank(entry, spec)]
        return [
            replace(kernel, spec=f"{spec.body}#{kernel.spec}") if kernel.origin == spec.body else kernel
            for kernel in found
        ]


def _numbers_of(spec: Spec) -> list[Kernel]:
    """Return the kernels of a file of numbers."""
    if spec.body.lower().endswith(TEXT_SUFFIXES):
        if spec.selection:
            raise _no_selection(spec, "rows of numbers")
        from cnnfilter.library.text_files import read_text_kernels

        return read_text_kernels(spec.body, spec.member)
    from cnnfilter.library.arrays import read_kernels

    return read_kernels(spec.body, spec.member, spec.selection)


def _no_selection(spec: Spec, held: str) -> ParameterError:
    """Return the error for indices in brackets after a file that is no array."""
    return ParameterError(f"{describe(spec.text)}: only arrays take [...], and {spec.body} holds {held}")


def _bounded(spec: Spec, kernels: Iterable[Kernel]) -> list[Kernel]:
    """Return kernels as a list, unless they, their weights in all or one weight are more than may be loaded."""
    result: list[Kernel] = []
    count = 0
    for kernel in kernels:
        count += kernel.weights.size
        if count > MAX_WEIGHTS:
            raise ParameterError(
                f"{describe(spec.text)} makes more than {MAX_WEIGHTS:,} weights (use fewer or smaller kernels)"
            )
        if len(result) == MAX_KERNELS and spec.kind != "file":
            raise ParameterError(f"{describe(spec.text)} makes more than {MAX_KERNELS:,} kernels (use fewer)")
        if not np.abs(kernel.weights).max() <= MAX_WEIGHT:  # NaN too
            raise ParameterError(
                f"{describe(kernel.spec)} has weights that are not finite, or beyond {MAX_WEIGHT:.2g} "
                "(use less extreme numbers)"
            )
        result.append(kernel)
    return result


def _only_names(text: str) -> Spec:
    """Return the spec in a kernel file, which may not name other files."""
    spec = parse_spec(text)
    if spec.kind == "file":
        raise ParameterError(f"{describe(text)}: a kernel file may not name other files (write the kernel's name)")
    return spec


def _finished(kernel: Kernel, given: Mapping[str, str]) -> Kernel:
    """Return a kernel with the parameters that every kernel takes."""
    for key in given:
        if key not in (*COMMON_NAMES, "name"):
            raise unknown_parameter(kernel.name, key, [*COMMON_NAMES, "name"])
    if not given:
        return kernel
    return replace(
        kernel,
        name=label(kernel.name, given),
        spec=kernel.spec + typed(given, "," if kernel.parts.parameters else ":"),
        weights=finish(kernel.name, kernel.weights, given),
        own=None if kernel.own is None else _handed(kernel.own, given),
    )


def _handed(own: Own, given: Mapping[str, str]) -> Own:
    """Return what changed weights are to a tool: no longer its own function's, but handed to its usual filter."""
    if not set(given) & set(COMMON_NAMES):
        return own
    return own._replace(call="", method="", deep=None if own.deep is None else _finished(own.deep, given))


def _no_member(spec: Spec, names: Iterable[str]) -> CnnFilterError:
    """Return the error for a name that a file does not hold."""
    known = list(names)
    near = closest(spec.member, known)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it holds {', '.join(known[:8])}"
    return UnknownNameError(f"{quoted(spec.body)}: no kernel {spec.member!r} in it ({hint})")


__all__ = ["load_kernel", "load_kernels"]
