"""The grammar of kernel specs: text to parts, nothing looked up, nothing loaded.

::

    sobel-x                             a name
    gabor:theta=45,wavelength=8         with parameters
    gabor:theta=0..157.5/22.5           a sweep: start..stop/step, both ends in
    gaussian:sigma=1|2|4                a list; several sweeps give every combination
    bank:laws-5                         a named bank
    "0 -1 0; -1 5 -1; 0 -1 0"           in place; rows end in ;
    "[[0, 1/4], [2, 3]]"                in the brackets of JSON, Python, NumPy or MATLAB; three levels make a 3-D kernel
    mine.yaml, mine.yaml#edge           a file: all its kernels, or one
    mine.csv, mine.txt, mine.mat        numbers in rows; .mat begins with columns, rows, scale, offset as in libvips
    weights.npz#conv1[:8]               an array of a file, or a part of it

Any of them may end in ``:key=value,...``: the parameters of a generated kernel, and on every kernel
``rotate``, ``scale``, ``normalize``, ``variant`` and ``name``.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from cnnfilter.errors import ParameterError
from cnnfilter.library.numbers import describe, is_matrix_text, number, shown

#: Endings of files that a spec may name: those that hold kernels by name, rows of numbers, and arrays.
DOCUMENT_SUFFIXES = (".yaml", ".yml", ".json")
TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".mat")
KERNEL_SUFFIXES = (*DOCUMENT_SUFFIXES, *TEXT_SUFFIXES, ".npy", ".npz", ".safetensors", ".onnx")

#: Most kernels that sweeps may make of one spec.
MAX_SWEEP = 4096

# Those that every spec goes through are compiled here, the others where they are first used.
_FILE = re.compile(
    r"(?P<path>.+?(?:" + "|".join(map(re.escape, KERNEL_SUFFIXES)) + r"))(?P<rest>[#:].*)?",
    re.IGNORECASE | re.DOTALL,
)
_PARAMETERS = re.compile(r":(?=\s*[A-Za-z][A-Za-z0-9_-]*\s*=)")
_SELECTION = r"(?s)(?P<name>.*?)\[(?P<slices>[-0-9:,\s]*)\]"


class Spec(NamedTuple):
    """One spec in its parts.

    Parameters
    ----------
    text
        As it was typed.
    kind
        ``name``, ``bank``, ``file`` or ``matrix``.
    body
        The name, the bank's name, the file's path, or the matrix as text.
    member
        What follows ``#`` in a file's spec, without its selection; empty for all of the file.
    selection
        The indices in brackets after it, as typed.
    parameters
        Each key with its values as text: one value, or those of a sweep.
    """

    text: str
    kind: str
    body: str
    member: str = ""
    selection: str = ""
    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def swept(self) -> bool:
        """Whether a sweep or list makes several kernels of it."""
        return any(len(values) > 1 for _, values in self.parameters)

    def combinations(self) -> list[dict[str, str]]:
        """Return the parameters of each kernel that the sweeps make; the last key varies fastest."""
        keys = [key for key, _ in self.parameters]
        count = 1
        for _, values in self.parameters:
            count *= len(values)
        if count > MAX_SWEEP:
            raise ParameterError(
                f"{describe(self.text)} makes {count} kernels, more than {MAX_SWEEP} (use larger steps)"
            )
        choices = itertools.product(*(values for _, values in self.parameters))
        return [dict(zip(keys, values, strict=True)) for values in choices]


def canonical(name: str) -> str:
    """Return a kernel's name as tables hold it.

    Examples
    --------
    >>> canonical(" Sobel_X ")
    'sobel-x'
    """
    return name.strip().lower().replace("_", "-")


def parse_spec(text: str) -> Spec:
    """Return a spec in its parts.

    Raises
    ------
    ParameterError
        If it is empty, or its parameters are not ``key=value`` parted by commas.

    Examples
    --------
    >>> parse_spec("gabor:theta=0..90/45,wavelength=8").parameters
    (('theta', ('0', '45', '90')), ('wavelength', ('8',)))
    >>> parse_spec("w.safetensors#conv1.weight[:8]:scale=2")  # doctest: +NORMALIZE_WHITESPACE
    Spec(text='w.safetensors#conv1.weight[:8]:scale=2', kind='file', body='w.safetensors',
         member='conv1.weight', selection=':8', parameters=(('scale', ('2',)),))
    """
    if not isinstance(text, str):
        raise ParameterError(f"a kernel spec is text, such as 'sobel-x', got {describe(text)}")
    if not text.strip() or "\0" in text:
        raise ParameterError("the kernel spec is empty (try sobel-x)")
    file = _FILE.fullmatch(text.strip())
    if file is not None:
        return _file_spec(text, file["path"], file["rest"] or "")
    body, _, tail = _cut(text.strip())
    if is_matrix_text(body):
        return Spec(text, "matrix", body, parameters=_parameters(tail, text))
    if "/" in body or "\\" in body:
        from cnnfilter.library.suggest import no_file

        raise ParameterError(no_file(body))
    body, _, tail = text.strip().partition(":")
    if canonical(body) == "bank":
        body, _, tail = tail.partition(":")
        return Spec(text, "bank", canonical(body), parameters=_parameters(tail, text))
    return Spec(text, "name", canonical(body), parameters=_parameters(tail, text))


def _cut(text: str) -> tuple[str, str, str]:
    """Part a spec before its parameters."""
    match = _PARAMETERS.search(text)
    if match is None:
        return text, "", ""
    return text[: match.start()], ":", text[match.end() :]


def _file_spec(text: str, path: str, rest: str) -> Spec:
    """Return the spec of a file from its path and what follows."""
    body, _, tail = _cut(rest)
    if body.startswith(":"):
        raise ParameterError(f"{describe(text)}: after a file comes #name or :key=value, got {body!r}")
    member, selection = body.removeprefix("#"), ""
    match = re.fullmatch(_SELECTION, member)
    if match is not None:
        member, selection = match["name"], match["slices"]
    return Spec(text, "file", path, member, selection, _parameters(tail, text))


def _parameters(tail: str, text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Read ``key=value,key=value``; a part without ``=`` continues the value before it (``size=3,5``)."""
    pairs: list[list[str]] = []
    for part in tail.split(",") if tail.strip() else ():
        key, equals, value = part.partition("=")
        if equals:
            pairs.append([canonical(key), value.strip()])
        elif pairs and part.strip():
            pairs[-1][1] += f",{part.strip()}"
        else:
            hint = "write key=value, as in gaussian:sigma=2"
            raise ParameterError(f"{describe(text)}: {describe(part.strip())} is not a parameter ({hint})")
    keys = [key for key, _ in pairs]
    for key, value in pairs:
        if not key or not value:
            raise ParameterError(f"{describe(text)}: {key or value!r} has no {'value' if key else 'name'}")
        if not key.isprintable():
            raise ParameterError(f"{describe(text)}: {key!r} is not the name of a parameter")
        if keys.count(key) > 1:
            raise ParameterError(f"{describe(text)}: {key} is given twice (for a list write {key}=1|2)")
    return tuple((key, _values(key, value, text)) for key, value in pairs)


def _values(key: str, value: str, text: str) -> tuple[str, ...]:
    """Return the values of a parameter: a list parted by ``|``, whose items may be sweeps."""
    if key == "name":
        return (value,)
    values: list[str] = []
    for item in value.split("|"):
        if ".." in item:
            values += _sweep(key, item, text)
        elif item.strip():
            values.append(item.strip())
        else:
            raise ParameterError(f"{describe(text)}: {key}={shown(value)} has an empty value")
    return tuple(values)


def _sweep(key: str, item: str, text: str) -> list[str]:
    """Return ``start..stop/step`` as texts, both ends in; the step is 1 unless given."""
    start_text, _, rest = item.partition("..")
    stop_text, _, step_text = rest.partition("/")
    try:
        start, stop, step = number(start_text), number(stop_text), number(step_text or "1")
    except ValueError:
        raise ParameterError(
            f"{describe(text)}: {key}={shown(item)} is not a sweep (write start..stop/step, as in 0..90/15)"
        ) from None
    if step == 0 or (stop - start) * step < 0:
        raise ParameterError(
            f"{describe(text)}: {key}={shown(item)}: a step of {step:g} never leads from {start:g} to {stop:g}"
        )
    steps = (stop - start) / step
    if steps >= MAX_SWEEP:
        raise ParameterError(
            f"{describe(text)}: {key}={shown(item)} has more than {MAX_SWEEP} values (use a larger step)"
        )
    return [f"{start + index * step:.10g}" for index in range(int(steps + 1e-9) + 1)]
