"""Outputs that are whole or absent, and never in place of an input."""

import errno
import os
import resource
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnfilter.errors import OutputError, ResourceError
from cnnfilter.files import (
    PART_SUFFIX,
    atomic_output,
    check_outputs,
    collision_key,
    identity,
    output_error,
    printable,
    quoted,
)


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


def test_a_file_is_known_by_any_name(tmp_path):
    real = tmp_path / "real.png"
    real.write_bytes(b"1")
    (tmp_path / "soft.png").symlink_to(real)
    os.link(real, tmp_path / "hard.png")
    (tmp_path / "copy.png").write_bytes(b"1")
    assert identity(real) == identity(tmp_path / "soft.png") == identity(tmp_path / "." / "hard.png") is not None
    assert identity(real) != identity(tmp_path / "copy.png")
    for nothing in (tmp_path / "new.png", tmp_path, "/dev/null", "a\0b", 999):
        assert identity(nothing) is None
    with real.open("rb") as file:
        assert identity(file.fileno()) == identity(real)


@pytest.mark.parametrize("name", ["real.png", "soft.png", "hard.png", "./real.png"])
def test_what_is_read_is_not_written(tmp_path, name):
    (tmp_path / "real.png").write_bytes(b"1")
    (tmp_path / "soft.png").symlink_to("real.png")
    os.link(tmp_path / "real.png", tmp_path / "hard.png")
    with pytest.raises(OutputError, match=rf"{name}' is an input, and inputs are never .* another --features\)"):
        check_outputs(["new.png", f"{tmp_path}/{name}"], [tmp_path / "no.png", tmp_path / "real.png"], "--features")
    check_outputs([tmp_path / "new.png", "/dev/null"], [tmp_path / "real.png", "/dev/null", "in place"])


def test_two_outputs_behind_one_link_are_refused(tmp_path):
    (tmp_path / "one.png").write_bytes(b"1")
    (tmp_path / "two.png").symlink_to("one.png")
    with pytest.raises(OutputError, match="are one file by a link"):
        check_outputs([tmp_path / "one.png", tmp_path / "two.png"], [])
    os.link(tmp_path / "one.png", tmp_path / "three.png")  # each name gets a file of its own
    check_outputs([tmp_path / "one.png", tmp_path / "three.png"], [])


def test_what_a_job_reads_is_not_looked_for_unless_something_is_there(tmp_path):
    def reads():
        pytest.fail("nothing is there to be overwritten")
        yield ""

    check_outputs([tmp_path / "new.png"], reads())


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


def test_a_signal_as_soon_as_there_is_a_file_leaves_none(tmp_path, monkeypatch):
    real = os.open

    def interrupted(*words):
        os.close(real(*words))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt), atomic_output(tmp_path / "a"):
        pass
    assert not list(tmp_path.iterdir())
