"""Words for hardware: what others read of them, and what comes back."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from cnnfilter.dumps.words import WORD_FORMATS, Words, pack, read_words, write_words
from cnnfilter.errors import CnnFilterError

ARRAYS = [
    np.array([[-128, 127, 0], [1, -1, 5]], np.int8),
    np.arange(24, dtype=np.uint8).reshape(2, 3, 4) * 10,
    np.array([-(2**31), 2**31 - 1, -1], np.int32),
    np.array([[[[-5, 70000]], [[3, 4]]]], np.int64),
    np.array([0, 65535], np.uint16),
    np.array([[True, False]]),
    np.array([[2.0, -3.0]], np.float32),
]


def written(array, form, words=Words(), name="my map-1"):  # noqa: B008 - it does not change
    import io

    file = io.BytesIO()
    write_words(file, pack(array, words), form, name)
    return file.getvalue()


@pytest.mark.parametrize("order", ["chw", "hwc"])
@pytest.mark.parametrize("bits", [None, 32])
@pytest.mark.parametrize("form", WORD_FORMATS)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype} {array.shape}")
def test_what_is_written_comes_back(array, form, bits, order):
    words = Words(bits, order)
    back = read_words(written(array, form, words), form, like=pack(array, words)._replace(values=np.empty(0))).array()
    assert back.shape == array.shape
    assert np.array_equal(back, array)


def by_hand(array, bits):
    return [f"{int(value) % 2**bits:0{bits // 4}x}" for value in array.ravel()]


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_words_are_twos_complement(bits):
    array = np.array([[-128, -1, 0], [1, 100, 127]], np.int8)
    text = written(array, "mem", Words(bits)).decode().splitlines()
    assert text[0].startswith("// ")
    assert text[1:] == by_hand(array, bits)
    coe = written(array, "coe", Words(bits)).decode()
    head = r"; .*\nmemory_initialization_radix=16;\nmemory_initialization_vector=\n"
    body = re.fullmatch(rf"{head}(.*);\n", coe, re.DOTALL)
    assert body[1].replace("\n", "").split(",") == by_hand(array, bits)
    raw = written(array, "bin", Words(bits))
    assert np.array_equal(np.frombuffer(raw, f"<i{bits // 8}"), array.ravel())


def test_channels_last_are_where_they_should_be():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    raw = np.frombuffer(written(array, "bin", Words(order="hwc")), np.uint8)
    assert np.array_equal(raw.reshape(3, 4, 2), array.transpose(1, 2, 0))
    bank = np.arange(48, dtype=np.uint8).reshape(2, 2, 3, 4)
    raw = np.frombuffer(written(bank, "bin", Words(order="hwc")), np.uint8)
    assert np.array_equal(raw.reshape(2, 3, 4, 2), bank.transpose(0, 2, 3, 1))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc to compile a C array with")
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype} {array.shape}")
def test_a_c_array_compiles_without_a_warning(tmp_path, array):
    (tmp_path / "map.h").write_bytes(written(array, "h"))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "map.h"\n#include "map.h"\n'
        "int main(void) { for (int i = 0; i < MY_MAP_1_LENGTH; i++) "
        'printf("%lld ", (long long)my_map_1[i]); return 0; }\n'
    )
    flags = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    subprocess.run(["gcc", *flags, "-o", tmp_path / "main", tmp_path / "main.c"], check=True, cwd=tmp_path)
    out = subprocess.run([tmp_path / "main"], check=True, capture_output=True, text=True).stdout
    assert [int(word) for word in out.split()] == [int(value) for value in array.ravel()]


@pytest.mark.parametrize(
    ("array", "words", "said"),
    [
        (np.array([[1.0, 2.5]]), Words(), r"holds 2.5 at \[0, 1\], and words are whole numbers"),
        (np.array([np.nan]), Words(), r"holds nan at \[0\]"),
        (np.array([[0, 0], [200, 0]], np.int32), Words(8), r"holds 200 at \[1, 0\].*--word 16"),
        (np.array([256], np.uint16), Words(8), r"256 at \[0\], and an unsigned word of 8 bits .*--word 16"),
        (np.array([2**31]), Words(), r"holds 2147483648 at \[0\].*at most 32 bits"),
        (np.array([1e30]), Words(), r"holds 1e\+30"),
    ],
)
def test_what_is_no_word(array, words, said):
    with pytest.raises(CnnFilterError, match=said):
        pack(array, words)
    for strange in (Words(12), Words(order="cwh")):
        with pytest.raises(CnnFilterError):
            strange.checked()


def test_what_a_simulator_wrote():
    array = np.array([[-2, 1], [3, -4]], np.int8)
    like = pack(array, Words())
    text = b"// 0x00000000\n@0 fe\n01 /* two */ 0_3\n@3\nFC\n"
    assert np.array_equal(read_words(text, "mem", like).array(), array)
    for broken, said in [
        (b"fe 01 xx fc", "word 2 is xx"), (b"fe 01 03", "holds 3 words, 4"), (b"fe 01 @3 fc fc", "leaves words out"),
        (b"fe 01 1ff fc", "more than 8 bits"), (b"", "holds 0 words"),
    ]:  # fmt: skip
        with pytest.raises(CnnFilterError, match=said):
            read_words(broken, "mem", like)
    with pytest.raises(CnnFilterError, match="says nothing of the shape"):
        read_words(text, "mem")
