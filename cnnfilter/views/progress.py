"""Progress on standard error, for work that takes more than a second on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

from cnnfilter.files import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

#: Seconds of work before anything is shown.
PATIENCE = 1.0


class Progress:
    """Counts finished images; draws a bar once the work has taken a second."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self.total, self.done, self.name = total, 0, ""
        self._wanted = not quiet and total > 1 and sys.stderr.isatty()
        self._began = time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, name: str) -> None:
        """Say which image comes next."""
        self.name = name
        self._draw()

    def advance(self) -> None:
        """Count one image as finished."""
        self.done += 1
        self._draw()

    def _draw(self) -> None:
        """Draw the bar where it is time for one."""
        if not self._wanted or (self._bar is None and time.monotonic() - self._began < PATIENCE):
            return
        if self._bar is None:
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            from cnnfilter.views.console import console

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = RichProgress(*columns, console=console(stderr=True), transient=True)
            self._task = self._bar.add_task("", total=self.total)
            self._bar.start()
        if self._task is not None:
            self._bar.update(self._task, completed=self.done, description=printable(self.name))
