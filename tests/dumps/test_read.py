"""Grids from files that may be anything."""

import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from corpora import corpus
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnfilter.dumps.names import split_member
from cnnfilter.dumps.read import read_grid
from cnnfilter.errors import CnnFilterError, ImageError


def npy(array=None, *, header=None, body=b""):
    """The bytes of an npy file, or of one with a header that lies."""
    file = io.BytesIO()
    if header is None:
        np.save(file, array)
        return file.getvalue()
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + body


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


def twins():
    """An archive of two arrays that NumPy gives one name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", npy(np.ones(2)))
        archive.writestr("a", npy(np.zeros(2)))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]]),
        (b"1;2;3\r\n4;5;6", [[1, 2, 3], [4, 5, 6]]),
        (b"0,5;1,25\n2;3", [[0.5, 1.25], [2, 3]]),
        (b"0.5;1\n2;3", [[0.5, 1], [2, 3]]),
        (b"1\t2\n3\t4", [[1, 2], [3, 4]]),
        (b"  1   2\n 3 4  \n\n", [[1, 2], [3, 4]]),
        (b"# made by hand\n1 2\n# more\n3 4", [[1, 2], [3, 4]]),
        (b'"1","2"\n"3","4"', [[1, 2], [3, 4]]),
        (b"1, 2\n3, 4", [[1, 2], [3, 4]]),
        (b"\xef\xbb\xbf1,2\n3,4", [[1, 2], [3, 4]]),
        ("1\t2\n3\t4".encode("utf-16"), [[1, 2], [3, 4]]),
        (b"2.5,1.8,0.2", [2.5, 1.8, 0.2]),
        (b"7", [7]),
        (b"1\n2\n3", [[1], [2], [3]]),
        (b"-1e3,+.5\n1E-2,nan", [[-1000, 0.5], [0.01, np.nan]]),
        (b"[[1, 2.5], [3, null]]", [[1, 2.5], [3, np.nan]]),
        (b"[[[1, 2]], [[3, 4]]]", [[[1, 2]], [[3, 4]]]),
        (b"[1, 2, 3]", [1, 2, 3]),
        (b' {"data": [[1, 2]], "dtype": "float32"}', [[1, 2]]),
        (b"#N/A,1\n2,3", [[np.nan, 1], [2, 3]]),
        (b"# N/A,1\n2,3", [2, 3]),
        (b'1;"#N/A"\n#NA;2,5', [[1, np.nan], [np.nan, 2.5]]),
        (b"1,inf\n-Infinity,2", [[1, np.inf], [-np.inf, 2]]),
        (b"map,row,0\na,0,1\na,0,2\nb,0,3", [[[1]], [[2]], [[3]]]),  # two maps of one name
    ],
)
def test_grids(data, expected):
    np.testing.assert_array_equal(read_grid(data), np.array(expected, float))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"# nothing\n", "holds no numbers"),
        (b"1,2,3\n4,5\n", "line 2 has 2 values, line 1 has 3"),
        (b"1,2\n\n# x\n3,4,5\n", "line 4 has 3 values, line 1 has 2"),
        (b"1,2\n3,x\n", "line 2, column 2: 'x' is not a number"),
        (b"1,,2\n", "line 1, column 2: the cell is empty"),
        (b"1,2,\n", "line 1, column 3: the cell is empty"),
        (b"1,0x10\n", "column 2: '0x10' is not a number"),
        (b"1,1_0\n", "column 2: '1_0' is not a number"),
        (b"1,\x1b[31m\n", r"'\\\\x1b\[31m' is not a number"),
        (b"a,b,c\n1,2,3", "line 1, column 1: 'a' is not a number"),
        (b"1,2\n\xff,3", "not text"),
        (b"1,2\x00", "not text"),
        (b"map,row,0\na,0,1\nb,0,1\nb,1,2", "not all of one height: the first has 1 rows, map 2 has 2"),
        (b"map,row,0\na,0,1\nb,0,3\nb,1,5\nb,2,7", "not all of one height: the first has 1 rows, map 2 has 3"),
        (b"map,row,0\na,0,1\na,2,1", "line 3 is row '2' of its map, row 1 is missing"),
        (b"map,row,0\na,0,1\nb,1,1", "line 3 is row '1' of its map, row 0 is missing"),
        (b"map,row,0\na,x,1", "line 2 is row 'x' of its map, row 0 is missing"),
        (b"1,#DIV/0!", "line 1, column 2: '#DIV/0!' is not a number"),
        (b"#REF!,1", "line 1, column 1: '#REF!' is not a number"),
        (b"1,2\n3,1e999", "line 2, column 2: 1e999 is beyond 1.8e308"),
        (b"[[1, 1e999]]", r"\[0, 1\] is a number beyond 1.8e308"),
        (b"[[1, -1e999]]", r"\[0, 1\] is a number beyond 1.8e308"),
        (b'{"data": [[1e60]], "dtype": "float32"}', "numbers that float32 does not: they are larger than 3.4e"),
        (b'{"data": [[70000]], "dtype": "float16"}', "numbers that float16 does not: they are larger than 6.55e"),
        (b"map,row,0,1\na,0", "needs a map, a row and values"),
        (b"map,row,0,1", "holds no numbers"),
        (b"[[1, 2], [3]]", "item 1 at depth 1 has 1 items, the first has 2"),
        (b"[[1, 2], 3]", "item 1 at depth 1 is no list"),
        (b"[[1, [2]]]", r"\[0, 1\] is \[2\], not a number"),
        (b'[[1, "2"]]', "not a number"),
        (b"[[1, true]]", "not a number"),
        (b"[[1, NaN]]", "NaN is not JSON"),
        (b"[[1, -Infinity]]", "-Infinity is not JSON"),
        (b"[]", "holds no values"),
        (b"[[], []]", "holds no values"),
        (b'{"a": 1}', "needs a key 'data'"),
        (b'{"data": 3}', "nested lists of numbers"),
        (b"[[1, 2]", "not a readable json file"),
        (b"[" * 100_000, "nested too deeply"),
        (npy(header="{'descr': '<f8', 'fortran_order': False, 'shape': (99999, 99999)}"), "bytes follow"),
        (npy(header="{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4)}", body=bytes(64)), "shape"),
        (npy(header="{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4)}"), "holds no values"),
        (
            npy(header="{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", body=pickle.dumps(1)),
            "object arrays are refused",
        ),
        (npy(header="{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", body=bytes(8)), "expected real numbers"),
        (
            npy(header="{'descr': '<U4', 'fortran_order': False, 'shape': (1,)}", body=bytes(16)),
            "expected real numbers",
        ),
        (npy(header="__import__('os').system('true')"), "not a readable npy file"),
        (npy(header="{'shape': (1,)}"), "not a readable npy file"),
        (
            npy(header=" " * 20_000 + "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"),
            "not a readable npy file",
        ),
        (npy(np.arange(100.0))[:300], "bytes follow"),
        (npy(np.arange(100.0)) + b"\0", "bytes follow"),
        (b'{"data": [[1, 2]], "data": [[3, 4]]}', "the key 'data' is given twice"),
        (b'{"shape": [2, 1], "data": [[1, 2]]}', r"declares the shape \[2, 1\], but its data are \[1, 2\]"),
        (b'{"shape": "1x2", "data": [[1, 2]]}', 'declares the shape "1x2", but its data are'),
        (b"\x93NUMPY\3\0" + bytes(60), "version 3.0"),
        (b"\x93NUMPY", "not a readable npy file"),
        (b"PK\x03\x04" + bytes(50), "not a readable npz file"),
        (zipped(), "not"),
        (zipped(a=npy(np.ones(2)), b=npy(np.ones(2))), "holds 2 arrays, a, b"),
        (twins(), "holds several arrays of one name"),
        (zipped(a=b"no array"), "not a readable npz file"),
        (
            zipped(a=npy(header="{'descr': '<f8', 'fortran_order': False, 'shape': (9999, 9999)}", body=bytes(90))),
            "bytes follow",
        ),
    ],
)
def test_refusals(data, words):
    with pytest.raises(ImageError, match=words) as info:
        read_grid(data, name="in\n.file")
    assert str(info.value).startswith("'in\\n.file': ")
    assert "\n" not in str(info.value)


def test_npy_of_every_kind():
    for dtype in ("|b1", "|u1", "<i2", ">i4", "<f2", ">f8", "<u8"):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        for stored in (array, np.asfortranarray(array)):
            back = read_grid(npy(stored))
            np.testing.assert_array_equal(back, array)
            assert back.dtype.isnative


def test_one_array_of_many(tmp_path):
    path = tmp_path / "maps#1.npz"
    np.savez(path, a=np.ones((2, 3)), b=np.zeros((4, 5)))
    assert read_grid(f"{path}#b").shape == (4, 5)
    assert split_member(f"{path}#b") == (path, "b")
    with pytest.raises(ImageError, match="holds no array 'c' \\(it has a, b\\)"):
        read_grid(f"{path}#c")
    odd = tmp_path / "x.npz#y"
    odd.write_bytes(b"1,2")
    assert split_member(odd) == (odd, "")


def test_missing_files_and_folders(tmp_path):
    for path, words in ((tmp_path / "no.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ImageError, match=words):
            read_grid(path)


def test_a_bomb_is_refused_before_it_is_unpacked():
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (20000, 20000)}"
    bomb = zipped(a=npy(header=header, body=bytes(50_000_000)))
    assert len(bomb) < 100_000
    with pytest.raises(ImageError, match="declares 400000000 values, over the limit of 1000000"):
        read_grid(bomb, max_values=1_000_000)
    with pytest.raises(ImageError, match="over the limit"):
        read_grid(npy(np.zeros(2000)), max_values=1000)


def test_no_pickle_is_ever_loaded(tmp_path):
    marker = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    stored = npy(np.array([Payload()], object))
    for data in (stored, zipped(a=stored), pickle.dumps(Payload())):
        with pytest.raises(ImageError):
            read_grid(data, name="x.npy")
    assert not marker.exists()
    files = [path for path in corpus("numpy-npy").rglob("*") if path.suffix in (".npy", ".npz")]
    assert files
    for path in files:
        with pytest.raises(ImageError, match=r"object arrays are refused|holds .* arrays"):
            read_grid(path)


def test_json_suite():
    folder = corpus("json-suite") / "test_parsing"
    for path in sorted(folder.glob("n_*.json")):
        with pytest.raises(ImageError):
            read_grid(path, "json")
    for path in sorted(folder.glob("[yi]_*.json")):
        try:
            grid = read_grid(path, "json")
        except ImageError:
            continue
        assert grid.dtype.kind == "f"


def check(data, form=None):
    """Any bytes give values, or one of our errors on one line."""
    try:
        assert read_grid(data, form, max_values=10_000).size
    except CnnFilterError as error:
        message = str(error)
    else:
        message = ""
    assert message.isprintable()


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["npy", "npz", "csv", "json", None]))
def test_any_bytes_are_a_grid_or_an_error(data, form):
    check(data, form)


@settings(deadline=None)
@given(st.data())
def test_damaged_files_are_grids_or_errors(data):
    whole = data.draw(
        st.sampled_from([npy(np.ones((3, 4))), zipped(a=npy(np.ones((3, 4)))), json.dumps([[1, 2.5]]).encode()])
    )
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :]
    for cut in (damaged, whole[:at]):
        check(cut)


@pytest.mark.skipif(np.finfo(np.longdouble).max <= np.finfo(np.float64).max, reason="no longer double here")
def test_a_longer_double_is_read_where_it_fits():
    values = np.array([[1.5, -2], [np.nan, np.inf]], np.longdouble)
    np.testing.assert_array_equal(read_grid(npy(values)), values.astype(float))
    with pytest.raises(ImageError, match="numbers that float64 does not"):
        read_grid(npy(np.array([[np.finfo(np.longdouble).max]])))


def test_python_2_and_warnings_stay_off_the_screen(cnnfilter_run, tmp_path):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L)}"
    (tmp_path / "old.npy").write_bytes(npy(header=header, body=np.arange(6.0).tobytes()))
    done = cnnfilter_run("convolve", "old.npy", "-k", "1", "-o", "new.npy", "-q")
    assert (done.code, done.err) == (0, "")
    np.testing.assert_array_equal(np.load(tmp_path / "new.npy"), np.arange(6).reshape(2, 3))


@pytest.mark.parametrize(
    "header",
    [
        "(" * 100,
        "__import__('os')",
        "{'descr':'<f4'}",
        "{'descr':'<f4','fortran_order':1,'shape':(1,)}",
        "\xff",
        "[" * 9000,
    ],
)
def test_a_strange_npy_header_is_answered_in_our_words(header):
    text = header.encode("latin-1") + b"\n"
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(4)
    with pytest.raises(ImageError, match=r"^'standard input': not a readable npy file: its header makes no sense$"):
        read_grid(data)
    with pytest.raises(ImageError, match=r"^'standard input': not a readable npy file: the file ends in its header$"):
        read_grid(data[:-6])
