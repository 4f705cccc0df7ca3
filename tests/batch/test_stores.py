"""Inputs and outputs by URL: archives, memory, and a server that speaks S3."""

import os
import zipfile

import pytest

from cnnfilter.batch import stores
from cnnfilter.batch.inputs import Skips, find
from cnnfilter.batch.roots import Filters, parse_roots

fsspec = pytest.importorskip("fsspec")


@pytest.fixture(autouse=True)
def state_here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_a_zip_is_a_folder(photos, tmp_path, run, tree):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in photos.rglob("*.png"):
            archive.write(path, path.relative_to(photos))
        archive.writestr("../../evil.png", (photos / "p01.png").read_bytes())
    url = f"zip://::{tmp_path / 'all.zip'}"
    done = run(url, "-k", "sobel-x", "-o", tmp_path / "out", "--exclude", "evil.png", "-j", "2")
    assert done.returncode == 0, done.stderr
    assert run(photos, "-k", "sobel-x", "-o", tmp_path / "plain", "-j", "0").returncode == 0
    pictures = {name: digest for name, digest in tree(tmp_path / "out").items() if name.endswith(b".png")}
    assert pictures == {name: digest for name, digest in tree(tmp_path / "plain").items() if name.endswith(b".png")}
    assert run(photos, "-k", "sobel-x", "-o", url).returncode == 2


def test_a_store_in_memory(photos, tmp_path):
    from batch_recipes import go

    memory = fsspec.filesystem("memory")
    for path in photos.rglob("*.png"):
        memory.pipe_file(f"/in/{path.relative_to(photos).as_posix()}", path.read_bytes())
    totals = go("memory://in", "memory://out")
    assert (totals.ok, totals.failed) == (12, 0)
    assert memory.exists("/out/sub/deep/p00.sobel-x.png")
    assert memory.exists("/out/manifest.jsonl")
    memory.rm_file("/out/p01.sobel-x.png")
    again = go("memory://in", "memory://out", resume=True)
    assert (again.ok, again.kept) == (1, 11)
    memory.rm("/in", recursive=True)
    memory.rm("/out", recursive=True)


@pytest.fixture
def memory(photos):
    """Yield a store in memory that holds the pictures."""
    store = fsspec.filesystem("memory")
    for path in photos.rglob("*.png"):
        store.pipe_file(f"/in/{path.relative_to(photos).as_posix()}", path.read_bytes())
    yield store
    for folder in ("/in", "/out"):
        if store.exists(folder):
            store.rm(folder, recursive=True)


def test_an_object_that_somebody_changed_is_done_again(memory):
    from batch_recipes import go

    go("memory://in", "memory://out")
    before = memory.cat_file("/out/p01.sobel-x.png")
    memory.pipe_file("/out/p01.sobel-x.png", b"x" * len(before))
    again = go("memory://in", "memory://out", resume=True)
    assert (again.ok, again.kept) == (1, 11)
    assert memory.cat_file("/out/p01.sobel-x.png") == before


def test_another_machine_takes_up_the_run(memory, tmp_path, monkeypatch):
    from batch_recipes import go

    go("memory://in", "memory://out")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    again = go("memory://in", "memory://out", resume=True)
    assert (again.ok, again.kept) == (0, 12)
    memory.rm_file("/out/.cnnfilter/journal.jsonl")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "third"))
    assert go("memory://in", "memory://out", resume=True).ok == 12


def test_the_copy_of_the_journal_is_not_much_behind(memory, tmp_path, monkeypatch):
    from batch_recipes import go

    from cnnfilter.batch import item, place
    from cnnfilter.batch import run as runs

    monkeypatch.setattr(runs, "COPY_EVERY", 0.0)
    monkeypatch.setattr(runs, "SHARE", 0)
    real, done = item._open, []

    def killed(*words):
        done.append(1)
        if len(done) > 7:
            raise KeyboardInterrupt
        return real(*words)

    monkeypatch.setattr(item, "_open", killed)
    with pytest.raises(KeyboardInterrupt):
        go("memory://in", "memory://out")
    monkeypatch.setattr(item, "_open", real)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert place.status_of("memory://out")["done"] == 7
    again = go("memory://in", "memory://out", resume=True)
    assert (again.ok, again.kept) == (5, 7)


def test_of_two_machines_the_later_one_is_gone_by(memory, tmp_path, monkeypatch):
    from batch_recipes import go

    from cnnfilter.batch.place import status_of

    go("memory://in", "memory://out")  # here
    copy = memory.cat_file("/out/.cnnfilter/journal.jsonl")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert go("memory://in", "memory://out", resume=True).kept == 12
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # here again: another machine went on
    assert status_of("memory://out")["runs"] == 2
    assert go("memory://in", "memory://out", resume=True).kept == 12
    assert status_of("memory://out")["runs"] == 3
    memory.pipe_file("/out/.cnnfilter/journal.jsonl", copy)  # a copy from before: the ledger here knows more
    assert status_of("memory://out")["runs"] == 3
    assert go("memory://in", "memory://out", resume=True).kept == 12
    assert status_of("memory://out")["runs"] == 4


def test_a_bad_line_is_tried_again(monkeypatch):
    monkeypatch.setattr(stores, "WAITS", (0.0, 0.0))
    tries = []

    def shaky():
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("reset")
        return 7

    assert stores.patiently(shaky) == 7
    tries.clear()
    with pytest.raises(FileNotFoundError):
        stores.patiently(lambda: (tries.append(1), open("/nothing/at/all"))[1])  # noqa: PTH123, SIM115
    assert len(tries) == 1


@pytest.fixture
def server(monkeypatch):
    """Start a server that speaks S3 on the loopback interface; point everything at it."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    yield f"http://{host}:{port}"
    running.stop()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_s3_in_s3_out_resumed(photos, tmp_path, run, tree, server):
    boto3 = pytest.importorskip("boto3")
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket="photos")
    for path in photos.rglob("*.png"):
        client.upload_file(str(path), "photos", f"in/{path.relative_to(photos).as_posix()}")
    words = ("s3://photos/in", "-k", "sobel-x", "-o", "s3://photos/out", "-j", "2")
    done = run(*words, env=dict(os.environ))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "ok 12, skipped 0, failed 0"), done.stderr
    client.delete_object(Bucket="photos", Key="out/p01.sobel-x.png")
    again = run(*words, "--resume", env=dict(os.environ))
    assert again.stdout.splitlines()[-1].startswith("ok 1, skipped 11, failed 0"), again.stderr
    for one in client.list_objects_v2(Bucket="photos", Prefix="out/")["Contents"]:
        target = tmp_path / "down" / one["Key"].removeprefix("out/")
        target.parent.mkdir(parents=True, exist_ok=True)
        client.download_file("photos", one["Key"], str(target))
    assert run(photos, "-k", "sobel-x", "-o", tmp_path / "plain", "-j", "2").returncode == 0
    pictures = {name: digest for name, digest in tree(tmp_path / "plain").items() if name.endswith(b".png")}
    assert pictures == {name: digest for name, digest in tree(tmp_path / "down").items() if name.endswith(b".png")}


def test_s3_is_listed_in_pages(monkeypatch):
    names = [f"in/{index:05}.png" for index in range(2500)]
    asked = []

    class Store:
        def call_s3(self, method, **words):
            asked.append(words)
            start = int(words.get("ContinuationToken", 0))
            page = names[start : start + words["MaxKeys"]]
            more = start + len(page) < len(names)
            return {
                "Contents": [{"Key": name, "Size": 1, "ETag": '"e"'} for name in page],
                "IsTruncated": more, "NextContinuationToken": str(start + len(page)),
            }  # fmt: skip

    monkeypatch.setattr(stores, "_store", lambda _: Store())
    found = list(find(parse_roots(["s3://bucket/in"]), Filters(), Skips()))
    assert [one.key for one in found] == [name.removeprefix("in/") for name in names]
    assert found[0].source == "s3://bucket/in/00000.png"
    assert len(asked) == 3
