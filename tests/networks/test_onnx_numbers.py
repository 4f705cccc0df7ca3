"""Numbers into and through ONNX models: whole-number inputs, and quantised layers that must not saturate in between."""

import numpy as np
import pytest
from onnx_models import save_model

reference = pytest.importorskip("onnx.reference")
pytest.importorskip("onnxruntime")

from cnnfilter import run_network  # noqa: E402
from cnnfilter.errors import CnnFilterError, ParameterError  # noqa: E402
from cnnfilter.networks.model import open_model  # noqa: E402
from cnnfilter.networks.onnx_session import EXACT, interruptible, make_session  # noqa: E402

#: The largest u8 and s8 values: two products make 64,770, which a 16-bit sum cuts to 32,767.
IMAGE = np.full((1, 6, 7), 255, np.uint8)
BANK = np.full((4, 1, 3, 3), 127, np.int8)
BANK[1] = -128
BANK[2, :, ::2] = -50
ZERO, ONE = np.uint8(0), np.float32(1)
FED = "uint8[1,1,6,7] x"

QUANTISED = {
    "ConvInteger": ("y = ConvInteger (x, k, z)", {"k": BANK, "z": ZERO}, "int32[N,C,H,W] y"),
    "QLinearConv": (
        "y = QLinearConv (x, a, z, k, a, s, b, z)",
        {"k": BANK, "z": ZERO, "s": np.int8(0), "a": ONE, "b": np.float32(1200)}, "uint8[N,C,H,W] y",
    ),
    "MatMulInteger": (
        "f = Flatten (x) y = MatMulInteger (f, w, z)",
        {"w": np.resize(BANK.reshape(4, 9).T, (42, 4)), "z": ZERO}, "int32[N,M] y",
    ),
    "QLinearMatMul": (
        "f = Flatten (x) y = QLinearMatMul (f, a, z, w, a, s, b, z)",
        {"w": np.resize(BANK.reshape(4, 9).T, (42, 4)), "z": ZERO, "s": np.int8(0), "a": ONE, "b": np.float32(6000)},
        "uint8[N,M] y",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", QUANTISED)
def test_products_of_u8_and_s8_are_those_of_the_reference(tmp_path, case):
    body, arrays, out = QUANTISED[case]
    path = save_model(tmp_path / "m.onnx", body, feed=FED, out=out, arrays=arrays)
    (wanted,) = reference.ReferenceEvaluator(str(path)).run(None, {"x": IMAGE[None]})
    np.testing.assert_array_equal(run_network(path, IMAGE)["y"], wanted[0])


def test_sessions_ask_for_the_exact_way(tmp_path, monkeypatch):
    import onnxruntime

    seen = []
    real = onnxruntime.InferenceSession

    def spy(data, options, **words):
        seen.append(options.get_session_config_entry(EXACT[0]))
        return real(data, options, **words)

    monkeypatch.setattr(onnxruntime, "InferenceSession", spy)
    body, arrays, out = QUANTISED["ConvInteger"]
    model = open_model(save_model(tmp_path / "m.onnx", body, feed=FED, out=out, arrays=arrays))
    make_session(model.proto, model.path, [], 1)
    assert seen == ["1"]


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "uint16", "int32", "int64", "uint32"])
def test_whole_number_inputs_get_the_stored_values(tmp_path, kind):
    body = "y = Identity (x)"
    path = save_model(tmp_path / "m.onnx", body, feed=f"{kind}[1,1,H,W] x", out=f"{kind}[1,1,H,W] y")
    image = np.array([[0, 1, 2], [99, 126, 127]], np.uint8)
    got = run_network(path, image)["y"]
    assert got.dtype == kind
    np.testing.assert_array_equal(got[0], image)


@pytest.mark.parametrize("kind", ["float16", "float", "double"])
def test_floating_point_inputs_get_the_unit_range(tmp_path, kind):
    path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed=f"{kind}[1,1,2,2] x", out=f"{kind}[1,1,2,2] y")
    (tmp_path / "m.onnx.yaml").write_text("input: {range: unit, mean: 0.5, std: 0.25}\n")
    image = np.array([[0, 51], [102, 255]], np.uint8)
    got = run_network(path, image)["y"][0]
    exact = (image / 255 - 0.5) / 0.25
    np.testing.assert_allclose(got, exact, rtol=0, atol={"float16": 2e-3, "float": 1e-6, "double": 1e-15}[kind])


@pytest.mark.parametrize("said", ["range: unit", "mean: 0.5", "std: 255", "mean: 127.5, std: 127.5"])
@pytest.mark.parametrize("kind", ["uint8", "int8", "int32", "int64"])
def test_fractions_for_whole_numbers_are_refused(tmp_path, kind, said):
    path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed=f"{kind}[1,1,2,2] x", out=f"{kind}[1,1,2,2] y")
    (tmp_path / "m.onnx.yaml").write_text(f"input: {{{said}}}\n")
    with pytest.raises(ParameterError, match=f"the network takes {kind}"):
        open_model(path)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.array([[0.5, 1]]), "holds 0.5.*, and (uint8|int64) holds whole"),
        (np.array([[0, 256]], np.uint16), "holds 0 to 256, and uint8 holds 0 to 255"),
        (np.array([[-1, 2]]), "holds -1 to 2, and uint8 holds 0 to 255"),
        (np.array([[np.nan, 2]]), "holds nan"),
    ],
)
def test_values_that_the_type_cannot_hold_are_refused(tmp_path, image, message):
    path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed="uint8[1,1,H,W] x", out="uint8[1,1,H,W] y")
    with pytest.raises(CnnFilterError, match=message):
        run_network(path, image)


def test_a_mean_moves_bytes_into_signed_ones(tmp_path):
    path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed="int8[1,1,1,2] x", out="int8[1,1,1,2] y")
    with pytest.raises(ParameterError, match="holds 0 to 255, and int8 holds -128 to 127"):
        run_network(path, np.array([[0, 255]], np.uint8))
    (tmp_path / "m.onnx.yaml").write_text("input: {mean: 128}\n")
    assert run_network(path, np.array([[0, 255]], np.uint8))["y"].tolist() == [[[-128, 127]]]


def test_luma_and_other_sizes_are_rounded_for_whole_numbers(tmp_path):
    path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed="uint8[1,1,1,2] x", out="uint8[1,1,1,2] y")
    red = np.zeros((3, 1, 2), np.uint8)
    red[0] = 255  # 0.299 * 255 = 76.245
    assert run_network(path, red)["y"].tolist() == [[[76, 76]]]
    assert run_network(path, np.array([[10, 11, 30, 32]], np.uint8))["y"].dtype == np.uint8


def test_a_value_beyond_float16_is_no_infinity(tmp_path):
    path = save_model(tmp_path / "m.onnx", "y = Identity (x)", feed="float16[1,1,1,1] x", out="float16[1,1,1,1] y")
    with pytest.raises(ParameterError, match="beyond what float16 holds"):
        run_network(path, np.array([[65535]], np.uint16))


def test_an_interrupt_stops_what_never_ends():
    stopped = []

    def work():
        import time

        while not stopped:
            time.sleep(0.01)

    def interrupt():
        stopped.append(True)

    import _thread
    import threading

    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        interruptible(work, interrupt)
    assert stopped
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0, interrupt)
