"""``python -m cnnfilter``, and what the installed command calls: from its first line on, Ctrl-C is one line."""

from __future__ import annotations

import sys
from typing import NoReturn


def start() -> NoReturn:
    """Load the program and run it."""
    try:
        from cnnfilter.files import prepare_streams

        prepare_streams()
        from cnnfilter.cli.main import main

        main()
    except KeyboardInterrupt:
        sys.stderr.write("cnnfilter: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    start()
