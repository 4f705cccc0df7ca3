"""The command line: one file a command. Each parses, makes one call, shows the result, and ends with a code."""

from __future__ import annotations

from cnnfilter.cli.main import main

__all__ = ["main"]
