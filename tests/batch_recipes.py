"""Runs in this process, and recipes that misbehave: what workers do must be importable in another process."""

import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from cnnfilter.batch.place import place_of
from cnnfilter.batch.recipe import Convolve
from cnnfilter.batch.roots import parse_roots
from cnnfilter.batch.run import Setup, run_batch
from cnnfilter.batch.tables import finish
from cnnfilter.library import load_kernels
from cnnfilter.run.options import Options
from cnnfilter.views.batch import Silent


def die_at_once(*_):
    """Be a worker's first step that is its last."""
    os.abort()


def die_in_the_middle_of_a_message():
    """Let this process die after the first of several writes that a long message takes."""
    send = Connection._send

    def send_and_die(pipe, data, *more):
        send(pipe, data, *more)
        if len(data) == 4:  # the length of what follows
            os.kill(os.getpid(), signal.SIGKILL)

    Connection._send = send_and_die


@dataclass(frozen=True, kw_only=True)
class Misbehaving(Convolve):
    """Does what the name of the picture says."""

    marks: str = ""

    def apply(self, picture, outputs, max_memory):
        name = Path(picture.name).stem
        if name == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "hang":
            time.sleep(600)
        if name == "once" and not Path(self.marks, "once").exists():
            Path(self.marks, "once").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "bug":
            raise ZeroDivisionError("oh")
        if name == "torn" and not Path(self.marks, "torn").exists():
            Path(self.marks, "torn").touch()
            die_in_the_middle_of_a_message()
        if name == "slow":
            time.sleep(0.2)
        return super().apply(picture, outputs, max_memory)


def go(folder, output, *, formats=("png",), kernels=("sobel-x",), measures=(), features=None, **more):
    """Do a folder, here unless `jobs` says otherwise; return the count."""
    recipe = Convolve(
        kernels=tuple(load_kernels(*kernels)), options=Options(), formats=formats,
        measures=measures,
    )  # fmt: skip
    setup = Setup(roots=parse_roots([str(folder)]), place=place_of(str(output)), **{"jobs": 0, **more})

    def end(ledger):
        finish(setup.place, recipe, ledger, ("jsonl", "csv"), features)

    return run_batch(setup, recipe, Silent(), end)
