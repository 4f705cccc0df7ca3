"""The same bits from any thread and any process, alone or at the same time."""

import copy
import multiprocessing
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from concurrent_jobs import do, jobs
from threadpoolctl import threadpool_info

import cnnfilter
from cnnfilter.core.blas import begin_in_one_thread, blas_in_one_thread


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_eight_threads_give_the_bits_of_one():
    before, todo = blas_threads(), jobs()
    alone = [do(job) for job in todo]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(do, todo)) == alone
    assert blas_threads() == before


def test_a_second_thread_holds_blas_to_one_thread():
    found = []

    def look():
        with blas_in_one_thread():
            found.append(blas_threads())

    look()
    other = threading.Thread(target=look, daemon=True)
    other.start()
    other.join()
    assert found == [[1] * len(found[0])] * 2


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_give_the_same_bits(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    todo = jobs()[-3:] + jobs()[:4]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        assert list(pool.map(do, todo, timeout=100)) == [do(job) for job in todo]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_process_that_forks_while_threads_compute():
    todo, stop = jobs(), threading.Event()

    def compute():
        while not stop.is_set():
            do(todo[-3])

    busy = [threading.Thread(target=compute) for _ in range(2)]
    for thread in busy:
        thread.start()
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
            got = pool.submit(do, todo[1]).result(timeout=60)
    finally:
        stop.set()
        for thread in busy:
            thread.join()
    assert got == do(todo[1])


@pytest.mark.parametrize("name", cnnfilter.__all__)
def test_everything_public_pickles(name):
    thing = getattr(cnnfilter, name)
    assert pickle.loads(pickle.dumps(thing)) is thing or thing == cnnfilter.__version__
    assert copy.deepcopy(thing) is thing


def test_kernels_banks_and_errors_pickle():
    for again in (pickle.loads(pickle.dumps(kernel := cnnfilter.load_kernel("sobel-x"))), copy.deepcopy(kernel)):
        assert (again.name, again.weights.tolist()) == (kernel.name, kernel.weights.tolist())
        assert not again.weights.flags.writeable
    bank = pickle.loads(pickle.dumps(cnnfilter.load_kernel("gaussian:sigma=1|2")))
    assert [kernel.name for kernel in bank] == ["gaussian-sigma1", "gaussian-sigma2"]
    with pytest.raises(cnnfilter.CnnFilterError) as caught:
        cnnfilter.load_kernel("no-such-file.yaml")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))


def test_variables_that_come_after_numpy_are_not_believed(monkeypatch):
    """BLAS read them when it was loaded; here it was loaded with all its threads."""
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    begin_in_one_thread()
    with blas_in_one_thread():
        assert set(blas_threads()) == {1}
