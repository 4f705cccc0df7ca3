"""Dumps read back as what was written, the same bytes every time."""

import csv
import io
import json
from decimal import Decimal

import numpy as np
import pytest
from corpora import corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import cnnfilter
from cnnfilter.dumps.read import read_grid
from cnnfilter.dumps.words import WORD_FORMATS
from cnnfilter.dumps.write import DUMP_FORMATS, Dump, csv_cell, rows_as_text
from cnnfilter.errors import ParameterError, ShapeError


def written(form, maps, *, stack=False, **info):
    file = io.BytesIO()
    DUMP_FORMATS[form].write(file, Dump([*maps.items()], stack, info))
    return file.getvalue()


def ramp(*shape):
    return (np.arange(np.prod(shape), dtype=np.float32).reshape(shape) - 3) / 7


ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.float16]),
    hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=5),
    elements={"allow_nan": True, "allow_infinity": True},
)


def read_back(form, array, **options):
    back = read_grid(written(form, {"map": array}, **options), form)
    if form in ("csv", "json"):
        back = back.astype(array.dtype)
    return back


@given(ARRAYS)
@settings(deadline=None)
def test_npy_and_npz_keep_every_bit(array):
    for form in ("npy", "npz"):
        back = read_back(form, array)
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert back.tobytes() == array.tobytes()


@given(ARRAYS)
@settings(deadline=None)
def test_csv_keeps_every_number(array):
    back = read_back("csv", array)
    np.testing.assert_array_equal(back, array[0] if array.ndim == 2 and len(array) == 1 else array)


@given(ARRAYS)
@settings(deadline=None)
def test_json_keeps_every_finite_number(array):
    text = written("json", {"map": array})

    def refuse(word):
        raise AssertionError(word)

    document = json.loads(text, parse_constant=refuse)
    assert document["shape"] == list(array.shape)
    assert document["dtype"] == str(array.dtype)
    np.testing.assert_array_equal(read_back("json", array), np.where(np.isfinite(array), array, np.nan))


def digits(number):
    """How many significant digits NumPy shows of a number."""
    return len(Decimal(str(number)).normalize().as_tuple().digits)


@given(hnp.arrays(st.sampled_from([np.float16, np.float32, np.float64]), st.integers(1, 30)))
def test_numbers_read_back_and_are_short(array):
    (text,) = rows_as_text(array[None])
    cells = text.split(b",")
    back = np.array([float(cell) for cell in cells]).astype(array.dtype)
    np.testing.assert_array_equal(back, array)
    assert (np.signbit(back) == np.signbit(array))[~np.isnan(array)].all()
    for value, cell in zip(array, cells, strict=True):
        # float16 has the digits of a float32, and whole numbers have all of theirs
        if np.isfinite(value) and value % 1 and array.dtype != np.float16:
            assert digits(cell.decode()) <= digits(value)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, bool, ">f4", ">i2"])
@pytest.mark.parametrize("form", sorted(DUMP_FORMATS.keys() - set(WORD_FORMATS)))
def test_other_types(form, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = read_grid(written(form, {"map": array}), form)
    np.testing.assert_array_equal(back, array)
    if form in ("npy", "npz"):
        assert back.dtype == array.dtype.newbyteorder("=")


def test_stacks_put_the_kernels_in_front():
    maps = {"sobel-x": ramp(3, 4), "sobel-y": ramp(3, 4) * 2}
    expected = np.stack(list(maps.values()))
    for form in ("npy", "csv", "json"):
        np.testing.assert_array_equal(read_grid(written(form, maps, stack=True), form).astype(np.float32), expected)
    assert read_grid(written("npy", {"one": ramp(3, 4)}, stack=True)).shape == (1, 3, 4)
    many = {"a": ramp(2, 3, 4), "b": ramp(2, 3, 4) + 1}
    assert read_grid(written("npy", many, stack=True)).shape == (2, 2, 3, 4)
    assert json.loads(written("json", many, stack=True))["maps"] == ["a", "b"]


def test_npz_holds_each_kernel_under_its_name():
    maps = {"sobel-x": ramp(3, 4), "../../evil": ramp(2, 2), "a/b": ramp(1, 2), "a-b-2": ramp(1, 3)}
    with np.load(io.BytesIO(written("npz", maps, stack=True))) as archive:
        assert archive.files == ["sobel-x", "evil", "a-b", "a-b-2"]
        np.testing.assert_array_equal(archive["a-b-2"], maps["a-b-2"])


@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("a/b", "a-b"), ("caf\u00e9", "cafe\u0301")])
def test_two_maps_of_one_name_are_refused(names):
    with pytest.raises(ParameterError, match="maps of equal names in one file"):
        Dump([(name, ramp(2, 2)) for name in names], stack=True)


def test_channels_are_told_from_maps_that_are_named_like_them():
    maps = {"a": ramp(2, 2, 3), "a/1": ramp(2, 2, 3)}
    rows = list(csv.DictReader(io.StringIO(written("csv", maps, stack=True).decode())))
    assert [row["map"] for row in rows[::2]] == ["a/0", "a/1", "a/1/0", "a/1/1"]
    maps = {"a": ramp(1, 2, 3), "a/0": ramp(1, 2, 3)}
    rows = list(csv.DictReader(io.StringIO(written("csv", maps, stack=True).decode())))
    assert len({row["map"] for row in rows}) == 2


def test_npy_is_what_numpy_writes():
    file = io.BytesIO()
    np.save(file, ramp(3, 4))
    assert written("npy", {"map": ramp(3, 4)}) == file.getvalue()
    np.testing.assert_array_equal(np.load(io.BytesIO(written("npy", {"map": ramp(4, 3).T}))), ramp(4, 3).T)


def test_csv_of_several_maps_names_them():
    text = written("csv", {"k": ramp(2, 2, 3)}).decode()
    assert text.splitlines()[:3] == [
        "map,row,0,1,2",
        "k/0,0,-0.42857143,-0.2857143,-0.14285715",
        "k/0,1,0.0,0.14285715,0.2857143",
    ]
    assert [row[:2] for row in csv.reader(text.splitlines()[1:])] == [
        ["k/0", "0"],
        ["k/0", "1"],
        ["k/1", "0"],
        ["k/1", "1"],
    ]
    assert read_grid(text.encode()).shape == (2, 2, 3)


def test_whole_numbers_have_no_point():
    assert written("csv", {"k": np.array([[1.0, -2.0], [3.0, 0.0]], np.float32)}) == b"1,-2\n3,0\n"
    assert written("csv", {"k": np.array([2.5, 1.8, 0.2])}) == b"2.5,1.8,0.2\n"
    assert written("csv", {"k": np.array([np.nan, np.inf, -np.inf, 0.1], np.float32)}) == b"nan,inf,-inf,0.1\n"


def test_json_says_what_it_holds():
    info = {
        "source": "caf\udce9.png",
        "kernel": "sobel-x",
        "parameters": {"stride": (1, 2), "bias": np.float32(0.5), "gain": float("nan")},
    }
    text = written("json", {"sobel-x": ramp(2, 3)}, **info)
    document = json.loads(text)
    assert document["source"] == "caf\\xe9.png"
    assert document["parameters"] == {"stride": [1, 2], "bias": 0.5, "gain": None}
    assert document["version"] == cnnfilter.__version__
    assert document["shape"] == [2, 3]
    assert list(document)[-1] == "data"
    text.decode("ascii")


@pytest.mark.parametrize("form", sorted(DUMP_FORMATS.keys() - set(WORD_FORMATS)))
def test_bytes_are_always_the_same(form):
    maps = {"a": ramp(5, 6), "b": ramp(5, 6) + 1}
    assert written(form, maps, stack=True, source="x") == written(form, dict(maps), stack=True, source="x")


@pytest.mark.parametrize("form", ["npy", "csv", "json"])
def test_maps_of_different_shapes(form):
    with pytest.raises(ShapeError, match=r"\(2, 2\), \(3, 3\)"):
        written(form, {"a": ramp(3, 3), "b": ramp(2, 2)}, stack=True)


def test_one_map_or_a_stack():
    with pytest.raises(ParameterError, match="got 2"):
        Dump([("a", ramp(2, 2)), ("b", ramp(2, 2))])
    with pytest.raises(ParameterError, match="got 0"):
        Dump([], stack=True)


def formulas():
    return [
        line
        for file in sorted((corpus("csv-injection") / "Intruder").iterdir())
        for line in file.read_text("utf-8").splitlines()
    ]


def test_no_cell_is_a_formula():
    payloads = formulas()
    assert len(payloads) >= 6
    for text in [*payloads, "=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", 'a"b', "a;=b"]:
        cell = csv_cell(text)
        (read,) = next(csv.reader([cell]))
        assert read[:1] not in ("=", "+", "-", "@", "\t", "\r", "\n")
        data = written("csv", {text: ramp(2, 3), "other": ramp(2, 3)}, stack=True)
        assert read_grid(data).shape == (2, 2, 3)


class FullDisk(io.RawIOBase):
    """A file that takes some bytes, then none."""

    def __init__(self, room):
        self.room = room

    def writable(self):
        return True

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(28, "No space left on device")
        return len(data)


@pytest.mark.parametrize("form", sorted(DUMP_FORMATS.keys() - set(WORD_FORMATS)))
def test_a_full_disk_keeps_its_number(form):
    with pytest.raises(OSError, match="No space left") as info:
        DUMP_FORMATS[form].write(FullDisk(2000), Dump([("a", ramp(100, 100))]))
    assert info.value.errno == 28
