"""Our PNGs through OpenCV's decoder, and OpenCV's through ours."""

import numpy as np
import pytest

from cnnfilter.images.png import encode_png
from cnnfilter.images.read import open_picture

cv2 = pytest.importorskip("cv2")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("compress", ["fast", "small"])
def test_opencv_sees_the_same(channels, dtype, compress):
    pixels = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (31, 45, channels), dtype=dtype, endpoint=True)
    order = [0] if channels == 1 else [2, 1, 0, 3][:channels]
    seen = cv2.imdecode(np.frombuffer(encode_png(pixels, compress=compress), np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(seen.reshape(pixels.shape)[..., order], pixels)
    theirs = cv2.imencode(".png", pixels[..., order])[1].tobytes()
    np.testing.assert_array_equal(open_picture(theirs).array().transpose(1, 2, 0), pixels)
