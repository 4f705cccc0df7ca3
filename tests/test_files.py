"""Names that are safe, and outputs that are whole or absent."""

import errno
import json
import os
import resource
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from corpora import corpus
from hypothesis import given
from hypothesis import strategies as st

from cnnfilter.errors import OutputError, ResourceError
from cnnfilter.files import (
    PART_SUFFIX,
    atomic_output,
    collision_key,
    file_name,
    output_error,
    printable,
    quoted,
    same_file,
    slug,
)


def check_slug(text, folder):
    name = slug(text)
    assert name
    assert len(name.encode()) <= 130
    assert name.isprintable()
    assert not set(name) & set('/\\:*?"<>|')
    assert (folder / name).resolve().parent == folder.resolve()
    assert slug(name) == name


@given(st.text())
def test_any_text_makes_a_safe_name(text):
    check_slug(text, Path("/somewhere"))


def test_naughty_strings_stay_inside_the_folder(tmp_path):
    lines = json.loads((corpus("naughty-strings") / "blns.json").read_text("utf-8"))
    lines += (corpus("naughty-strings") / "blns.txt").read_text("utf-8").splitlines()
    assert len(lines) > 1000
    folder = tmp_path / "inside"
    folder.mkdir()
    for text in lines:
        check_slug(text, folder)
        (folder / slug(text)).write_bytes(b"")
        (folder / file_name(text, text, extension="png")).write_bytes(b"")
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sobel-x", "sobel-x"),
        ("gabor-theta22.5", "gabor-theta22.5"),
        ("../../etc/passwd", "etc-passwd"),
        ("a/b\\c:d", "a-b-c-d"),
        ("", "unnamed"),
        ("....", "unnamed"),
        ("-rf", "rf"),
        ("\x1b[2J", "2J"),
        ("con", "con-"),
        ("COM1.txt", "COM1-txt"),
        ("猫 filter", "猫-filter"),
        ("\udcff", "unnamed"),
    ],
)
def test_slug_table(text, expected):
    assert slug(text) == expected


def test_long_names_are_cut_and_stay_different():
    first, second = slug("k" * 500 + "1"), slug("k" * 500 + "2")
    assert first != second
    assert len(first) == 120
    name = file_name("é" * 200, "sobel-x", extension="png")
    assert len(name.encode()) <= 255
    assert name.endswith(".sobel-x.png")


def test_stems_keep_their_bytes():
    assert file_name("caf\udce9 photo", "blur", extension="npy") == "caf\udce9 photo.blur.npy"
    assert file_name("..", "blur", extension="npy") == "unnamed.blur.npy"


@given(st.text())
def test_printable_is_printable_and_one_line(text):
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain é 猫", "plain é 猫"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x9b1m", "\\x9b1m"),
        ("x\u202egnp.exe", "x\\u202egnp.exe"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_printable_table(text, expected):
    assert printable(text) == expected


def test_quoted_takes_paths_and_bytes():
    assert quoted(Path("a b.png")) == "'a b.png'"
    assert quoted(b"a\xff.png") == "'a\\xff.png'"


def test_collisions_by_case_form_and_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert collision_key(tmp_path / "real/A.png") == collision_key(tmp_path / "link/a.PNG")
    assert collision_key("caf\u00e9.png") == collision_key("cafe\u0301.png")
    assert collision_key("a.png") != collision_key("b.png")


def test_same_file_through_links(tmp_path):
    real = tmp_path / "real.png"
    real.write_bytes(b"1")
    (tmp_path / "soft.png").symlink_to(real)
    os.link(real, tmp_path / "hard.png")
    (tmp_path / "copy.png").write_bytes(b"1")
    assert same_file(real, tmp_path / "soft.png")
    assert same_file(real, tmp_path / "hard.png")
    assert same_file(tmp_path / "new.png", tmp_path / "." / "new.png")
    assert not same_file(real, tmp_path / "copy.png")
    assert not same_file(real, tmp_path / "new.png")


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.endswith(PART_SUFFIX))


def test_output_appears_at_the_end(tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with atomic_output(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert leftovers(tmp_path) == []


def test_new_output_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_output(tmp_path / "out") as file:
            file.write(b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failure_keeps_what_was_there(tmp_path, error):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")

    def write():
        with atomic_output(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far/real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    link.symlink_to(real)
    with atomic_output(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_devices_are_written_to_and_stay():
    with atomic_output("/dev/null") as file:
        file.write(b"new")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device_says_so():
    with (
        pytest.raises(ResourceError, match=r"^'/dev/full': cannot write: No space left on device \(free") as info,
        atomic_output("/dev/full") as file,
    ):
        file.write(b"new")
    assert info.value.__cause__.errno == errno.ENOSPC


def test_misnamed_outputs(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cases = {
        tmp_path: "is a folder",
        tmp_path / "missing" / "out.png": "its folder does not exist",
        tmp_path / "file" / "out.png": "its folder is a file",
        "a\0b": "null character",
    }
    for path, reason in cases.items():
        with pytest.raises(OutputError, match=reason), atomic_output(path):
            pytest.fail("the block must not be entered")


@pytest.mark.parametrize("name", ["ENOSPC", "EACCES", "EROFS", "EDQUOT", "EMFILE", "EIO"])
def test_resource_errors_keep_the_reason(name):
    number = getattr(errno, name)
    error = output_error(OSError(number, os.strerror(number)), "out\n.png")
    assert isinstance(error, ResourceError)
    assert os.strerror(number) in str(error)
    assert "\n" not in str(error)


def test_a_write_limit_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    program = f"""
        import resource, signal
        from cnnfilter.files import atomic_output
        from cnnfilter.errors import ResourceError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, {resource.RLIM_INFINITY}))
        try:
            with atomic_output({str(path)!r}) as file:
                file.write(bytes(20_000))
        except ResourceError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(ResourceError, match="Permission denied"), atomic_output(tmp_path / "out"):
        pytest.fail("the block must not be entered")
