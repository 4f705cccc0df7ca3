"""Recipes that misbehave, for tests of the workers: they must be importable in another process."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from cnnfilter.batch.recipe import Convolve


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
        if name == "slow":
            time.sleep(0.2)
        return super().apply(picture, outputs, max_memory)
