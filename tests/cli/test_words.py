"""A wrong word costs no file: every flag of every command, and words that stand where others belong."""

import json
import re
import signal

import numpy as np
import pytest
import typer
from PIL import Image

from cnnfilter.cli.main import build_app, main

NET = """\
name: little
input: {channels: 1, size: [8, 9]}
layers:
  - {kind: conv, name: edges, kernels: [sobel-x, sobel-y]}
  - {kind: pool, name: pooled, pool: max, size: 2}
"""
#: How each command is called, so that one more flag is all that is wrong.
CALLS = {
    "convolve": ["scene.png", "-k", "box"],
    "pool": ["scene.png", "--pool", "max:2"],
    "activate": ["scene.png", "-a", "relu"],
    "show": ["scene.png"],
    "run": ["net.yaml", "scene.png", "-o", "out/"],
    "plan": ["--size", "20x30"],
    "export": ["net.yaml"],
    "batch": ["pictures", "-k", "box", "-o", "out"],
    "batch --network": ["pictures", "--network", "net.yaml", "-o", "out"],
    "kernels list": [],
    "kernels show": ["box"],
    "kernels export": ["box", "--to", "json"],
    "kernels compare": ["sobel-x", "--between", "opencv,skimage"],
    "kernels path": [],
    "kernels check": ["bank:sobel"],
}
#: Flags that take any text, or whose mistakes other tests are about: files, folders and patterns.
FREE = {
    "--output", "--include", "--exclude", "--status", "--cluster", "--image", "--base", "--labels", "--prune",
    "--retry", "--shard", "--film", "--golden",
}  # fmt: skip
#: Wrong values, beside a word that nobody knows.
WRONG = {
    "--stride": ["0", "-1", "1,2,3", "99999999999999999999", "1.5", ""],
    "--dilation": ["0", "-2", "1e3"],
    "--padding": ["-1", "samee", "1,2,3", "99999999999"],
    "--padding-mode": ["mirorr", "constant", "constant:x", "constant:nan", "constant:1e308", "zeros:1"],
    "--bias": ["abc", "nan", "inf", "1e308", "-1e400"],
    "--activation": [
        "rellu", "relu:slope=1", "leaky-relu:negative_slope=x", "leaky-relu:negative_slope=nan", "elu:alpha=1e308",
        "softmax:axis=x",
    ],
    "--pool": ["2", "max", "max:0", "max:x", "mux:2", "max:2:0"],
    "--display": ["nosuch", "percentile", "percentile:101", "percentile:nan", "abs:1"],
    "--at": ["1", "x,y", "-1,0", "1,2,3", "500,500"],
    "--threads": ["0", "-1", "x", "1.5"],
    "--max-pixels": ["0", "-5", "x"],
    "--max-memory": ["0", "-1", "x", "nan"],
    "--top": ["0", "x"],
    "--size": ["0", "0x5", "x", "-1x2", "1e9x1", "1x2x3"],
    "--mean": ["x", "1,2,3,4,5", "nan"],
    "--std": ["x", "0", "nan"],
    "--jobs": ["-1", "x", "99999"],
    "--timeout": ["0", "-1", "nan", "inf", "x"],
    "--kernel": ["edge", "1 2; 3", "box:size=0", "gone.csv", "scene.png", "1e308", "box:scale=1e308", "x" * 10_000],
    "--between": ["opencv", "opencv,nosuch", ""],
}  # fmt: skip


def commands():
    group = typer.main.get_command(build_app())
    for name, command in group.commands.items():
        for inner, one in getattr(command, "commands", {"": command}).items():
            yield f"{name} {inner}".strip(), one


def flags():
    for name, command in commands():
        for call in [one for one in CALLS if one == name or one.startswith(f"{name} --")]:
            for option in command.params:
                flag = option.opts[0]
                if flag.startswith("--") and not option.is_flag and flag not in FREE:
                    for value in [*WRONG.get(flag, ()), "no such word"]:
                        yield pytest.param(call, flag, value, id=f"{call} {flag}={value[:20]}")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    pixels = np.arange(8 * 9, dtype=np.uint8).reshape(8, 9)
    (tmp_path / "pictures").mkdir()
    for path in ("scene.png", "pictures/a.png", "pictures/b.png"):
        Image.fromarray(pixels).save(path)
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "maps.csv").write_text("1,2\n3,4\n")
    return tmp_path


@pytest.fixture
def program(here, capsys):
    """Run the program in this process: starting it hundreds of times would take minutes."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main(list(words))
        done = capsys.readouterr()
        return left.value.code, done.out, done.err

    yield run
    for number, handler in kept.items():
        signal.signal(number, handler)


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_every_command_is_called():
    names = {name for name, _ in commands()}
    assert {call.partition(" --")[0] for call in CALLS} <= names


@pytest.mark.parametrize(("call", "flag", "value"), list(flags()))
def test_a_wrong_value_is_one_line_and_code_2(program, here, call, flag, value):
    before = contents(here)
    words = [*call.partition(" --")[0].split(), *CALLS[call]]
    if flag in words:  # it is there already, and would be repeated
        words[words.index(flag) + 1] = value
    else:
        words += [flag, value]
    if flag == "--kernel" and "-k" in words:
        del words[words.index("-k") : words.index("-k") + 2]
    if flag == "--at" and call != "show":
        words.append("--table")
    code, out, err = program(*words)
    assert code == 2, (out, err)
    assert err.startswith("cnnfilter: error: ")
    assert err.count("\n") == 1
    assert len(err) < 1300
    said = [value[:20], *filter(None, re.split("[:=,]", value[:20])), flag.strip("-").replace("-", " ")]
    assert any(word in err.replace("-", " ") or word in err for word in said)
    assert out == ""
    assert contents(here) == before


@pytest.mark.parametrize("call", CALLS)
def test_the_calls_are_right_but_for_the_wrong_word(program, here, call):
    if call == "export":
        pytest.importorskip("onnxruntime")
    code, _, err = program(
        *call.partition(" --")[0].split(), *CALLS[call], *(["--jobs", "0"] if "batch" in call else [])
    )
    assert code == 0, err


MISPLACED = [
    (["convolve", "scene.png", "-k", "0", "0", "1"], "'0' is a number, not a file (a matrix needs quotes: "),
    (["convolve", "scene.png", "-k", "-1", "0", "1"], "'0' is a number, not a file (a matrix needs quotes: "),
    (["convolve", "scene.png", "-k", "0", "-1", "0"], "No such option: -1 (a matrix needs quotes: "),
    (["convolve", "scene.png", "-k", "[[0,", "1],"], "'1],' is a number, not a file (a matrix needs quotes: "),
    (["convolve", "scene.png", "-k", "[1"], "kernel '[1': '[1' lacks its closing bracket (a matrix needs quotes"),
    (["convolve", "scene.png", "sobel-x"], "'sobel-x' is a kernel: -k sobel-x (there is no such file)"),
    (["convolve", "scene.png", "gaussian:sigma=2", "-k", "box"], "'gaussian:sigma=2' is a kernel: -k gaussian:sigma=2"),
    (["convolve", "bank:sobel", "-k", "box"], "'bank:sobel' is a kernel: -k bank:sobel"),
    (["convolve", "net.yaml", "-k", "box"], "'net.yaml' is a kernel file, not a picture (-k net.yaml)"),
    (["convolve", "scene.png", "max:2", "-k", "box"], "'max:2' is a pooling: --pool max:2"),
    (["convolve", "scene.png", "relu", "-k", "box"], "'relu' is an activation: -a relu"),
    (["convolve", "scene.png", "npy", "-k", "box"], "'npy' is a format: -f npy"),
    (["convolve", "scene.png", "opencv", "-k", "box"], "'opencv' is a tool: --as opencv"),
    (
        ["convolve", "pictures", "-k", "box"],
        "'pictures' is a folder, and convolve takes files (cnnfilter batch pictures ",
    ),
    (
        ["convolve", "scene.png", "pictures/", "-k", "box"],
        "'pictures/' is a folder, and convolve takes files (cnnfilter ",
    ),
    (
        ["pool", "pictures", "--pool", "max:2"],
        "'pictures' is a folder, and pool takes files (cnnfilter batch pictures ",
    ),
    (
        ["activate", "pictures", "-a", "relu"],
        "'pictures' is a folder, and activate takes files (cnnfilter batch pictures",
    ),
    (["show", "pictures"], "'pictures' is a folder, and show takes files"),
    (["pool", "scene.png", "max:2"], "'max:2' is a pooling: --pool max:2"),
    (["pool", "scene.png"], "Missing option '--pool' (cnnfilter pool scene.png --pool max:2)"),
    (["pool", "scene.png", "sobel-x", "--pool", "max:2"], "'sobel-x' is a kernel: cnnfilter convolve IMAGE -k sobel-x"),
    (["activate", "maps.csv", "softmax"], "'softmax' is an activation: -a softmax"),
    (["activate", "maps.csv"], "Missing option '--activation' / '-a' (cnnfilter activate maps.csv -a relu)"),
    (["activate", "2.5", "1.8", "-a", "softmax"], "'2.5' is a number, not a file (numbers need quotes: '2.5 1.8')"),
    (["activate", "1 2; 3", "-a", "softmax"], "input '1 2; 3': row 2 has 1 values, expected 2"),
    (
        ["sobel-x", "scene.png"],
        "unknown command 'sobel-x' (a kernel: cnnfilter kernels show sobel-x, or cnnfilter convolve ",
    ),
    (["relu", "scene.png"], "unknown command 'relu' (an activation: cnnfilter activate IMAGE -a relu)"),
    (["max:2", "scene.png"], "unknown command 'max:2' (a pooling: cnnfilter pool IMAGE --pool max:2)"),
    (["scene.png"], "unknown command 'scene.png' (cnnfilter convolve scene.png -k sobel-x)"),
    (["net.yaml", "scene.png"], "unknown command 'net.yaml' (cnnfilter run net.yaml IMAGE)"),
    (["pictures"], "unknown command 'pictures' (to convolve a folder: cnnfilter batch pictures -k sobel-x -o OUT)"),
    (["convolve2d", "scene.png"], "unknown command 'convolve2d' (did you mean cnnfilter convolve?)"),
    (["x" * 10_000], "unknown command 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' (there are convolve, pool, "),
    (["kernels", "sobel-x"], "unknown command 'sobel-x' (a kernel: cnnfilter kernels show sobel-x"),
    (["kernels", "shwo", "box"], "unknown command 'shwo' (did you mean cnnfilter kernels show?)"),
    (["show", "sobel-x"], "'sobel-x' is a kernel: cnnfilter kernels show sobel-x (there is no such file)"),
    (["plan", "scene.png", "sobel-x"], "'sobel-x' is a kernel: -k sobel-x (there is no such file)"),
    (["plan", "--size", "9x9", "-k", "0", "1", "0"], "'1' is a number, not a file (a matrix needs quotes: "),
    (["plan", "--size", "9x9", "scene.png"], "plan takes pictures, or --size ROWSxCOLS in their place, not both"),
    (["plan", "-k", "box"], "plan needs a network, pictures, or --size ROWSxCOLS"),
    (["plan", "--size", "3x"], "--size takes ROWSxCOLS, as in 480x640, got '3x'"),
    (["activate", "2.5 1.8 xyz", "-a", "relu"], "input '2.5 1.8 xyz': row 1, column 3: expected a number, got 'xyz'"),
    (["export", "scene.png"], "'scene.png' is no network (a network is a file in YAML or JSON, or an ONNX model)"),
    (["batch", "pictures", "--network", "scene.png", "-o", "out"], "'scene.png' is no network (a network is "),
    (
        ["batch", "pictures", "--network", "net.yaml", "-k", "box", "-o", "out"],
        "batch takes kernels or a network, not ",
    ),
    (["colormaps", "nosuch"], "no colormap's name holds 'nosuch' (cnnfilter colormaps lists all)"),
    (["convolve", "scene.png", "-k", "box", "--zoom", "0"], "--zoom must be at least 1, got 0"),
    (["convolve", "scene.png", "-k", "box", "--bias", "x"], "--bias takes a number, got 'x'"),
    (["convolve", "scene.png", "--k", "box"], "No such option: --k (did you mean -k?)"),
    (["convolve", "scene.png", "-k", "box", "--flipp"], "No such option: --flipp (did you mean --flip or "),
]


@pytest.mark.parametrize(("words", "message"), MISPLACED, ids=lambda value: " ".join(value)[:60])
def test_a_word_in_the_place_of_another(program, here, words, message):
    before = contents(here)
    code, out, err = program(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"cnnfilter: error: {message}")
    assert err.count("\n") == 1
    assert contents(here) == before


@pytest.mark.parametrize(
    "words",
    [
        ["convolve", "scene.png", "-k", "box"], ["pool", "scene.png", "--pool", "max:2"],
        ["run", "net.yaml", "scene.png"], ["kernels", "show", "box"], ["kernels", "export", "box", "--to", "npy"],
        ["kernels", "export", "box", "--to", "json"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["notes.txt", "notes.tex"])
def test_a_file_of_another_kind_is_not_replaced(program, here, words, name):
    """What a new file may not be called, one that is there is not overwritten as."""
    (here / name).write_text("mine")
    code, out, err = program(*words, "-o", name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert (here / name).read_text() == "mine"


def test_a_note_that_many_inputs_share_is_said_once(program, here):
    names = [f"{letter}.png" for letter in "abcde"]
    for name in names:
        (here / name).write_bytes((here / "scene.png").read_bytes())
    for count, lines in ((2, 2), (3, 3), (5, 1)):
        code, _, err = program("convolve", *names[:count], "-k", "sobel", "-f", "npy", "-o", "out/")
        assert (code, err.count("\n")) == (0, lines)
    assert err.startswith("cnnfilter: note: 'a.png' and 4 other inputs: 'sobel' alone is one kernel")


def test_a_file_without_an_ending_is_replaced(program, here):
    (here / "results").write_text("old")
    code, _, err = program("convolve", "scene.png", "-k", "box", "-o", "results")
    assert (code, err) == (0, "")
    assert (here / "results").read_bytes().startswith(b"\x89PNG")


def test_a_file_of_that_name_comes_first(program, here):
    for name in ("sobel-x", "7", "1 2", "max:2"):
        (here / name).write_bytes((here / "scene.png").read_bytes())
        code, _, err = program("convolve", name, "-k", "box", "-o", "out.npy")
        assert (code, err) == (0, "")
        assert np.load(here / "out.npy").shape == (6, 7)


@pytest.mark.parametrize(
    ("words", "name", "values"),
    [
        (["activate", "2.5 1.8 0.2", "-a", "softmax"], "inline.softmax.csv", [0.62624, 0.31098, 0.06279]),
        (["activate", "[-1, 2]", "-a", "relu"], "inline.relu.csv", [0, 2]),
        (["activate", "-1.5 2 -3", "-a", "relu"], "inline.relu.csv", [0, 2, 0]),
        (["activate", "-1,2;3,-4", "-a", "relu"], "inline.relu.csv", [[0, 2], [3, 0]]),
        (["pool", "1 2; 3 4", "--pool", "max:2"], "inline.max-2.csv", 4),
        (["convolve", "[[1, 2, 3], [4, 5, 6], [7, 8, 9]]", "-k", "box"], "inline.box.csv", 5),
        (["convolve", "1,2,3", "-k", "1 1"], "inline.matrix-1x2.csv", [3, 5]),
    ],
)
def test_numbers_in_place_are_an_input(program, here, words, name, values):
    code, _, err = program(*words, "-f", "csv")
    assert (code, err) == (0, "")
    np.testing.assert_allclose(np.loadtxt(here / name, delimiter=","), values, atol=1e-5)


@pytest.mark.parametrize(
    ("words", "name", "values"),
    [
        (["convolve", "1 2 3; 4 nan 6; 7 8 9", "-k", "box", "--missing", "ignore"], "inline.box.csv", 5),
        (["convolve", "[[1, 2, 3], [4, null, 6], [7, 8, 9]]", "-k", "box"], "inline.box.csv", np.nan),
        (["pool", "NaN,-1;1/2,N/A", "--pool", "avg:2", "--missing", "ignore"], "inline.avg-2.csv", -0.25),
        (["activate", "nan 1 -2", "-a", "relu"], "inline.relu.csv", [np.nan, 1, 0]),
    ],
)
def test_missing_cells_may_be_written_in_place(program, here, words, name, values):
    code, _, err = program(*words, "-f", "csv")
    assert code == 0
    assert "NaN" in err
    np.testing.assert_allclose(np.loadtxt(here / name, delimiter=","), values, atol=1e-5)


def test_a_kernel_may_begin_with_a_minus(program):
    code, out, err = program("kernels", "show", "-1 0 1; -2 0 2; -1 0 1", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["kernels"][0]["weights"] == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    code, out, err = program("convolve", "1 2 3", "-k", "-1,2", "--bias", "-2", "-f", "json", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["results"][0]["min"] == 1  # 2*2 - 1 - 2


def test_numbers_in_place_are_shown(program):
    code, out, err = program("show", "1 2; 3 4")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()[3:5]] == [["0", "│", "1", "2"], ["1", "│", "3", "4"]]


def test_sums_beyond_the_largest_number_are_no_bug(program, here):
    code, out, err = program("convolve", "scene.png", "-k", "1", "--bias", "1e308", "--dtype", "float64", "-f", "npy")
    assert (code, err) == (0, "")
    assert "1e+308" in out
    code, out, err = program("convolve", "scene.png", "-k", "1", "--bias", "3e38", "--json", "-f", "npy")
    assert (code, err) == (0, "")
