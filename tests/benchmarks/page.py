"""Measure a page of a 12-megapixel picture in Chromium: ``python tests/benchmarks/page.py``."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SAMPLES = Path(__file__).parents[2] / "samples"
KERNELS = ("sobel-x", "sobel-y", "sharpen", "emboss", "box", "gaussian-3x3", "laplacian-4", "gaussian:sigma=3")
#: Seconds that a page may take to open, and milliseconds that it may take to answer a move.
OPENS, ANSWERS = 2.0, 100.0
#: Moves in a row.
MOVES = """(key) => {
  const stage = document.getElementById("map-stage");
  let worst = 0;
  for (let n = 0; n < 100; n += 1) {
    const start = performance.now();
    stage.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    worst = Math.max(worst, performance.now() - start);
  }
  return worst;
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        picture, path = Path(folder) / "photo.png", Path(folder) / "page.html"
        Image.open(SAMPLES / "scene.jpg").resize((4000, 3000)).save(picture)
        words = [word for kernel in KERNELS for word in ("-k", kernel)]
        subprocess.run([sys.executable, "-m", "cnnfilter", "report", picture, *words, "-o", path], check=True)
        print(f"page {path.stat().st_size / 1e6:.1f} MB, of a picture of {picture.stat().st_size / 1e6:.1f} MB")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page()
            start = time.perf_counter()
            page.goto(path.as_uri())
            page.wait_for_selector("body[data-ready=yes]")
            print(f"opens in {time.perf_counter() - start:.2f} s, target {OPENS}")
            for index in (0, len(KERNELS) - 1):
                page.locator("#choice").select_option(index=index)
                worst = max(page.evaluate(MOVES, key) for key in ("ArrowRight", "ArrowDown"))
                print(f"{KERNELS[index]}: answers a move in {worst:.1f} ms at most, target {ANSWERS:g}")
            browser.close()


if __name__ == "__main__":
    main()
