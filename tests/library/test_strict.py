"""Strict reading of YAML and JSON: what is accepted, what is refused, and the line that a mistake is on."""

from __future__ import annotations

import os
import random
import re

import corpora
import pytest

from cnnfilter.errors import CnnFilterError, KernelFileError, ResourceError
from cnnfilter.library.document import parse_document, read_bytes, read_document


def refusal(data: bytes | str, path: str = "f.yaml") -> str:
    """Return the message with which a document is refused."""
    with pytest.raises(KernelFileError) as caught:
        parse_document(data.encode() if isinstance(data, str) else data, path)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: no", {"a": "no"}),
        ("a: off", {"a": "off"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 1e3", {"a": 1000.0}),
        ("a: .5", {"a": 0.5}),
        ("a: -7", {"a": -7}),
        ("a: 0o17", {"a": 15}),
        ("a: 0x1F", {"a": 31}),
        ("a: 017", {"a": 17}),
        ("a: 1_000", {"a": "1_000"}),
        ("a: 2001-01-01", {"a": "2001-01-01"}),
        ("a: 'true'", {"a": "true"}),
        ("a: true", {"a": True}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("1: x", {"1": "x"}),
        ("yes: x", {"yes": "x"}),
        ("[1, [2, {a: 3}]]", [1, [2, {"a": 3}]]),
        ("- 1\n- \n- - 2", [1, None, [2]]),
        ("a: |\n  1 2\n  3 4\n", {"a": "1 2\n3 4\n"}),
        ("\ufeffa: 1", {"a": 1}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
        ("", None),
        ("# nothing but a comment", None),
        ("a: " + "9" * 400, {"a": float("9" * 400)}),
    ],
)
def test_yaml_values(text: str, value: object) -> None:
    assert parse_document(text.encode(), "f.yaml").value == value


def test_yaml_infinities_are_floats_for_the_schema_to_refuse() -> None:
    value = parse_document(b"[.inf, -.INF, .nan]", "f.yaml").value
    assert value[:2] == [float("inf"), float("-inf")]
    assert value[2] != value[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1", "f.yaml:1: anchor &x is not allowed (write the value again)"),
        ("b: 2\na: *x", "f.yaml:2: alias *x is not allowed (write the value again)"),
        ("a:\n  <<: {b: 1}", "f.yaml:2: merge key << is not allowed (write the values again)"),
        ("a: !!python/none x", "f.yaml:1: tag tag:yaml.org,2002:python/none is not allowed (write a plain value)"),
        ("a: !mine 1", "f.yaml:1: tag !mine is not allowed (write a plain value)"),
        ("a: ! 1", "f.yaml:1: tag ! is not allowed (write a plain value)"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3: a: the key is given twice (remove one)"),
        ("a: {x: 1, x: 2}", "f.yaml:1: a.x: the key is given twice (remove one)"),
        ("? [1, 2]\n: 3", "f.yaml:1: a key must be text"),
        ("? {a: 1}\n: 3", "f.yaml:1: a key must be text"),
        ("a: 1\n---\nb: 2", "f.yaml:2: a second document is not allowed (remove the ---)"),
        ("%TAG ! tag:x,2000:\n---\na: 1", "f.yaml:1: %TAG is not allowed"),
        ("a: [1, 2", "f.yaml:2: not YAML: did not find expected ',' or ']', column 1"),
        ("a: b: c", "f.yaml:1: not YAML: mapping values are not allowed in this context, column 5"),
        ("b: 1\na: \x07", "f.yaml:2: not YAML: control characters are not allowed"),
        ("[" * 51 + "]" * 51, "f.yaml:1: nested deeper than 50"),
        (
            "a: [" + "1," * (1 << 15) + "1]",
            "f.yaml:1: a: more than 32,768 values in one list (keep so many in .npy, .npz or .safetensors)",
        ),
    ],
)
def test_yaml_refused(text: str, message: str) -> None:
    assert refusal(text) == message


def test_yaml_block_that_loses_its_indent_gets_a_hint() -> None:
    message = refusal("a: |\n     1 2\n    -1 2\nb: 3\n")
    assert message.startswith("f.yaml:3: not YAML: did not find expected key (is it indented like its neighbours?")


def test_not_utf8_names_the_line() -> None:
    assert refusal(b"a: 1\nb: \xff") == "f.yaml:2: is not UTF-8 text (save it as UTF-8)"
    assert refusal("a: 1".encode("utf-16")) == "f.yaml:1: is not UTF-8 text (save it as UTF-8)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "a": 2}', "f.json:2: a: the key is given twice (remove one)"),
        ('{"a": [1, {"b": 1,\n\n "b": 2}]}', "f.json:3: a[1].b: the key is given twice (remove one)"),
        ('{"a":\n NaN}', "f.json:2: NaN is not JSON (write a finite number)"),
        ('{"a":\n\n -Infinity}', "f.json:3: -Infinity is not JSON (write a finite number)"),
        ('{"a": "NaN",\n "b": NaN}', "f.json:2: NaN is not JSON (write a finite number)"),
        ('{"a": 1,\n "\\udfaa": 2}', "f.json:2: a \\u escape is half of a letter (write both halves)"),
        ('{"a": "\\ud83d"}', "f.json:1: a \\u escape is half of a letter (write both halves)"),
        ("[" * 51 + "]" * 51, "f.json: nested deeper than 50"),
        ("[" * 100_000, "f.json: nested deeper than 50"),
        ('{"a":' * 100_000, "f.json: nested deeper than 50"),
    ],
)
def test_json_refused(text: str, message: str) -> None:
    assert refusal(text, "f.json") == message


@pytest.mark.parametrize(("text", "column"), [('{"a" 1}', 6), ("[1] 2", 5), ("", 1)])
def test_what_is_not_json_names_line_and_column(text: str, column: int) -> None:
    """The words between are the standard library's, which change from version to version."""
    message = refusal(text, "f.json")
    assert message.startswith("f.json:1: not JSON: ")
    assert message.endswith(f", column {column}")


def test_json_number_of_too_many_digits() -> None:
    assert refusal("9" * 5000, "f.json").startswith("f.json: not JSON: ")


def test_depth_of_fifty_is_accepted() -> None:
    for path in ("f.json", "f.yaml"):
        value = parse_document(b"[" * 50 + b"]" * 50, path).value
        for _ in range(49):
            (value,) = value
        assert value == []


@pytest.mark.parametrize("path", ["f.yaml", "f.json"])
def test_lines_of_values(path: str) -> None:
    text = b'{"a": [1,\n 2,\n {"b":\n [3,\n4]}], "c":\n\n"x"}'
    lines = parse_document(text, path).lines()
    assert {steps: lines[steps] for steps in lines if steps not in {("a", 2, "b"), ("c",)}} == {
        (): 1,
        ("a",): 1,
        ("a", 0): 1,
        ("a", 1): 2,
        ("a", 2): 3,
        ("a", 2, "b", 0): 4,
        ("a", 2, "b", 1): 5,
    }
    assert lines["a", 2, "b"] == 3
    assert lines["c",] == 5


@pytest.mark.parametrize(
    "text",
    [
        "a:\n  m: |\n    1 2\n    3 4\n",
        "a:\n  m:\n    1 2;\n    3 4\n",
        "a:\n  m:\n    [[1, 2],\n    [3, 4]]\n",
        "a:\n  m:\n    - [1, 2]\n    - [3, 4]\n",
    ],
)
def test_lines_of_matrix_rows(text: str) -> None:
    document = parse_document(text.encode(), "f.yaml")
    assert [document.line(("a", "m", row)) for row in range(2)] == [3, 4]


def test_line_of_what_is_not_there_is_that_of_what_is_around_it() -> None:
    document = parse_document(b"a:\n  b:\n    c: 1\n", "f.yaml")
    assert document.line(("a", "b", "zzz", 4)) == 2


def test_size_limit() -> None:
    assert "longer than 1,048,576 bytes" in refusal(b"#" * (1 << 20) + b"1")
    assert parse_document(b"#" * (1 << 20), "f.yaml").value is None


YAML_BOMBS = {
    "aliases": "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30))]),
    "merge keys": "\n".join(
        ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 9))]
    ),
    "depth of lists": "[" * 2000,
    "depth of mappings": "{a: " * 2000,
    "depth of blocks": "\n".join(" " * n + "a:" for n in range(1000)),
    "depth of dashes": "- " * 2000,
    "long line": "a: " + "x" * (1 << 20),
    "many documents": "---\n" * 1000,
    "python object": "a: !!python/object/apply:os.system ['true']",
    "huge number": "a: " + "9" * 100_000,
    "duplicate keys": "a: 1\n" * 10_000,
    "flow keys": "{" * 1000 + "}" * 1000,
}


@pytest.mark.parametrize("name", YAML_BOMBS)
def test_bombs_are_refused_or_stay_small(name: str) -> None:
    try:
        value = parse_document(YAML_BOMBS[name].encode(), "f.yaml").value
    except KernelFileError:
        return
    assert len(repr(value)) <= 2 * len(YAML_BOMBS[name])
    assert name in {"huge number"}


def test_every_file_of_the_json_suite() -> None:
    folder = corpora.corpus("json-suite") / "test_parsing"
    wrong, messages = [], []
    duplicates = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}  # refused on purpose
    for path in sorted(folder.glob("[ny]_*.json")):
        try:
            read_document(path)
            accepted = True
        except KernelFileError as error:
            accepted = False
            messages.append(str(error))
        if accepted != (path.name.startswith("y_") and path.name not in duplicates):
            wrong.append(path.name)
    assert wrong == []
    assert [message for message in messages if "\n" in message] == []
    for path in sorted(folder.glob("i_*.json")):
        try:
            read_document(path)
        except KernelFileError:
            continue


def test_every_load_error_of_pyyaml() -> None:
    folder = corpora.corpus("pyyaml")
    paths = [
        path for path in sorted(folder.rglob("*")) if path.suffix == ".loader-error" or "single-loader" in path.name
    ]
    assert len(paths) > 50
    accepted, messages = [], []
    for path in paths:
        try:
            read_document(path)
        except KernelFileError as error:
            messages.append(str(error))
        else:
            accepted.append(path.name)
    assert accepted == []
    assert [message for message in messages if "\n" in message or not re.search(r":\d+: ", message)] == []


def test_damaged_documents_raise_nothing_else() -> None:
    """Every document with a few bytes changed is read, or refused with our error in one line."""
    draw, messages = random.Random(7), []
    start = b'kernels:\n  edge: {title: "a b", matrix: [[0, 1], [1/4, -4]]}\n  x: |\n    1 2\n    3 4\n'
    for path in ("f.yaml", "f.json"):
        for _ in range(400):
            data = bytearray(start if path == "f.yaml" else b'{"kernels": {"edge": {"matrix": [[0, 1], ["1/4", -4]]}}}')
            for _ in range(draw.randint(1, 4)):
                data[draw.randrange(len(data))] = draw.choice(b"\x00\t\n :{}[]\"'&*!|>%@`-?#,\\\xff\xc3a1")
            try:
                parse_document(bytes(data), path)
            except KernelFileError as error:
                messages.append(str(error))
    assert len(messages) > 100
    assert [message for message in messages if "\n" in message] == []


def test_what_is_not_a_file(tmp_path) -> None:
    for path, message in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is not a file"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(KernelFileError, match=message):
            read_bytes(path)
    with pytest.raises(KernelFileError, match="no such file"):
        read_bytes("a\0b")
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(KernelFileError, match="is not a file"):
        read_document(tmp_path / "pipe.yaml")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user that may not read everything")
def test_no_permission(tmp_path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("a: 1")
    secret.chmod(0)
    with pytest.raises(ResourceError, match="Permission denied"):
        read_document(secret)


def test_the_pure_loader_reads_the_same(monkeypatch) -> None:
    """Where libyaml is absent the pure Python parser gives the same values and lines."""
    import yaml

    text = b"a: [1, no, 1e3]\nb: |\n  1 2\n  3 4\nc: 'x'\n"
    fast = parse_document(text, "f.yaml")
    with_c = fast.value, fast.lines()
    monkeypatch.delattr(yaml, "CSafeLoader")
    slow = parse_document(text, "f.yaml")
    assert (slow.value, slow.lines()) == with_c
    for bad in ("a: &x 1", "a: 1\na: 2", "a: [", "\x07", "[" * 60):
        with pytest.raises(CnnFilterError):
            parse_document(bad.encode(), "f.yaml")


def test_json_letters_of_two_halves_are_whole() -> None:
    assert parse_document(b'{"a": "\\ud83d\\ude00"}', "f.json").value == {"a": "\U0001f600"}
