"""``--open`` hands what was written to the user's viewer, and nothing else."""

from pathlib import Path

import pytest

from cnnfilter.cli.main import main

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["convolve", SAMPLES / "grid-5x5.csv", "-k", "sobel-x", "-f", "png", "-f", "npy"],
         ["grid-5x5.sobel-x.png", "grid-5x5.sobel-x.npy"]),
        (["run", SAMPLES / "digits" / "digits.yaml", SAMPLES / "digits" / "digit-7.png", "-o", "n.png"], ["n.png"]),
        (["report", SAMPLES / "grid-5x5.csv", "-k", "sobel-x", "-o", "p.html"], ["p.html"]),
        (["convolve", SAMPLES / "grid-5x5.csv", "-k", "sobel-x", "-o", "-", "-f", "csv"], []),
        (["show", SAMPLES / "grid-5x5.csv", "-o", "s.png"], ["s.png"]),
        (["explain", SAMPLES / "grid-5x5.csv", "-k", "sobel-x", "-o", "e.png"], ["e.png"]),
        (["explain", SAMPLES / "digits" / "digits.yaml", SAMPLES / "digits" / "digit-7.png", "--layer", "conv1", "-o",
          "l.md"], ["l.md"]),
        (["kernels", "show", "sobel-x", "-o", "k.png"], ["k.png"]),
        (["kernels", "sheet", "sobel-x", "--image", SAMPLES / "grid-5x5.csv", "-o", "t.png"], ["t.png"]),
    ],
)  # fmt: skip
def test_what_was_written_is_opened(monkeypatch, tmp_path, capsys, words, names):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as leave:
        main([*map(str, words), "--open"])
    capsys.readouterr()
    assert leave.value.code == 0
    assert opened == [(tmp_path / name).as_uri() for name in names]


@pytest.mark.parametrize(
    "words",
    [
        ["show", SAMPLES / "grid-5x5.csv"],
        ["explain", SAMPLES / "grid-5x5.csv", "-k", "box"],
        ["kernels", "show", "box"],
        ["run", SAMPLES / "digits" / "digits.yaml", SAMPLES / "digits" / "digit-7.png"],
    ],
)
def test_without_a_file_there_is_nothing_to_open(cnnfilter_run, words):
    done = cnnfilter_run(*words, "--open")
    assert done.code == 2
    assert "nothing is (say where: -o FILE)" in done.err
