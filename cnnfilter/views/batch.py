"""How a batch goes and how it went: a bar on a terminal, a line now and then in a log, events for a supervisor."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnnfilter.batch.inputs import counted
from cnnfilter.batch.records import Planned, Record, name_fields
from cnnfilter.batch.run import Totals
from cnnfilter.files import printable, quoted
from cnnfilter.views.terminal import about

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Seconds between two lines in a log.
LINE_EVERY = 10.0

#: Seconds between two pictures of the bar.
REDRAW_EVERY = 0.1

#: Failures that are listed; the manifest has the rest.
LISTED = 50


class Silent:
    """Says nothing."""

    def begin(self, totals: Totals) -> None:
        """Do nothing."""

    def kept(self, item: Planned, totals: Totals) -> None:
        """Do nothing."""

    def outcome(self, record: Record, totals: Totals) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Events:
    """Prints one JSON object a line on standard output."""

    def begin(self, totals: Totals) -> None:
        """Say what is planned."""
        _print_event("begin", planned=totals.planned, passed_over=dict(totals.skips))

    def kept(self, item: Planned, totals: Totals) -> None:
        """Say what is skipped."""
        _print_event("skipped", **name_fields("input", item.key))

    def outcome(self, record: Record, totals: Totals) -> None:
        """Say how an input came out."""
        words = record.as_json()
        words.pop("features", None)
        _print_event("done" if record.state == "ok" else "failed", **words)

    def close(self) -> None:
        """Do nothing."""


def _print_event(event: str, **words: Any) -> None:
    """Print one event at once."""
    sys.stdout.write(json.dumps({"event": event, **words}) + "\n")
    sys.stdout.flush()


class Log:
    """Prints a line on standard error every so often."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()

    def begin(self, totals: Totals) -> None:
        """Note when the work begins."""
        self._began = self._last = time.monotonic()

    def kept(self, item: Planned, totals: Totals) -> None:
        """Print where it is time."""
        self._line(totals)

    def outcome(self, record: Record, totals: Totals) -> None:
        """Print where it is time."""
        self._line(totals)

    def _line(self, totals: Totals) -> None:
        """Print how far the work is."""
        now = time.monotonic()
        if now - self._last >= LINE_EVERY:
            self._last = now
            sys.stderr.write(f"cnnfilter: {progress_line(totals, now - self._began)}\n")

    def close(self) -> None:
        """Do nothing."""


def progress_line(totals: Totals, seconds: float) -> str:
    """Return how far a run is, as text.

    Examples
    --------
    >>> progress_line(Totals(planned=1000, ok=90, failed=10), 20.0)
    '100 of 1000, 5.0 a second, 3 min left, 10 failed'
    """
    rate = (totals.ok + totals.failed) / max(seconds, 1e-9)
    left = (totals.planned - totals.finished) / rate if rate else 0.0
    time_left = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
    failed = f", {totals.failed} failed" if totals.failed else ""
    return f"{totals.finished} of {totals.planned}, {rate:.1f} a second, {time_left} left{failed}"


class Bar:
    """Draws a bar with rate, time left, failures and the last file."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._began = time.monotonic()
        self._drawn = 0.0

    def begin(self, totals: Totals) -> None:
        """Draw the bar."""
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        from cnnfilter.views.console import console

        self._began = time.monotonic()
        self._bar = RichProgress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}", markup=False), TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}", style="red", markup=False),
            TextColumn("{task.description}", style="dim", markup=False),
            console=console(stderr=True), transient=True, auto_refresh=False,  # no thread: workers may be forked
        )  # fmt: skip
        self._task = self._bar.add_task("", total=totals.planned, rate="", failed="")
        self._bar.start()

    def kept(self, item: Planned, totals: Totals) -> None:
        """Move on."""
        self._move(item.key, totals)

    def outcome(self, record: Record, totals: Totals) -> None:
        """Move on."""
        self._move(record.key, totals)

    def _move(self, key: str, totals: Totals) -> None:
        """Show the count and the file that was finished last."""
        if self._bar is None or self._task is None:
            return
        now = time.monotonic()
        if now - self._drawn < REDRAW_EVERY and totals.finished < totals.planned:
            return
        self._drawn = now
        rate = (totals.ok + totals.failed) / max(now - self._began, 1e-9)
        self._bar.update(
            self._task, completed=totals.finished, description=printable(key), rate=f"{rate:.1f}/s",
            failed=f"{totals.failed} failed" if totals.failed else "", refresh=True,
        )  # fmt: skip

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def observer_for(*, json: bool, quiet: bool) -> Silent | Events | Log | Bar:
    """Return what shows the run: events, nothing, a bar on a terminal, lines elsewhere."""
    if json:
        return Events()
    if quiet:
        return Silent()
    return Bar() if sys.stderr.isatty() else Log()


def count_line(totals: Totals) -> str:
    """Return the count at the end.

    Examples
    --------
    >>> from collections import Counter
    >>> count_line(Totals(planned=9, ok=5, kept=3, failed=1, skips=Counter({"link": 2})))
    'ok 5, skipped 5, failed 1 (skipped: 3 done before, 2 links)'
    """
    parts = [f"{totals.kept} done before"] if totals.kept else []
    parts += counted(totals.skips)
    why = f" (skipped: {', '.join(parts)})" if parts else ""
    return f"ok {totals.ok}, skipped {totals.skipped}, failed {totals.failed}{why}"


def print_end(totals: Totals, *, places: Mapping[str, Sequence[str]], json: bool, quiet: bool) -> None:
    """List what failed and why, and print where everything is, and the count.

    Parameters
    ----------
    totals
        The count.
    places
        Paths and URLs by what is there: ``results``, ``manifest``, ``journal``, ``features``.
    json, quiet
        As the flags say.
    """
    if json:
        _print_event(
            "end", ok=totals.ok, skipped=totals.skipped, failed=totals.failed, planned=totals.planned,
            done_before=totals.kept, passed_over=dict(totals.skips), stopped=totals.stopped,
            places={name: list(paths) for name, paths in places.items()},
        )  # fmt: skip
        return
    for record in totals.failures[:LISTED]:
        reason, name = printable(record.reason), quoted(record.key)
        sys.stderr.write(f"cnnfilter: failed: {reason if reason.startswith(name) else f'{name}: {reason}'}\n")
    if totals.failed > LISTED:
        where = (*places.get("manifest", ()), *places["journal"])[0]
        sys.stderr.write(f"cnnfilter: and {totals.failed - LISTED} more: see {printable(where)}\n")
    for one in totals.notes.values() if not quiet else ():
        sys.stderr.write(f"cnnfilter: note: {about(one.key, one.count)}: {printable(one.note)}\n")
    if not quiet:
        for name, paths in places.items():
            sys.stdout.write(f"{name:9} {', '.join(map(printable, paths))}\n")
        sys.stdout.write(count_line(totals) + "\n")


def print_status(words: dict[str, Any], *, json_wanted: bool) -> None:
    """Print what a journal says."""
    if json_wanted:
        sys.stdout.write(json.dumps(words, indent=2) + "\n")
        return
    lines = [f"{words['output']}: {words['done']} of {words['planned']} done, {words['failed']} failed"]
    lines.append(f"to do: {words['to do']}" + (" (the same command with --resume does it)" if words["to do"] else ""))
    lines.append(f"runs: {words['runs']}, the last one by version {words['version']}, job {words['job']}")
    lines += [f"failed: {line}" for line in words["failures"]]
    sys.stdout.write("\n".join(printable(line) for line in lines) + "\n")
