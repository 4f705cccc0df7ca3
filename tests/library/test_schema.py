"""Kernel files against the schema: a table of mistakes with their messages, and the published JSON Schema."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from cnnfilter.errors import CnnFilterError, KernelFileError
from cnnfilter.library.catalog import kernel_files, read_kernel_file, shipped_folder
from cnnfilter.library.document import parse_document
from cnnfilter.library.schema import check_kernel_file, json_schema, write_schema

MISTAKES = [
    ("", "f.yaml: the file is empty (expected kernels: or a matrix)"),
    ("hello", "f.yaml:1: expected kernels: or a matrix, got 'hello'"),
    ("3", "f.yaml:1: expected kernels: or a matrix, got 3"),
    ("{}", "f.yaml:1: holds no kernels (expected kernels: with a name and a matrix)"),
    ("kernels: {}", "f.yaml:1: holds no kernels (expected kernels: with a name and a matrix)"),
    ("kernel:\n  a: 1 2", "f.yaml:1: unknown key 'kernel' (did you mean kernels?)"),
    ("kernels:\n  - 1 2", "f.yaml:1: kernels: expected a mapping, got a list"),
    ("kernels:\n  a: 3", "f.yaml:2: kernels.a: expected text or a mapping or a list, got 3"),
    ("kernels:\n  a:", "f.yaml:2: kernels.a: expected text or a mapping or a list, got nothing"),
    ("kernels:\n  a:\n    matrx: 1 2", "f.yaml:3: kernels.a: unknown key 'matrx' (did you mean matrix?)"),
    ("kernels:\n  a:\n    zzz: 1", "f.yaml:3: kernels.a: unknown key 'zzz' (known: title, family, source, "),
    (
        "kernels:\n  a:\n    title: x",
        "f.yaml:2: kernels.a: expected one of matrix, outer, generator and spec, got none of them",
    ),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    generator: box",
        "f.yaml:2: kernels.a: expected one of matrix, outer, generator and spec, got matrix and generator",
    ),
    ("kernels:\n  a:\n    title: 5\n    matrix: 1 2", "f.yaml:3: kernels.a.title: expected text, got 5"),
    ("kernels:\n  a:\n    matrix:", "f.yaml:3: kernels.a.matrix: expected text or a list, got nothing"),
    ("kernels:\n  a:\n    matrix: {}", "f.yaml:3: kernels.a.matrix: expected text or a list, got a mapping"),
    ("kernels:\n  a:\n    matrix: true", "f.yaml:3: kernels.a.matrix: expected text or a list, got true"),
    ("kernels:\n  a:\n    matrix: []", "f.yaml:3: kernels.a.matrix: the matrix is empty"),
    ("kernels:\n  a:\n    matrix: [[1, 2], [3]]", "f.yaml:3: kernels.a.matrix: row 2 has 1 values, expected 2"),
    (
        "kernels:\n  a:\n    matrix:\n      - [1, 2]\n      - [1, 2]\n      - [1, x]",
        "f.yaml:6: kernels.a.matrix: row 3, column 2: expected a number, got 'x'",
    ),
    (
        "kernels:\n  a:\n    matrix: |\n      1 2\n      3 4 5\n",
        "f.yaml:5: kernels.a.matrix: row 2 has 3 values, expected 2",
    ),
    ("kernels:\n  a:\n    1 2;\n    3 x", "f.yaml:4: kernels.a: row 2, column 2: expected a number, got 'x'"),
    ("kernels:\n  a: [[1, .nan]]", "f.yaml:2: kernels.a: row 1, column 2: expected a finite number, got nan"),
    ("- [1, 2]\n- [3, yes]", "f.yaml:2: row 2, column 2: expected a number, got 'yes'"),
    ("- [1, 2]\n- [3, true]", "f.yaml:2: row 2, column 2: expected a number, got true"),
    ("1 2;\n3", "f.yaml:2: row 2 has 1 values, expected 2"),
    ("kernels:\n  a:\n    matrix: 1 2\n    scale: x", "f.yaml:4: kernels.a.scale: expected a number, got 'x'"),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    scale: .inf",
        "f.yaml:4: kernels.a.scale: expected a finite number, got inf",
    ),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    scale: [1]",
        "f.yaml:4: kernels.a.scale: expected a whole number or a number or text, got a list",
    ),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    parameters: {x: 1}",
        "f.yaml:4: kernels.a.parameters: only a kernel with a generator has parameters",
    ),
    ("kernels:\n  a:\n    outer:\n      row: 1 2", "f.yaml:3: kernels.a.outer: column is missing"),
    (
        "kernels:\n  a:\n    outer:\n      row: 1 2\n      column: [[1], [2]]",
        "f.yaml:5: kernels.a.outer.column: expected one row of numbers",
    ),
    (
        "kernels:\n  a:\n    outer:\n      row: 1 2\n      column: 1 b",
        "f.yaml:5: kernels.a.outer.column: row 1, column 2: expected a number, got 'b'",
    ),
    (
        "kernels:\n  a:\n    outer:\n      row: 1 2\n      colum: 1 b",
        "f.yaml:5: kernels.a.outer: unknown key 'colum' (did you mean column?)",
    ),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    variants:\n      opencv:\n        scael: 1",
        "f.yaml:6: kernels.a.variants.opencv: unknown key 'scael' (did you mean scale?)",
    ),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    variants:\n      opencv:\n        matrix: 1; 2 3",
        "f.yaml:6: kernels.a.variants.opencv.matrix: row 2 has 2 values, expected 1",
    ),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    aliases: b",
        "f.yaml:4: kernels.a.aliases: expected a list, got 'b'",
    ),
    (
        "kernels:\n  a:\n    matrix: 1 2\n    aliases:\n      - b\n      - 3",
        "f.yaml:6: kernels.a.aliases[1]: expected text, got 3",
    ),
    (
        "kernels:\n  ../x: 1 2",
        "f.yaml:2: kernels: '../x' is not a name (letters, digits, and . + - _ after the first; at most 80)",
    ),
    (
        "kernels:\n  'a b': 1 2",
        "f.yaml:2: kernels: 'a b' is not a name (letters, digits, and . + - _ after the first; at most 80)",
    ),
    (
        "kernels:\n  edge-x: 1 2\n  Edge_X: 1 2",
        "f.yaml:3: kernels.Edge_X: is the same name as edge-x: case and _ or - make no difference",
    ),
    ("banks:\n  a:\n    title: x", "f.yaml:2: banks.a: kernels is missing"),
    ("banks:\n  a:\n    kernels: []", "f.yaml:3: banks.a.kernels: expected a list of length >= 1, got a list"),
    ("banks:\n  a:\n    kernels: [1]", "f.yaml:3: banks.a.kernels[0]: expected text, got 1"),
    ("banks:\n  a:\n    kernel: [x]", "f.yaml:3: banks.a: unknown key 'kernel' (did you mean kernels?)"),
    ("kernels:\n  a: !!str 1 2", "f.yaml:2: tag tag:yaml.org,2002:str is not allowed (write a plain value)"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_say_where_and_what(text, message):
    with pytest.raises(KernelFileError) as caught:
        check_kernel_file(parse_document(text.encode(), "f.yaml"))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_mistake_in_line_seven_of_yaml_and_of_json(tmp_path):
    yaml = tmp_path / "mine.yaml"
    yaml.write_text(
        "# my kernels\nkernels:\n  edge:\n    title: Edge\n    matrix:\n"
        "    - [0, -1, 0]\n    - [-1, four, -1]\n    - [0, -1, 0]\n"
    )
    with pytest.raises(KernelFileError) as caught:
        read_kernel_file(yaml)
    assert str(caught.value) == (f"{yaml}:7: kernels.edge.matrix: row 2, column 2: expected a number, got 'four'")
    file = tmp_path / "mine.json"
    file.write_text(
        '{\n  "kernels": {\n    "edge": {\n      "title": "Edge",\n      "matrix": [\n'
        "        [0, -1, 0],\n        [-1, 4],\n        [0, -1, 0]\n      ]\n    }\n  }\n}\n"
    )
    with pytest.raises(KernelFileError) as caught:
        read_kernel_file(file)
    assert str(caught.value) == f"{file}:7: kernels.edge.matrix: row 2 has 2 values, expected 3"
    assert (caught.value.path, caught.value.line, caught.value.field) == (str(file), 7, "kernels.edge.matrix")


def test_values_that_only_the_building_can_judge_have_lines_too(tmp_path):
    from cnnfilter.library import load_kernels

    for entry, message in (
        ("generator: gabr", "3: kernels.a.generator: unknown generator 'gabr' (did you mean gabor?)"),
        (
            "generator: gabor\n    parameters: {wavelength: -3}",
            "4: kernels.a.parameters: gabor: wavelength must be > 0 pixels, got -3",
        ),
        (
            "generator: gabor\n    parameters: {zz: 1}",
            "4: kernels.a.parameters: gabor: unknown parameter 'zz' (it has ",
        ),
        ("spec: sobl-x", "3: kernels.a.spec: unknown kernel 'sobl-x' (did you mean sobel-x"),
        ("spec: other.yaml", "3: kernels.a.spec: 'other.yaml': a kernel file may not name other files"),
        ("spec: a", "3: kernels.a.spec: "),
        ("spec: 'sobel-x:rotate=0|90'", "3: kernels.a.spec: 'sobel-x:rotate=0|90' means 2 kernels, expected one"),
    ):
        path = tmp_path / "f.yaml"
        path.write_text(f"kernels:\n  a:\n    {entry}\n")
        with pytest.raises(CnnFilterError) as caught:
            load_kernels(str(path))
        assert str(caught.value).startswith(f"{path}:{message}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", kernel_files(shipped_folder()), ids=lambda path: path.name)
def test_shipped_files_obey_the_schema(path):
    file = read_kernel_file(path)
    assert not validate(json.loads(json.dumps(file.document.value)), json_schema())
    for entry in (*file.kernels.values(), *file.banks.values()):
        assert entry.title, entry.name
        assert entry.family, entry.name
        assert len(entry.source) >= 10, entry.name


@pytest.mark.skipif(
    tuple(map(int, msgspec.__version__.split(".")[:2])) < (0, 22), reason="older msgspec leaves propertyNames out"
)
def test_the_published_schema_is_up_to_date(tmp_path):
    write_schema(tmp_path / "schema.json")
    assert (shipped_folder() / "schema.json").read_bytes() == (tmp_path / "schema.json").read_bytes(), (
        'run: python -c "from pathlib import Path; from cnnfilter.library.schema import write_schema; '
        "write_schema(Path('kernels/schema.json'))\""
    )


def test_the_schema_and_the_checks_agree():
    """What the schema refuses the checks refuse; what passes both is a kernel file."""
    schema = json_schema()
    for text, _ in MISTAKES:
        try:
            value = parse_document(text.encode(), "f.yaml").value
        except KernelFileError:
            continue
        if validate(value, schema):
            with pytest.raises(KernelFileError):
                check_kernel_file(parse_document(text.encode(), "f.yaml"))
    good = {"kernels": {"a": {"matrix": [["1/4", 2]], "scale": "sqrt(2)/4", "aliases": ["b"]}, "c": "1 2; 3 4"}}
    assert not validate(good, schema)
    check_kernel_file(parse_document(json.dumps(good).encode(), "f.json"))
    for bad in ({"kernels": {"a": {"matrx": 1}}}, {"kernel": {}}, {"kernels": {"a": [["x y"]]}}, {"banks": {"b": {}}}):
        assert validate(bad, schema)


def validate(value, schema, root=None):
    """Say whether `value` breaks `schema`: the few words of JSON Schema that ours uses, and no others."""
    root = schema if root is None else root
    known = {
        *("$schema", "title", "description", "default", "$defs", "$ref", "anyOf", "type", "properties", "required"),
        *("additionalProperties", "propertyNames", "items", "minItems", "minLength", "pattern"),
    }
    assert set(schema) <= known, f"this validator does not know {set(schema) - known}"
    if "$ref" in schema:
        return validate(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return all(validate(value, option, root) for option in schema["anyOf"])
    kinds = {
        "string": isinstance(value, str),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "number": isinstance(value, int | float) and not isinstance(value, bool),
    }
    if "type" in schema and not kinds[schema["type"]]:
        return True
    if isinstance(value, str):
        short = len(value) < schema.get("minLength", 0)
        return short or ("pattern" in schema and re.search(schema["pattern"], value) is None)
    if isinstance(value, list):
        short = len(value) < schema.get("minItems", 0)
        return short or ("items" in schema and any(validate(item, schema["items"], root) for item in value))
    if isinstance(value, dict):
        return _breaks_object(value, schema, root)
    return False


def _breaks_object(value, schema, root):
    """Say whether a mapping breaks its schema."""
    if any(name not in value for name in schema.get("required", ())):
        return True
    for name, item in value.items():
        if "propertyNames" in schema and validate(name, schema["propertyNames"], root):
            return True
        inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
        if inner is False or (inner is not True and validate(item, inner, root)):
            return True
    return False


def test_the_shipped_folder_is_found():
    assert (shipped_folder() / "gradients.json").is_file()
    assert Path(shipped_folder()).name == "kernels"


def test_the_example_of_the_readme(tmp_path):
    from cnnfilter.library import load_kernels

    text = (shipped_folder() / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mine.yaml").write_text(example)
    assert not validate(parse_document(example.encode(), "mine.yaml").value, json_schema())
    names = [kernel.name for kernel in load_kernels(str(tmp_path / "mine.yaml"))]
    assert names == ["ridge", "soft", "stripes", "ridge-down", "dots"]
    assert len(load_kernels(f"{tmp_path}/mine.yaml#mine")) == 6
    assert load_kernels(f"{tmp_path}/mine.yaml#ridge-down")[0].weights[0].tolist() == [-1 / 6, 2 / 6, -1 / 6]
