"""Outcomes arrive whole, however long they are."""

import pytest

from cnnfilter.batch import item
from cnnfilter.batch.item import Job, failed
from cnnfilter.batch.place import place_of
from cnnfilter.batch.recipe import Convolve
from cnnfilter.batch.records import Planned
from cnnfilter.library import load_kernels
from cnnfilter.run.options import Options


@pytest.fixture
def job(tmp_path):
    (tmp_path / ".cnnfilter").mkdir()
    return Job(Convolve(kernels=tuple(load_kernels("sobel-x")), options=Options()), place_of(str(tmp_path)), "d")


def outcome_of(job, reason):
    return failed(job, Planned("a.png", "/a.png", 1, "2", "", "a"), reason)


@pytest.mark.parametrize("length", [10, 3000, 4096, 100_000])
def test_an_outcome_comes_out_as_it_went_in(job, tmp_path, length):
    sent = outcome_of(job, "x" * length)
    packed = item.pack(job, 7, sent)
    assert len(packed) <= item.SHORT
    assert item.unpack(packed) == sent
    assert not list((tmp_path / ".cnnfilter").iterdir())


def test_without_room_for_it_the_run_stops(job):
    elsewhere = Job(job.recipe, place_of("/nowhere/at/all"), "d")
    arrived = item.unpack(item.pack(elsewhere, 7, outcome_of(job, "x" * 100_000)))
    assert arrived.stop
    assert "cannot write" in arrived.record.reason
