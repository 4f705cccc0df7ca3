"""What a journal says about a run that is over, interrupted, or going on."""

from __future__ import annotations

from typing import Any

from cnnfilter.batch.folder import state_of
from cnnfilter.batch.journal import Ledger
from cnnfilter.batch.records import DONE
from cnnfilter.batch.remote import bring_journal, remote_state
from cnnfilter.batch.roots import is_url
from cnnfilter.errors import OutputError
from cnnfilter.files import quoted

#: Failures that are named.
LISTED = 50


def status_of(output: str) -> dict[str, Any]:
    """Return the counts of an output folder's journal.

    Raises
    ------
    OutputError
        If no batch wrote there.
    """
    state = remote_state(output) if is_url(output) else state_of(output)
    if is_url(output):
        bring_journal(state, output)
    if not state.owned:
        raise OutputError(f"{quoted(output)}: no batch wrote here, so there is nothing to tell")
    done = failed = 0
    failures: list[str] = []
    with Ledger(state.journal) as ledger:
        last = ledger.runs[-1] if ledger.runs else {}
        for record in ledger:
            if record.job != last.get("job"):
                continue
            if record.state == DONE:
                done += 1
            else:
                failed += 1
                if len(failures) < LISTED:
                    failures.append(_named(record.key, record.reason))
    planned = int(last.get("planned", 0))
    return {
        "output": output, "planned": planned, "done": done, "failed": failed,
        "to do": max(0, planned - done), "runs": len(ledger.runs), "version": last.get("version", ""),
        "job": last.get("job", ""), "failures": failures,
    }  # fmt: skip


def _named(key: str, reason: str) -> str:
    """Return why an input failed, with its name in front unless the reason has it."""
    return reason if quoted(key) in reason else f"{quoted(key)}: {reason or 'failed'}"
