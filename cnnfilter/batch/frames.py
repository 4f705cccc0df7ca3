"""Every frame of a file as an input of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from cnnfilter.batch.find import Found
from cnnfilter.batch.roots import is_url
from cnnfilter.batch.stores import read_object
from cnnfilter.errors import CnnFilterError
from cnnfilter.images.frames import frame_name
from cnnfilter.images.limits import MOST_FRAMES
from cnnfilter.images.read import count_pictures


def each_frame(found: Iterable[Found]) -> Iterator[Found]:
    """Yield the frames of each input; one that has a single frame, or cannot be read, as it is."""
    for one in found:
        count = 1 if one.reason else _count(one)
        if count > MOST_FRAMES:
            reason = f"more than {MOST_FRAMES} frames, the most that are taken at once (--frame N takes one)"
            yield msgspec.structs.replace(one, reason=reason)
        elif count == 1:
            yield one
        else:
            for frame in range(count):
                yield msgspec.structs.replace(one, key=frame_name(one.key, frame), frame=frame)


def _count(one: Found) -> int:
    """Return how many frames an input has; whoever opens it says what is wrong with it."""
    try:
        return count_pictures(read_object(one.source) if is_url(one.source) else Path(one.source))
    except CnnFilterError:
        return 1
