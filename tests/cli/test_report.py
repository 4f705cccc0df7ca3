"""Pages to explore: their numbers are the program's, nothing is loaded, and the keyboard reaches everything."""

import html
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cnnfilter

SAMPLES = Path(__file__).parents[2] / "samples"
DIGITS = SAMPLES / "digits"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser():
    """A headless browser, where there is one."""
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser):
    """Open a page; whatever it says on its console, and whatever it asks the network for, fails the test."""
    contexts = []

    def open_(path, **words):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | words)
        contexts.append(context)
        page = context.new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready=yes]", timeout=20_000)
        return page

    yield open_
    for context in contexts:
        for page in context.pages:
            assert page.said == []
            assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
        context.close()


@pytest.fixture
def written(cnnfilter_run, tmp_path):
    def write(*words):
        path = tmp_path / "page.html"
        done = cnnfilter_run("report", *words, "-o", path)
        assert (done.code, done.err) == (0, "")
        return path

    return write


CASES = [
    ["-k", "sobel-x"],
    ["-k", "gaussian:sigma=1.3,size=7", "-p", "same", "--padding-mode", "reflect"],
    ["-k", "0 1 2; 3 4 5", "--flip", "-p", "1,2,0,3", "--padding-mode", "constant:7", "-s", "2,3", "--bias", "-2.5"],
    ["-k", "sharpen", "-d", "2", "-p", "full", "--padding-mode", "circular", "-a", "leaky-relu:negative_slope=0.1"],
    ["-k", "emboss", "--pool", "max:3:2:pad=1", "-p", "same", "--padding-mode", "symmetric", "-a", "relu"],
    ["-k", "laplacian-4", "--pool", "avg:2:ceil", "--range", "unit", "-a", "gelu"],
    ["-k", "box", "--channels", "gray", "--padding-mode", "replicate", "-p", "2", "-a", "tanh", "--range", "unit"],
    ["-k", "sobel-y", "--channels", "sum", "--pool", "lp:2", "-s", "2"],
]


def near(one, other):
    assert one == pytest.approx(other, rel=2e-5, abs=2e-4)


@pytest.mark.parametrize("words", CASES, ids=lambda words: " ".join(words)[:40])
def test_the_numbers_of_a_page_are_those_of_explain(cnnfilter_run, tmp_path, written, opened, words):
    draw = np.random.default_rng(3)
    colours = "gray" in words or "sum" in words
    pixels = draw.integers(0, 256, (23, 19, 3) if colours else (23, 19)).astype(np.uint8)
    picture = tmp_path / "photo.png"
    Image.fromarray(pixels).save(picture)
    page = opened(written(picture, *words))
    rows, columns = page.evaluate("window.cnnfilter.size()")
    for _ in range(25):
        place = int(draw.integers(rows)), int(draw.integers(columns))
        done = cnnfilter_run("explain", picture, *words, "--at", f"{place[0]},{place[1]}", "--json")
        theirs = json.loads(done.out)
        ours = page.evaluate(f"window.cnnfilter.at({place[0]}, {place[1]})")
        near(ours["result"], theirs["result"])
        for key in ("sum", "bias", "value"):
            near(ours[key], theirs[key])
        near(ours["channel_sums"], theirs["channel_sums"])
        for own, known in zip(ours["terms"], theirs["terms"], strict=True):
            assert [own[key] for key in ("channel", "row", "column", "invented")] == [
                known[key] for key in ("channel", "row", "column", "invented")
            ]
            near(
                [own[key] for key in ("input", "weight", "product")], [known[k] for k in ("input", "weight", "product")]
            )
        assert (ours["pool"] is None) == (theirs["pool"] is None)
        if ours["pool"]:
            near(
                [cell["value"] or 0 for cell in ours["pool"]["cells"]],
                [c["value"] or 0 for c in theirs["pool"]["cells"]],
            )
        if ours["activation"]:
            near(ours["activation"]["value"], theirs["activation"]["value"])


def test_every_activation_is_computed_alike(written, opened, tmp_path):
    from cnnfilter.core.activations import ACTIVATIONS

    values = np.array([*np.linspace(-12, 12, 61), 800, -800, 1e30, -1e30, 1e-9, -1e-9, np.nan, np.inf, -np.inf])
    literals = ", ".join(f"{value}" for value in values).replace("nan", "NaN").replace("inf", "Infinity")
    np.save(tmp_path / "x.npy", values[None].astype(np.float32))
    page = opened(written(tmp_path / "x.npy", "-k", "1"))
    for name, one in ACTIVATIONS.items():
        if one.over_axis:
            continue
        parameters = json.dumps({**one.parameters})
        ours = page.evaluate(f"[{literals}].map((x) => applied({name!r}, x, {parameters}))")
        wanted = cnnfilter.activate(values, name)
        np.testing.assert_allclose(ours, wanted, rtol=1e-9, atol=1e-26, err_msg=name)


@pytest.mark.parametrize("pool", ["max:2", "min:2", "avg:2", "sum:2", "lp:2"])
def test_a_pooling_of_what_is_not_finite(cnnfilter_run, written, opened, tmp_path, pool):
    values = np.array([[1, np.nan, 5, 5], [2, 3, np.inf, 4], [-np.inf, 1, 7, 7], [0, 2, 7, 7]], np.float32)
    np.save(tmp_path / "x.npy", values)
    page = opened(written(tmp_path / "x.npy", "-k", "1", "--pool", pool))
    for row, column in np.ndindex(2, 2):
        ours = page.evaluate(f"window.cnnfilter.at({row}, {column})")
        one = cnnfilter.explain(values, "1", (row, column), pool=pool)
        assert ours["result"] == pytest.approx(one.result, nan_ok=True)
        assert ours["cell"] == list(one.cell)
        assert [cell["taken"] for cell in ours["pool"]["cells"]] == [cell.taken for cell in one.pool.cells]


def test_the_channel_is_the_one_that_is_chosen(cnnfilter_run, written, opened):
    words = [SAMPLES / "scene.jpg", "-k", "sobel-x"]
    page = opened(written(*words))
    page.locator("#channel").select_option("2")
    theirs = json.loads(cnnfilter_run("explain", *words, "--channel", "2", "--at", "40,50", "--json").out)
    ours = page.evaluate("window.cnnfilter.at(40, 50)")
    assert ours["terms"] == [{key: one[key] for key in ours["terms"][0]} for one in theirs["terms"]]
    assert {one["channel"] for one in ours["terms"]} == {2}


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_other_types_lose_no_digit(cnnfilter_run, written, opened, tmp_path, dtype):
    draw = np.random.default_rng(1)
    values = draw.integers(-(2**40), 2**40, (6, 7)) if dtype == "int64" else draw.standard_normal((6, 7))
    np.save(tmp_path / "x.npy", values)
    words = [tmp_path / "x.npy", "-k", "1 2; -3 4", "--dtype", dtype]
    page = opened(written(*words))
    for row, column in np.ndindex(5, 6):
        ours = page.evaluate(f"window.cnnfilter.at({row}, {column})")
        wanted = cnnfilter.conv2d(values, [[1, 2], [-3, 4]], dtype=dtype)[row, column]
        assert ours["result"] == pytest.approx(wanted, rel=1e-15)
        assert [one["input"] for one in ours["terms"]] == values[row : row + 2, column : column + 2].ravel().tolist()


def test_hovering_shows_the_sum_and_marks_the_cell(written, opened):
    page = opened(written(SAMPLES / "grid-5x5.csv", "-k", "1 0 1; 0 1 0; 1 0 1"))
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.17)
    cell = page.locator("#cell")
    assert (cell.get_attribute("data-row"), cell.get_attribute("data-column")) == ("0", "1")
    assert page.locator("#result").inner_text() == "3"
    assert page.locator("#sum").inner_text().endswith("= 3")


def test_the_keyboard_reaches_every_cell_and_every_control(written, opened):
    page = opened(written(SAMPLES / "grid-5x5.csv", "-k", "sobel-x"))
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "map-stage":
            break
    assert page.evaluate("document.activeElement.id") == "map-stage"
    for _ in range(5):
        page.keyboard.press("ArrowUp")
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    cell = page.locator("#cell")
    assert (cell.get_attribute("data-row"), cell.get_attribute("data-column")) == ("1", "2")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.getAttribute('aria-label')"))
    assert {"choice", "stride", "padding", "dilation", "map-stage", "weight at row 2, column 2"} <= reached


def test_a_kernel_that_is_edited_and_sliders_give_what_conv2d_gives(written, opened):
    image = np.loadtxt(SAMPLES / "smiley-7x7.csv", delimiter=",")
    page = opened(written(SAMPLES / "smiley-7x7.csv", "-k", "sobel-x"))
    page.locator("#kernel input").nth(4).fill("2.5")
    for name, value in (("stride", "2"), ("padding", "2"), ("dilation", "2")):
        page.locator(f"#{name}").fill(value)
    kernel = cnnfilter.load_kernel("sobel-x").weights.copy()
    kernel[1, 1] = 2.5
    wanted = cnnfilter.conv2d(image, kernel, stride=2, padding=2, dilation=2)
    assert page.evaluate("window.cnnfilter.size()") == list(wanted.shape)
    made = page.evaluate(
        f"Array.from({{length: {wanted.shape[0]}}}, (_, r) => Array.from({{length: {wanted.shape[1]}}}, "
        "(_, c) => window.cnnfilter.at(r, c).result))"
    )
    np.testing.assert_allclose(made, wanted, rtol=1e-6)
    page.locator("#choice").select_option("sharpen")
    assert page.locator("#kernel input").nth(4).input_value() == "5"
    page.locator("#dilation").fill("5")
    page.locator("#padding").fill("0")
    assert "Nothing is left of the map" in page.locator("#problem").inner_text()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1100, 1000), []),
        ((3, 21, 23), ["--channels", "gray"]),
        ((3, 21, 23), ["--range", "unit"]),
        ((21, 23), ["-a", "relu"]),
    ],
)
def test_values_of_16_bits_are_those_of_the_picture(cnnfilter_run, tmp_path, written, opened, shape, words):
    picture = tmp_path / "deep.png"
    cnnfilter.write_image(picture, np.random.default_rng(5).integers(0, 65536, shape).astype(np.uint16))
    words = ["-k", "sharpen", "--padding", "1", *words]
    page = opened(written(picture, *words))
    for place in [(0, 0), (10, 11), (20, 22)]:
        theirs = json.loads(cnnfilter_run("explain", picture, *words, "--at", f"{place[0]},{place[1]}", "--json").out)
        mine = page.evaluate("([r, c]) => window.cnnfilter.at(r, c)", list(place))
        assert mine["terms"] == [pytest.approx(term, rel=1e-6) for term in theirs["terms"]]
        assert mine["result"] == pytest.approx(theirs["result"], rel=1e-6)


def test_a_network_leads_from_a_class_back_to_the_picture(written, opened):
    page = opened(written(DIGITS / "digits.yaml", DIGITS / "digit-7.png"))
    outputs = cnnfilter.run_network(DIGITS / "digits.yaml", DIGITS / "digit-7.png")
    page.locator("#classes button").first.click()
    assert float(page.locator("#result").inner_text()) == pytest.approx(float(outputs["softmax"][7]), rel=1e-4)
    page.evaluate("window.cnnfilter.choose(0, 5)")
    best = np.unravel_index(outputs["conv1"][5].argmax(), (8, 8))
    assert page.evaluate("window.cnnfilter.state.at") == [int(side) for side in best]
    assert page.evaluate("window.cnnfilter.value()") == pytest.approx(float(outputs["conv1"][5].max()), rel=1e-5)
    assert "it sees 3 x 3 of the picture, where the frame is" in page.locator("#sum").inner_text()
    page.evaluate("window.cnnfilter.choose(3, 0); Object.assign(window.cnnfilter.state, {at: [1, 1]})")
    page.locator("#map").press("ArrowRight")  # a jump of 2 from -3 on: rows -1 to 7, columns 1 to 9
    assert "conv2: map 0, row 1, column 2; it sees 8 x 8" in page.locator("#sum").inner_text()
    style = page.evaluate("({...document.getElementById('window').style})")
    assert [style[key] for key in ("top", "left", "height", "width")] == ["0%", "12.5%", "87.5%", "87.5%"]


def test_the_last_cells_have_their_classes_beside_them(written, opened, tmp_path):
    """Of eighty classes, those that are listed are there whatever their place, and lead to their values."""
    (tmp_path / "net.yaml").write_text(
        "input: {channels: 1, size: [1, 80]}\nclasses: ["
        + ", ".join(f"class-{place}" for place in range(80))
        + "]\nlayers:\n  - {name: vector, kind: flatten}\n  - {name: shares, kind: softmax}\n"
    )
    values = np.zeros((1, 80), np.float32)
    values[0, 79] = 5
    np.save(tmp_path / "image.npy", values)
    page = opened(written(tmp_path / "net.yaml", tmp_path / "image.npy"))
    page.locator("#classes button").first.click()
    assert "shares: value 79, class-79; it sees all" in page.locator("#sum").inner_text()
    chosen = page.locator(".named button[aria-pressed=true]")
    assert (chosen.inner_text(), chosen.get_attribute("aria-label")) == ("class-79", "shares, value 79, class-79")
    assert page.locator(".named button").count() == 64


IDENTITY = """\
input: {channels: 1, size: [8, 8], resize: %s}
layers:
  - {name: same, kind: conv, kernels: ["1"]}
  - {name: box, kind: conv, kernels: [box], padding: same}
"""


@pytest.mark.parametrize("how", ["stretch", "crop", "letterbox"])
@pytest.mark.parametrize("shape", [(80, 160), (96, 60), (5, 4)])
def test_the_frame_lies_where_the_network_looks_in_a_picture_of_another_size(written, opened, tmp_path, how, shape):
    """Each value of a ramp says where it is: what the network makes of it is where its frame must lie."""
    network, image = tmp_path / "net.yaml", tmp_path / "ramp.npy"
    network.write_text(IDENTITY % how)
    rows, columns = np.indices(shape, np.float32)
    centre = []
    for ramp in (rows, columns):
        np.save(image, ramp)
        page = opened(written(network, image))
        page.evaluate("window.cnnfilter.choose(0, 0)")
        at = page.evaluate("Object.assign(window.cnnfilter.state, {at: [4, 3]}).at")
        page.locator("#map").press("ArrowRight")  # shows it
        centre.append(cnnfilter.run_network(network, image)["same"][0][at[0], at[1] + 1] + 0.5)
        style = page.evaluate("({...document.getElementById('window').style})")
        top, left, high, wide = (float(style[key].rstrip("%")) / 100 for key in ("top", "left", "height", "width"))
    assert [(top + high / 2) * shape[0], (left + wide / 2) * shape[1]] == pytest.approx(centre, abs=0.05)
    assert "it sees 1 x 1 of the 8 x 8 that the picture is made" in page.locator("#sum").inner_text()
    page.evaluate("window.cnnfilter.choose(1, 0)")
    assert "it sees 3 x 3 of the 8 x 8" in page.locator("#sum").inner_text()


@pytest.mark.parametrize(
    "words", [[SAMPLES / "scene.png", "-k", "sobel-x"], [DIGITS / "digits.yaml", DIGITS / "digit-7.png"]]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(written, opened, words, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened(written(*words), color_scheme=scheme)
    found = axe.Axe().run(page).response["violations"]
    serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.mark.parametrize(
    "words", [[SAMPLES / "scene.png", "-k", "sobel-x"], [DIGITS / "digits.yaml", DIGITS / "digit-7.png"]]
)
def test_a_phone_scrolls_in_one_direction_only(written, opened, words):
    page = opened(written(*words), viewport={"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_is_small_and_escapes_what_is_hostile(cnnfilter_run, tmp_path):
    strange = tmp_path / "<b>a&b.png"
    Image.new("L", (9, 9), 7).save(strange)
    path = tmp_path / "page.html"
    assert cnnfilter_run("report", strange, "-k", "sobel-x", "-o", path).code == 0
    text = path.read_text()
    assert len(text) < 100_000
    assert "<b>a" not in text
    assert "&lt;b&gt;a&amp;b.png" in text
    assert "default-src 'none'" in html.unescape(text)
    assert "http" not in text.replace("http-equiv", "")


def test_a_batch_has_an_index(cnnfilter_run, tmp_path, opened):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        shutil.copyfile(DIGITS / f"digit-{number}.png", folder / f"{number}.png")
    (folder / "<b>broken.png").write_bytes(b"no picture")
    (folder / "gnp.\u202etxt.png").write_bytes(b"no picture either")
    assert cnnfilter_run("batch", folder, "-k", "sobel-x", "-o", tmp_path / "out", "-j", "1").code == 3
    path = tmp_path / "index.html"
    done = cnnfilter_run("report", tmp_path / "out", "-o", path)
    assert (done.code, done.err) == (0, "")
    page = opened(path)
    assert page.locator("tbody img").count() == 3
    assert "5 inputs" in page.locator("main").inner_text()
    assert "<b>broken.png" in page.locator("tbody").inner_text()
    assert r"gnp.\u202etxt.png" in page.locator("tbody").inner_text()
    assert "\u202e" not in page.content()
    assert "-876" in page.locator("tbody").inner_text()
    assert cnnfilter_run("report", folder, "-o", tmp_path / "no.html").code == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scene.png"], "report needs a kernel"),
        (["scene.png", "grid-5x5.csv", "-k", "sobel-x"], "one picture"),
        (["scene.png", "-k", "sobel-x", "-k", "sobel-y", "--combine", "magnitude"], "leave out --combine"),
        (["scene.png", "-k", "sobel-x", "-a", "softmax"], "single values"),
        (["scene.png", "-k", "sobel-x", "--pool", "global-avg"], "over windows"),
        (["scene-16bit.png", "-k", "sobel-x", "-o", "page.txt"], "ends in .html"),
        (["digits/digits.yaml", "digits/digit-7.png", "--stride", "2"], "means nothing for a network"),
        (["digits", "-k", "sobel-x"], "--kernel means nothing for a batch"),
    ],
)
def test_what_no_page_shows_is_refused(cnnfilter_run, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    placed = [str(SAMPLES / word) if (SAMPLES / word).exists() else word for word in words]
    done = cnnfilter_run("report", *placed)
    assert done.code == 2
    assert said in done.err
    assert not list(tmp_path.glob("*.html"))


def test_on_paper_nothing_is_cut_off(written, opened):
    page = opened(written(DIGITS / "digits.yaml", DIGITS / "digit-7.png"))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    assert page.evaluate(
        "(() => { const l = document.getElementById('layers'); return l.scrollWidth <= l.clientWidth })()"
    )
    page = opened(written(SAMPLES / "scene.png", "-k", "sobel-x"))
    page.emulate_media(media="print")
    assert page.locator("#kernel input").count() == 9
    assert page.locator("#kernel input").first.is_visible()
    assert not page.locator("#stride").is_visible()
