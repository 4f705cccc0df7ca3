"""Object stores and archives through fsspec: listed in pages, read and written whole, tried again on a bad line."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from cnnfilter.batch.inputs import Found, Skips
from cnnfilter.batch.roots import Filters, Root, is_pattern, split_pattern
from cnnfilter.errors import ImageError, MissingExtraError, OutputError, ParameterError, ResourceError
from cnnfilter.files import quoted

#: Seconds to wait before each new try.
WAITS = (0.2, 1.0, 3.0)

#: Stores in which an object appears whole or not at all; elsewhere a file is renamed into its place.
ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "memory"})

#: What cannot be written object by object.
READ_ONLY = frozenset({"zip", "tar", "libarchive", "http", "https", "github"})

#: Bytes that are sent as one piece; more go in parts.
IN_ONE_GO = 64 << 20

Value = TypeVar("Value")


def in_this_process_only(text: str) -> bool:
    """Say whether other processes would see something else under a URL."""
    return text.startswith("memory://")


@lru_cache(maxsize=64)
def _store(head: str) -> Any:
    """Return the file system of a URL; `head` is the URL without its path."""
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError("URLs need fsspec (pip install 'cnnfilter[cloud]')") from None
    try:
        return fsspec.core.url_to_fs(head, use_listings_cache=False, skip_instance_cache=True)[0]
    except ImportError as error:
        raise MissingExtraError(f"{quoted(head)}: {error} (pip install 'cnnfilter[cloud]')") from None
    except TypeError:  # a file system that takes no such options
        return fsspec.core.url_to_fs(head)[0]
    except Exception as error:  # every store has errors of its own
        raise ParameterError(f"{quoted(head)}: cannot open: {error}") from error


def _take_apart(url: str) -> tuple[Any, str, str, str]:
    """Return the file system, the protocol, the path in it, and what a chained URL goes on with."""
    first, chain, rest = url.partition("::")
    protocol, _, path = first.partition("://")
    store = _store(f"{protocol}://{chain}{rest}" if rest else _head(protocol, path))
    return store, protocol, path, chain + rest


def _head(protocol: str, path: str) -> str:
    """Return the URL by which a file system is told from another."""
    return f"{protocol}://{path.partition('/')[0]}" if protocol not in ("memory", "file") else f"{protocol}://"


def patiently(action: Callable[[], Value]) -> Value:
    """Return what `action` returns, after new tries where the store or the line to it failed.

    What is missing or forbidden stays so: that is raised at once.
    """
    for wait in WAITS:
        try:
            return action()
        except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError):
            raise
        except (OSError, TimeoutError):
            time.sleep(wait)
    return action()


def find_objects(root: Root, filters: Filters, skips: Skips) -> Iterator[Found]:
    """Yield the objects below a URL, in the order of their names; a pattern in it chooses among them."""
    store, protocol, path, chain = _take_apart(root.path)
    pattern = ""
    if is_pattern(path):
        path, pattern = split_pattern(path)
        path = "" if path == "." else path
    base = path.strip("/")
    wanted = Filters((f"./{pattern}",), filters.exclude) if pattern else filters
    any_found = False
    for name, size, stamp in _objects(store, protocol, base):
        any_found = True
        key = name.strip("/").removeprefix(base).lstrip("/") or base.rpartition("/")[2]
        source = f"{protocol}://{name}{chain}"
        if any(part.startswith(".") for part in key.split("/")[:-1]):
            skips.add("hidden folder")
        elif wanted.leaves_out(key) or any(wanted.leaves_out(folder) for folder in _folders(key)):
            skips.add("excluded")
        elif not wanted.takes(key) or (pattern and filters.include and not filters.takes(key)):
            skips.add("other file")
        else:
            yield Found(root.label + key, source, size, stamp, source)
    if not any_found:
        raise ParameterError(f"{quoted(root.path)}: nothing is there")


def _folders(key: str) -> list[str]:
    """Return the folders that a key lies in."""
    pieces = key.split("/")[:-1]
    return ["/".join(pieces[: count + 1]) for count in range(len(pieces))]


def _objects(store: Any, protocol: str, base: str) -> Iterator[tuple[str, int, str]]:
    """Yield name, size and stamp of every object: in pages where the store can, else folder by folder."""
    if protocol in ("s3", "s3a"):
        yield from _s3_pages(store, base)
        return
    try:
        if base and patiently(lambda: store.isfile(base)):
            info = patiently(lambda: store.info(base))
            yield base, int(info.get("size") or 0), stamp_of(info)
            return
        folders = [base]
        while folders:
            folder = folders.pop()
            listed = patiently(lambda folder=folder: store.ls(folder, detail=True))  # type: ignore[misc]
            below = []
            for info in sorted(listed, key=lambda info: str(info["name"])):
                if info["type"] == "directory":
                    below.append(info["name"])
                else:
                    yield str(info["name"]), int(info.get("size") or 0), stamp_of(info)
            folders += reversed(below)
    except Exception as error:  # every store has errors of its own
        raise ParameterError(f"{protocol}://{base}: cannot list: {error}") from error


def _s3_pages(store: Any, base: str) -> Iterator[tuple[str, int, str]]:
    """Yield the objects of a bucket a thousand at a time: S3 has them in the order of their names."""
    bucket, _, prefix = base.partition("/")
    if not bucket:
        raise ParameterError("'s3://' names no bucket (s3://BUCKET/FOLDER)")
    after: dict[str, str] = {}
    while True:
        words = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": 1000, **after}
        try:
            page = patiently(lambda words=words: store.call_s3("list_objects_v2", **words))  # type: ignore[misc]
        except Exception as error:  # its library's own, where a name is none or there are no credentials
            raise ParameterError(f"s3://{base}: cannot list: {error}") from error
        for one in page.get("Contents", ()):
            name = one["Key"]
            if not name.endswith("/") and (name == prefix or not prefix or name.startswith(prefix.rstrip("/") + "/")):
                yield f"{bucket}/{name}", int(one["Size"]), str(one["ETag"]).strip('"')
        if not page.get("IsTruncated"):
            return
        after = {"ContinuationToken": page["NextContinuationToken"]}


def stamp_of(info: dict[str, Any]) -> str:
    """Return what changes when an object does: its tag, else its time."""
    for name in ("ETag", "etag", "CRC", "mtime", "LastModified", "last_modified", "updated", "created"):
        if info.get(name):
            return str(info[name]).strip('"')
    return ""


def read_object(url: str) -> bytes:
    """Return what an object holds.

    Raises
    ------
    ImageError
        If it cannot be read, after several tries.
    """
    store, _, path, _ = _take_apart(url)
    try:
        return bytes(patiently(lambda: store.cat_file(path)))
    except FileNotFoundError:
        raise ImageError(f"{quoted(url)}: No such object") from None
    except Exception as error:  # every store has errors of its own
        raise ImageError(f"{quoted(url)}: cannot read: {error}") from error


def write_object(local: Path, url: str) -> None:
    """Put a file into a store, whole or not at all.

    Raises
    ------
    ResourceError
        If the store refuses it, after several tries.
    """
    store, protocol, path, _ = _take_apart(url)

    def put() -> None:
        if protocol in ATOMIC:
            send(path)
            return
        folder, _, name = path.rpartition("/")
        part = f"{folder}/.{name}.cnnfilter-part"
        store.makedirs(folder, exist_ok=True)
        send(part)
        store.mv(part, path)

    def send(target: str) -> None:
        if local.stat().st_size > IN_ONE_GO:
            store.put_file(str(local), target)
        else:
            store.pipe_file(target, local.read_bytes())

    try:
        patiently(put)
    except Exception as error:  # every store has errors of its own
        raise ResourceError(f"{quoted(url)}: cannot write: {error}") from OSError(5, str(error))


def object_facts(url: str) -> tuple[int, str] | None:
    """Return the bytes of an object, and its tag or time, or None where there is none."""
    store, _, path, _ = _take_apart(url)
    try:
        info = patiently(lambda: store.info(path))
    except OSError:
        return None
    return int(info["size"] or 0), stamp_of(info)


def fetch_object(url: str, local: Path) -> bool:
    """Copy an object to a file; return False where there is none.

    Raises
    ------
    ResourceError
        If the store does not let go of it, after several tries.
    """
    store, _, path, _ = _take_apart(url)
    try:
        patiently(lambda: store.get_file(path, str(local)))
    except FileNotFoundError:
        return False
    except Exception as error:  # every store has errors of its own
        raise ResourceError(f"{quoted(url)}: cannot read: {error}") from OSError(5, str(error))
    return True


def join_url(base: str, path: str) -> str:
    """Return the URL of a path below another URL."""
    return f"{base.rstrip('/')}/{path}"


def check_output(url: str) -> None:
    """Raise if nothing can be written below a URL.

    Raises
    ------
    OutputError
        If it is an archive or a web site.
    """
    protocol = url.partition("://")[0]
    if protocol in READ_ONLY or "::" in url:
        raise OutputError(f"{quoted(url)}: {protocol} is read only here (write to a folder, s3://, gs:// or abfs://)")
    _take_apart(url)
