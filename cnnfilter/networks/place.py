"""Where in a file an error belongs."""

from __future__ import annotations

from typing import Any

from cnnfilter.errors import CnnFilterError, KernelFileError
from cnnfilter.library.document import Document, Steps


class Place:
    """Errors inside the block get the file, the line and the dotted field of one value."""

    def __init__(self, document: Document, steps: Steps) -> None:
        self.document, self.steps = document, steps

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, CnnFilterError) and not (
            isinstance(error, KernelFileError) and error.path == self.document.path
        ):
            try:
                self.document.fail(self.steps, str(error))
            except KernelFileError as placed:
                raise placed from error
