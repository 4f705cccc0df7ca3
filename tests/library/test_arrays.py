"""Kernels from .npy, .npz and .safetensors files, honest and crafted."""

from __future__ import annotations

import json
import struct
import zipfile

import corpora
import numpy as np
import pytest

from cnnfilter.errors import CnnFilterError, KernelFileError, UnknownNameError
from cnnfilter.library import load_kernel, load_kernels

BANK = np.arange(2 * 3 * 4 * 5, dtype=np.float64).reshape(2, 3, 4, 5) / 7  # (K, C, kH, kW)


def safetensors(path, tensors, header=None):
    """Write a file of (dtype, shape, bytes) by name."""
    table, blob = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, data) in tensors.items():
        table[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(table).encode() if header is None else header
    path.write_bytes(struct.pack("<Q", len(text)) + text + blob)
    return path


def refusal(spec):
    with pytest.raises(CnnFilterError) as caught:
        load_kernels(str(spec))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "<i4", ">u2", "i1", "?"])
def test_npy_of_every_number_type_and_order(tmp_path, dtype, order):
    plane = (BANK[1, 2] * 3).astype(dtype)
    np.save(tmp_path / "w.npy", np.asarray(plane, order=order))
    kernel = load_kernel(f"{tmp_path}/w.npy")
    np.testing.assert_array_equal(kernel.weights, plane.astype(np.float64))
    assert kernel.name == "w"


@pytest.mark.parametrize(
    ("tail", "names", "wanted"),
    [
        ("", ["w-0", "w-1"], list(BANK)),
        ("#[1]", ["w-1"], [BANK[1]]),
        ("#[-1]", ["w-1"], [BANK[-1]]),
        ("#[:1]", ["w-0"], [BANK[0]]),
        ("#[::-1]", ["w-1", "w-0"], list(BANK[::-1])),
        ("#[1, 2]", ["w-1_2"], [BANK[1, 2]]),
        ("#[:, 0]", ["w-0"], [BANK[:, 0]]),
        ("#[:, :1]", ["w-0", "w-1"], list(BANK[:, 0])),
        ("#[0,0,0]", ["w-0_0_0"], [BANK[0, 0, :1]]),
        ("#[1]:scale=7,name=x", ["x"], [BANK[1] * 7]),
    ],
)
def test_selections(tmp_path, tail, names, wanted):
    np.save(tmp_path / "w.npy", BANK)
    kernels = load_kernels(f"{tmp_path}/w.npy{tail}")
    assert [kernel.name for kernel in kernels] == names
    for kernel, weights in zip(kernels, wanted, strict=True):
        np.testing.assert_allclose(kernel.weights, weights, rtol=1e-15)
        np.testing.assert_array_equal(load_kernels(kernel.spec)[0].weights, kernel.weights)


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("#[2]", "[2]: axis 0 has 2, numbered from 0"),
        ("#[-3]", "[-3]: axis 0 has 2, numbered from 0"),
        ("#[0,0,0,0,0]", "[0,0,0,0,0] has 5 indices, the array has 4 axes"),
        ("#[0,0,0,0]", "has 0 axes, expected (kH, kW), (C, kH, kW) or (K, C, kH, kW)"),
        ("#[1:1]", "is empty: its shape is 0x3x4x5"),
        ("#[::0]", "[::0] is not a selection (write [3], [:8] or [0:16:2, 0])"),
        ("#[99999999999]", "[99999999999] is not a selection"),
        ("#name", "holds one array without a name, so #name means nothing"),
    ],
)
def test_selections_refused(tmp_path, tail, reason):
    np.save(tmp_path / "w.npy", BANK)
    assert refusal(f"{tmp_path}/w.npy{tail}").startswith(f"{tmp_path}/w.npy: {reason}")


def test_npz(tmp_path):
    np.savez(tmp_path / "z.npz", conv=BANK, other=BANK[0, 0], **{"scope/kernel:0": BANK[:, :1]})
    path = f"{tmp_path}/z.npz"
    np.testing.assert_array_equal(load_kernel(f"{path}#conv").weights, BANK)
    np.testing.assert_array_equal(load_kernel(f"{path}#other").weights, BANK[0, 0])
    kernels = load_kernels(f"{path}#scope/kernel:0")
    assert [kernel.name for kernel in kernels] == ["scope_kernel_0-0", "scope_kernel_0-1"]
    assert kernels[0].weights.shape == (4, 5)
    assert "holds several arrays: write" in refusal(path)
    with pytest.raises(UnknownNameError, match="did you mean conv"):
        load_kernels(f"{path}#cnv")
    with zipfile.ZipFile(tmp_path / "twins.npz", "w") as archive:
        for name in ("a.npy", "b.npy", "a"):
            archive.writestr(name, bytes(9))
    assert "holds several arrays of the name 'a'" in refusal(f"{tmp_path}/twins.npz#a")
    np.savez_compressed(tmp_path / "one.npz", only=BANK[0])
    np.testing.assert_array_equal(load_kernel(f"{tmp_path}/one.npz").weights, BANK[0])


@pytest.mark.parametrize("name", ["F64", "F32", "F16", "BF16", "I64", "U8", "BOOL"])
def test_safetensors_types(tmp_path, name):
    dtype = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "U8": "u1", "BOOL": "?"}.get(name, "<f4")
    values = (
        np.array([[0, 1, 2], [3, 0.5, -1]])
        if name.endswith(("F64", "F32", "F16"))
        else np.array([[0, 1, 1], [1, 0, 1]])
    )
    values = values.astype(dtype)
    data = values.tobytes() if name != "BF16" else (values.view("<u4") >> 16).astype("<u2").tobytes()
    path = safetensors(tmp_path / "w.safetensors", {"first": ("U8", [1], b"\0"), "conv1.weight": (name, [2, 3], data)})
    np.testing.assert_array_equal(load_kernel(f"{path}#conv1.weight").weights, values.astype(np.float64))


def test_safetensors_bank(tmp_path):
    data = BANK.astype("<f4")
    path = safetensors(tmp_path / "w.safetensors", {"conv1.weight": ("F32", list(data.shape), data.tobytes())})
    kernels = load_kernels(f"{path}#conv1.weight[:1]")
    assert [kernel.name for kernel in kernels] == ["conv1.weight-0"]
    np.testing.assert_array_equal(kernels[0].weights, data[0])
    np.testing.assert_array_equal(load_kernel(str(path)).weights, data)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array(3.0), "has 0 axes"),
        (np.zeros((1, 1, 1, 1, 1)), "has 5 axes"),
        (np.zeros((0, 3)), "is empty: its shape is 0x3"),
        (np.zeros((4096, 1)), "holds kernels of 4096x1, more than 4095 a side"),
        (np.array([[1, np.nan], [np.inf, 0]]), "holds 2 NaN or infinite values (weights must be finite)"),
        (np.array([[1 + 2j]]), "holds complex128, expected real numbers"),
        (np.array([["a"]]), "holds str32, expected real numbers"),
        (np.zeros((2, 2), dtype=[("a", "f4")]), "holds void32, expected real numbers"),
        (np.zeros((2, 2), dtype="M8[s]"), "holds datetime64[s], expected real numbers"),
    ],
)
def test_arrays_that_are_no_kernels(tmp_path, array, reason):
    np.save(tmp_path / "w.npy", array)
    assert refusal(f"{tmp_path}/w.npy").startswith(f"{tmp_path}/w.npy: {reason}")


class Marker:
    """Writes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_are_never_run(tmp_path):
    marker = tmp_path / "marker"
    np.save(tmp_path / "w.npy", np.array([Marker(str(marker))], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "w.npz", w=np.array([Marker(str(marker))], dtype=object))
    assert "object arrays are refused" in refusal(f"{tmp_path}/w.npy")
    assert "object arrays are refused" in refusal(f"{tmp_path}/w.npz")
    assert not marker.exists()


def npy(shape="(2, 2)", descr="'<f8'", data=b"\0" * 32, magic=b"\x93NUMPY\x01\x00"):
    """Return the bytes of a crafted .npy file."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return magic + struct.pack("<H", len(header)) + header + data


CRAFTED = {
    "empty": b"",
    "not an array": b"hello, world, this is no array",
    "cut in the header": npy()[:30],
    "cut in the data": npy()[:-1],
    "a shape that lies": npy(shape="(100, 100)"),
    "a huge shape": npy(shape="(1000000, 1000000)"),
    "a shape past 64 bits": npy(shape="(99999999999999999999, 99999999999)"),
    "a negative side": npy(shape="(-2, -2)"),
    "a shape that is no tuple": npy(shape="'ab'"),
    "a shape of floats": npy(shape="(2.0, 2.0)"),
    "a type that runs code": npy(descr="__import__('os').system('true')"),
    "a type that is none": npy(descr="'zz'"),
    "a future version": npy(magic=b"\x93NUMPY\x09\x00"),
    "a header longer than it may be": b"\x93NUMPY\x01\x00\xff\xff" + b" " * 70_000,
    "many axes": npy(shape="(" + "1," * 70 + ")"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_npy(tmp_path, name):
    (tmp_path / "w.npy").write_bytes(CRAFTED[name])
    assert refusal(f"{tmp_path}/w.npy").startswith(f"{tmp_path}/w.npy: ")
    with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
        archive.writestr("w.npy", CRAFTED[name])
    assert refusal(f"{tmp_path}/w.npz#w").startswith(f"{tmp_path}/w.npz")


def test_crafted_npz(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(b"PK\x03\x04 this is no archive")
    assert "is not a readable .npz archive" in refusal(path)
    with zipfile.ZipFile(path, "w"):
        pass
    assert "holds no arrays" in refusal(path)
    with zipfile.ZipFile(path, "w") as archive:  # a name that leads out is only a name
        archive.writestr("../../evil.npy", npy())
    assert load_kernels(str(path))[0].name == "evil"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:  # 4 GB of zeros would be 4 MB here
        archive.writestr("w.npy", npy(shape="(16777217, 1)", data=b""))
    assert "promises 16,777,217 weights, more than 16,777,216" in refusal(path)
    damaged = bytearray(path.read_bytes())
    damaged[60] ^= 0xFF
    path.write_bytes(bytes(damaged))
    assert refusal(path).startswith(str(path))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["w.npz"]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "is not .safetensors: its header is not JSON"),
        (b"[]", "is not .safetensors: its header is not a mapping"),
        (b'{"w": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}', "'w' is of type a list, expected one of"),
        (
            b'{"w": {"dtype": {"F32": 1}, "shape": [1], "data_offsets": [0, 4]}}',
            "'w' is of type a mapping, expected one of",
        ),
        (b"{}", "holds no arrays"),
        (b'{"w": 3}', "'w' is of type nothing, expected one of F64"),
        (b'{"w": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}', "'w' is of type 'F8_E4M3', expected"),
        (b'{"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', "'w': its shape or offsets are not whole"),
        (b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}', "'w': shape and offsets disagree"),
        (b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}', "'w': its offsets run backwards"),
        (b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0]}}', "'w': its shape or offsets are not whole"),
        (
            b'{"w": {"dtype": "F32", "shape": [true], "data_offsets": [0, 4]}}',
            "'w': its shape or offsets are not whole",
        ),
        (b'{"w": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}', "is cut short: 36 bytes promised, 0 there"),
        (
            b'{"w": {"dtype": "F32", "shape": [99999999], "data_offsets": [0, 399999996]}}',
            "promises 99,999,999 weights",
        ),
        (b'{"w": 1, "w": 2}', "is not .safetensors: its header is the key is given twice"),
        (b"[" * 5000 + b"]" * 5000, "is not .safetensors: its header is nested deeper"),
    ],
)
def test_crafted_safetensors(tmp_path, header, reason):
    path = safetensors(tmp_path / "w.safetensors", {}, header)
    assert refusal(f"{path}#w" if b'"w"' in header else path).startswith(f"{path}: {reason}")


def test_crafted_safetensors_length(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"\xff" * 8)
    assert "a header of 18446744073709551615 bytes" in refusal(path)
    path.write_bytes(b"\x01")
    assert "is cut short: 8 bytes promised, 1 there" in refusal(path)


def test_files_of_numpys_own_tests():
    for path in sorted(corpora.corpus("numpy-npy").rglob("*.np[yz]")):
        with pytest.raises(KernelFileError, match="object arrays"):
            load_kernels(str(path))


@pytest.mark.parametrize("header", [b"(" * 100, b"{'descr': '<f8', 'fortran_order': False, 'shape': ((1, }"])
def test_a_header_that_never_closes_its_brackets_is_refused(tmp_path, header):
    path = tmp_path / "strange.npy"
    path.write_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(KernelFileError, match=r"its header makes no sense|ends in its header"):
        load_kernel(str(path))
