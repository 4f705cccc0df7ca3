"""Two things timed side by side: in turns, so that whatever else the machine does falls on both."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: our time, the peer's, and the ratio to reach."""

    work: str
    peer: str
    threads: int
    target: float
    ours: float = 0.0
    theirs: float = 0.0
    skipped: str = ""

    @property
    def ratio(self) -> float:
        """Our time as a share of the peer's."""
        return self.ours / self.theirs if self.theirs else 0.0

    def line(self) -> str:
        """Return the row as text."""
        head = f"{self.work:44} {self.peer:24} {self.threads} thr"
        if self.skipped:
            return f"{head}   skipped: {self.skipped}"
        sign = "ok" if self.ratio <= self.target else "--"
        times = f"{self.ours * 1e3:9.2f} {self.theirs * 1e3:9.2f} ms"
        return f"{head} {times}  ratio {self.ratio:5.2f}  target {self.target:4.2f}  {sign}"


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], threads: int, seconds: float):
    """Return the best time of each, run in turns for about so many seconds.

    With one thread the time is that of the processor, which other programs on the machine do not add to; with more it
    is the clock's.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    times: tuple[list[float], list[float]] = ([], [])
    ours(), theirs()
    stop = time.perf_counter() + seconds
    while len(times[0]) < 3 or (time.perf_counter() < stop and len(times[0]) < 200):
        for run, taken in zip((ours, theirs), times, strict=True):
            start = clock()
            run()
            taken.append(clock() - start)
    return min(times[0]), min(times[1])


def commands_in_turns(
    ours: list[str], theirs: list[str], seconds: float, cache: str, before: Callable[[], object] = lambda: None
) -> tuple[float, float]:
    """Return the median wall-clock times of two whole commands, run in turns, each after `before`.

    Python keeps compiled modules in `cache`, as an installed program has them; the first run of each does not count.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times: tuple[list[float], list[float]] = ([], [])
    stop = time.perf_counter() + seconds
    while len(times[0]) < 4 or (time.perf_counter() < stop and len(times[0]) < 25):
        for command, taken in zip((ours, theirs), times, strict=True):
            before()
            start = time.perf_counter()
            done = subprocess.run(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, env=environment
            )
            taken.append(time.perf_counter() - start)
            if done.returncode:
                sys.exit(f"{' '.join(command)}\n{done.stderr.decode()}")
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])
