"""Calls that other threads and processes make: in a module of its own, where a new process finds it."""

import numpy as np

import cnnfilter


def jobs():
    """Calls of many shapes, among them some for which BLAS would start threads."""
    rng = np.random.default_rng(1)
    made = []
    for size in ((300, 400), (97, 731), (64, 64)):
        image = rng.random(size, np.float32)
        made += [(cnnfilter.conv2d, image, rng.standard_normal((k, k))) for k in (3, 17)]
        made += [(cnnfilter.conv2d, image, "gaussian:sigma=5"), (cnnfilter.activate, image, "gelu")]
        made += [(cnnfilter.pool2d, image, "avg", 3), (cnnfilter.pool2d, image, "lp", (5, 4))]
    deep = rng.random((64, 60, 70), np.float32)
    made += [(cnnfilter.conv2d, deep, rng.standard_normal((64, 64, 3, 3)))]
    made += [(cnnfilter.conv_transpose2d, deep, rng.standard_normal((64, 32, 3, 3)))]
    made += [(cnnfilter.dense, deep.reshape(64, -1), rng.standard_normal((100, 4200)))]
    return made


def do(job):
    function, *arguments = job
    return function(*arguments).tobytes()
