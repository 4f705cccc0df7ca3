"""Where worker processes come from: started early, because its imports take as long as those of the program."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any


def start_context() -> Any:
    """Return how processes start: from a server that has imported everything, where the system has such."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def warm_up() -> None:
    """Start the server that workers come from, which imports everything while this process goes on with its work."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"
    context = start_context()
    if context.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        context.set_forkserver_preload(["cnnfilter.batch.local", "cnnfilter.cli"])
        forkserver.ensure_running()
