"""The grammar of kernel specs: text to parts."""

from __future__ import annotations

import pytest

from cnnfilter.errors import ParameterError
from cnnfilter.library.spec import Spec, canonical, parse_spec


@pytest.mark.parametrize(
    ("text", "kind", "body", "member", "selection", "parameters"),
    [
        ("sobel-x", "name", "sobel-x", "", "", {}),
        (" Sobel_X ", "name", "sobel-x", "", "", {}),
        ("gabor:theta=45,wavelength=8", "name", "gabor", "", "", {"theta": ["45"], "wavelength": ["8"]}),
        ("gabor: Theta = 45 , zero_mean = yes", "name", "gabor", "", "", {"theta": ["45"], "zero-mean": ["yes"]}),
        ("gaussian:sigma=1|2|4", "name", "gaussian", "", "", {"sigma": ["1", "2", "4"]}),
        ("gaussian:sigma=1..2/0.5|8", "name", "gaussian", "", "", {"sigma": ["1", "1.5", "2", "8"]}),
        ("box:size=3,5", "name", "box", "", "", {"size": ["3,5"]}),
        ("box:size=3,5,scale=1/2", "name", "box", "", "", {"size": ["3,5"], "scale": ["1/2"]}),
        ("sobel-x:", "name", "sobel-x", "", "", {}),
        ("bank:laws-5", "bank", "laws-5", "", "", {}),
        ("BANK:Laws_5:scale=2", "bank", "laws-5", "", "", {"scale": ["2"]}),
        ("0 -1 0; -1 5 -1; 0 -1 0", "matrix", "0 -1 0; -1 5 -1; 0 -1 0", "", "", {}),
        ("0 1; 2 3:scale=1/4,rotate=90", "matrix", "0 1; 2 3", "", "", {"scale": ["1/4"], "rotate": ["90"]}),
        ("[[0, 1/4], [2, 3]]:rotate=90", "matrix", "[[0, 1/4], [2, 3]]", "", "", {"rotate": ["90"]}),
        ("1/9", "matrix", "1/9", "", "", {}),
        ("mine.yaml", "file", "mine.yaml", "", "", {}),
        ("MINE.YAML", "file", "MINE.YAML", "", "", {}),
        ("a/b.yml#edge", "file", "a/b.yml", "edge", "", {}),
        ("mine.json#edge:scale=2", "file", "mine.json", "edge", "", {"scale": ["2"]}),
        ("mine.json:scale=2", "file", "mine.json", "", "", {"scale": ["2"]}),
        ("C:\\my kernels\\a.yaml#x", "file", "C:\\my kernels\\a.yaml", "x", "", {}),
        ("C:/k/a.npy", "file", "C:/k/a.npy", "", "", {}),
        ("my#folder/a.npz#conv1", "file", "my#folder/a.npz", "conv1", "", {}),
        ("w.safetensors#conv1.weight[:8]", "file", "w.safetensors", "conv1.weight", ":8", {}),
        ("w.npz#scope/kernel:0[0, :2]", "file", "w.npz", "scope/kernel:0", "0, :2", {}),
        ("w.npz#scope/kernel:0:scale=2", "file", "w.npz", "scope/kernel:0", "", {"scale": ["2"]}),
        ("w.npy#[3]", "file", "w.npy", "", "3", {}),
        ("1.npy", "file", "1.npy", "", "", {}),
        ("-x.yaml", "file", "-x.yaml", "", "", {}),
    ],
)
def test_parts(text, kind, body, member, selection, parameters):
    wanted = tuple((key, tuple(values)) for key, values in parameters.items())
    assert parse_spec(text) == Spec(text, kind, body, member, selection, wanted)


@pytest.mark.parametrize(
    ("sweep", "values"),
    [
        ("0..157.5/22.5", ["0", "22.5", "45", "67.5", "90", "112.5", "135", "157.5"]),
        ("1..3", ["1", "2", "3"]),
        ("0..1/0.1", ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1"]),
        ("0..1/1/3", ["0", "0.3333333333", "0.6666666667", "1"]),
        ("5..1/-2", ["5", "3", "1"]),
        ("0..10/4", ["0", "4", "8"]),
        ("-90..90/90", ["-90", "0", "90"]),
        ("2..2", ["2"]),
        (".5..1.5/.5", ["0.5", "1", "1.5"]),
    ],
)
def test_sweeps(sweep, values):
    assert parse_spec(f"k:p={sweep}").parameters == (("p", tuple(values)),)


def test_several_sweeps_give_every_combination_last_key_fastest():
    spec = parse_spec("k:a=1|2,b=x|y,c=5")
    assert spec.swept
    assert spec.combinations() == [
        {"a": "1", "b": "x", "c": "5"},
        {"a": "1", "b": "y", "c": "5"},
        {"a": "2", "b": "x", "c": "5"},
        {"a": "2", "b": "y", "c": "5"},
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the kernel spec is empty (try sobel-x)"),
        ("  ", "the kernel spec is empty (try sobel-x)"),
        ("box:5", "'box:5': '5' is not a parameter (write key=value, as in gaussian:sigma=2)"),
        ("box:size", "'box:size': 'size' is not a parameter (write key=value, as in gaussian:sigma=2)"),
        ("box:size=", "'box:size=': 'size' has no value"),
        ("box:=3", "'box:=3': '3' has no name"),
        ("box:size=3,size=5", "'box:size=3,size=5': size is given twice (for a list write size=1|2)"),
        ("g:s=1||2", "'g:s=1||2': s=1||2 has an empty value"),
        ("g:s=1..", "'g:s=1..': s=1.. is not a sweep (write start..stop/step, as in 0..90/15)"),
        ("g:s=a..b", "'g:s=a..b': s=a..b is not a sweep (write start..stop/step, as in 0..90/15)"),
        ("g:s=1..2/0", "'g:s=1..2/0': s=1..2/0: a step of 0 never leads from 1 to 2"),
        ("g:s=5..1", "'g:s=5..1': s=5..1: a step of 1 never leads from 5 to 1"),
        ("g:s=0..1e9", "'g:s=0..1e9': s=0..1e9 has more than 4096 values (use a larger step)"),
        ("g:s=0..1/1e-300", "'g:s=0..1/1e-300': s=0..1/1e-300 has more than 4096 values (use a larger step)"),
        ("a.json:b", "'a.json:b': after a file comes #name or :key=value, got ':b'"),
    ],
)
def test_refused(text, reason):
    with pytest.raises(ParameterError) as caught:
        parse_spec(text)
    assert str(caught.value) == reason


def test_too_many_combinations_are_refused_before_they_are_made():
    spec = parse_spec("g:" + ",".join(f"p{n}=0..999" for n in range(6)))
    with pytest.raises(ParameterError, match="makes 1000000000000000000 kernels, more than 4096"):
        spec.combinations()


def test_canonical_names():
    assert canonical("  Prewitt_Compass_N ") == "prewitt-compass-n"
