"""Files of several pictures: which one is read, how frames lie over each other, and what each is called."""

import io
import json
import shutil
import struct
import subprocess

import numpy as np
import pytest
from PIL import Image

import cnnfilter
from cnnfilter.errors import ImageError, ParameterError
from cnnfilter.images.frames import Reading, count_frames, frame_name, parse_frame
from cnnfilter.images.gif import read_frames
from cnnfilter.images.read import open_picture

FRAMES = np.random.default_rng(7).integers(0, 256, (4, 12, 15, 3), np.uint8)
FORMS = {"gif": {}, "png": {}, "webp": {"lossless": True}, "tif": {"compression": "tiff_lzw"}}


def film(path, frames=FRAMES, **options):
    first, *others = map(Image.fromarray, frames)
    first.save(path, save_all=True, append_images=others, **options)
    return path


@pytest.fixture(params=FORMS)
def clip(request, tmp_path):
    return film(tmp_path / f"clip.{request.param}", **FORMS[request.param])


def test_each_frame_is_read(clip):
    for number in (2, 0, 3, 3, 1):
        with Image.open(clip) as seen:
            seen.seek(number)
            expected = np.asarray(seen.convert("RGB")).transpose(2, 0, 1)
        np.testing.assert_array_equal(cnnfilter.read_image(clip, frame=number), expected)
        if clip.suffix != ".gif":  # which has 256 colours
            np.testing.assert_array_equal(expected, FRAMES[number].transpose(2, 0, 1))


def test_the_first_is_read_with_a_note(clip):
    assert open_picture(clip).notes == ("first of 4 frames (--frame N|all)",)
    assert open_picture(clip, reading=Reading(frame=0)).notes == ()


def test_a_frame_that_is_not_there(clip):
    with pytest.raises(ImageError, match=r"clip.*: frame 4 is not there: its frames are 0 to 3$"):
        cnnfilter.read_image(clip, frame=4)
    with pytest.raises(ParameterError, match="frame must be a whole number from 0"):
        cnnfilter.read_image(clip, frame=-1)


def test_a_picture_has_one_frame(tmp_path):
    Image.fromarray(FRAMES[0]).save(tmp_path / "a.bmp")
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    (tmp_path / "a.pgm").write_text("P2 2 1 9 1 2")
    for name in ("a.bmp", "a.csv", "a.pgm"):
        assert cnnfilter.read_image(tmp_path / name, frame=0).size
        with pytest.raises(ImageError, match=r"frame 1 is not there: it has one frame, 0"):
            cnnfilter.read_image(tmp_path / name, frame=1)


@pytest.mark.parametrize("text", ["-1", "1.5", "two", "", "1e3", "١", "99999999999"])
def test_words_that_name_no_frame(text):
    with pytest.raises(ParameterError, match="--frame takes a whole number from 0, or all"):
        parse_frame(text)


def test_files_that_lie_about_their_frames():
    data = io.BytesIO()
    film(data, format="PNG")
    png = bytearray(data.getvalue())
    at = png.index(b"acTL") + 4
    png[at : at + 4] = (2**31 - 1).to_bytes(4, "big")
    assert count_frames(bytes(png), "PNG") == 4


def test_a_piped_film_is_played_from_its_start_to_its_end():
    data = io.BytesIO()
    film(data, format="GIF")
    expected = [open_picture(data.getvalue(), reading=Reading(frame=number)).array() for number in range(4)]
    assert len({part.tobytes() for part in expected}) == 4


def gif(frames, width, height, colours):
    """A GIF of frames (left, top, indices, disposal, key, colours of its own or None)."""
    out = b"GIF89a" + struct.pack("<HH", width, height) + bytes([0x87, 0, 0]) + colours.tobytes()
    for left, top, indices, disposal, key, own in frames:
        image = Image.fromarray(indices)
        image.putpalette(list(range(256)) * 3)
        data = io.BytesIO()
        image.save(data, "GIF")
        rows, columns = indices.shape
        out += b"\x21\xf9\x04" + bytes([disposal << 2 | (key >= 0), 5, 0, max(key, 0), 0])
        out += b"\x2c" + struct.pack("<4H", left, top, columns, rows)
        out += (b"\0" if own is None else b"\x87" + own.tobytes()) + next(read_frames(data.getvalue())).data
    return out + b";"


def random_gif(rng):
    """Frames of all sizes, disposals and transparencies over one that fills the screen."""
    frames = []
    for number in range(5):
        columns, rows = (13, 9) if not number else (int(rng.integers(1, 13)), int(rng.integers(1, 9)))
        frames.append((
            int(rng.integers(0, 13 - columns + 1)), int(rng.integers(0, 9 - rows + 1)),
            rng.integers(0, 8, (rows, columns)).astype(np.uint8), int(rng.integers(0, 4 if number else 3)),
            int(rng.integers(-4, 8)), rng.integers(0, 256, (256, 3)).astype(np.uint8) if rng.random() < 0.3 else None,
        ))  # fmt: skip
    return gif(frames, 13, 9, rng.integers(0, 256, (256, 3)).astype(np.uint8))


@pytest.mark.skipif(shutil.which("convert") is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize("seed", range(20))
def test_frames_lie_over_each_other_as_in_imagemagick(seed, tmp_path):
    data = random_gif(np.random.default_rng(seed))
    (tmp_path / "film.gif").write_bytes(data)
    subprocess.run(["convert", "film.gif", "-coalesce", "-depth", "8", "rgba:%d.rgba"], cwd=tmp_path, check=True)
    for number in range(5):
        seen = np.fromfile(tmp_path / f"{number}.rgba", np.uint8).reshape(9, 13, 4).transpose(2, 0, 1)
        ours = open_picture(data, reading=Reading(frame=number)).array()
        alpha = ours[3] if len(ours) == 4 else np.full((9, 13), 255)
        np.testing.assert_array_equal(alpha, seen[3])
        np.testing.assert_array_equal(ours[:3, alpha > 0], seen[:3, alpha > 0])


def test_frames_do_not_depend_on_what_was_read_before(tmp_path):
    (tmp_path / "film.gif").write_bytes(random_gif(np.random.default_rng(11)))
    alone = [open_picture((tmp_path / "film.gif").read_bytes(), reading=Reading(frame=n)).array() for n in range(5)]
    for number in (4, 0, 3, 1, 2, 2, 0):
        again = open_picture(tmp_path / "film.gif", reading=Reading(frame=number)).array()
        np.testing.assert_array_equal(again, alone[number])


def test_gray_films_stay_gray(tmp_path):
    frames = [Image.fromarray(frame[..., 0]) for frame in FRAMES]
    frames[0].save(tmp_path / "gray.gif", save_all=True, append_images=frames[1:])
    for number in range(4):
        np.testing.assert_array_equal(cnnfilter.read_image(tmp_path / "gray.gif", frame=number), FRAMES[number, ..., 0])


def test_names():
    assert frame_name("in/a.b.gif", 7) == "in/a.b.frame-007.gif"
    assert frame_name(".gif", 7) == ".gif-frame-007"


def test_all_frames_on_the_command_line(cnnfilter_run, tmp_path):
    film(tmp_path / "clip.gif")
    film(tmp_path / "clip.webp", lossless=True)
    done = cnnfilter_run(
        "convolve", "clip.gif", "clip.webp", "-k", "1", "--frame", "all", "-f", "npy", "-o", "out/", "--json"
    )
    assert done.code == 0
    results = json.loads(done.out)["results"]
    assert [one["source"] for one in results] == [
        f"clip.frame-{number:03d}.{form}" for form in ("gif", "webp") for number in range(4)
    ]
    files = [one["outputs"][0] for one in results]
    assert len(set(files)) == 8
    for number, name in enumerate(files[4:]):
        np.testing.assert_array_equal(np.load(tmp_path / name), FRAMES[number].transpose(2, 0, 1))


def test_all_frames_of_a_pipe(cnnfilter_run, tmp_path):
    film(tmp_path / "clip.webp", lossless=True)
    words = ("convolve", "-", "-k", "1", "--frame", "all", "-f", "npy", "-o", "out/")
    done = cnnfilter_run(*words, stdin=(tmp_path / "clip.webp").read_bytes())
    assert (done.code, sorted(path.name for path in (tmp_path / "out").iterdir())) == (
        0, [f"stdin-frame-{number:03d}.matrix-1x1.npy" for number in range(4)]
    )  # fmt: skip


@pytest.mark.parametrize("command", [["convolve", "-k", "1"], ["pool", "--pool", "max:2"], ["activate", "-a", "relu"]])
def test_a_wrong_frame_costs_nothing(cnnfilter_run, tmp_path, command):
    film(tmp_path / "clip.gif")
    done = cnnfilter_run(command[0], "clip.gif", *command[1:], "--frame", "7", "-o", "out/")
    assert (done.code, done.err) == (3, "cnnfilter: error: 'clip.gif': frame 7 is not there: its frames are 0 to 3\n")
    done = cnnfilter_run(command[0], "clip.gif", *command[1:], "--frame", "last", "-o", "new/")
    assert (done.code, (tmp_path / "new").exists()) == (2, False)


def test_a_batch_says_what_it_left_out(cnnfilter_run, tmp_path):
    (tmp_path / "in").mkdir()
    film(tmp_path / "in" / "a.gif")
    film(tmp_path / "in" / "b.tif", FRAMES[:3])
    Image.fromarray(FRAMES[0]).save(tmp_path / "in" / "c.png")
    done = cnnfilter_run("batch", "in", "-k", "1", "-o", "out", "-j", "0")
    assert done.code == 0
    assert "note: 'a.gif' and 1 other input: first of 4 frames (--frame N|all)" in done.err
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert [line.get("notes") for line in lines] == [
        ["first of 4 frames (--frame N|all)"], ["first of 3 frames (--frame N|all)"], None
    ]  # fmt: skip


def test_a_batch_of_all_frames_resumes(cnnfilter_run, tmp_path):
    (tmp_path / "in").mkdir()
    film(tmp_path / "in" / "a.webp", lossless=True)
    film(tmp_path / "in" / "a.tif", FRAMES[:2])
    words = ("batch", "in", "-k", "1", "-f", "npy", "-o", "out", "-j", "0", "--frame", "all")
    assert cnnfilter_run(*words).code == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    assert len({line["input"] for line in lines}) == len({line["outputs"][0]["path"] for line in lines}) == 6
    assert [line["input"] for line in lines[:2]] == ["a.frame-000.tif", "a.frame-001.tif"]
    for line in lines[2:]:
        number = int(line["input"][len("a.frame-") :][:3])
        values = np.load(tmp_path / "out" / line["outputs"][0]["path"])
        np.testing.assert_array_equal(values, FRAMES[number].transpose(2, 0, 1))
    again = cnnfilter_run(*words, "--resume")
    assert "ok 0, skipped 6" in again.out
