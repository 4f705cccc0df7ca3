"""A million names, simulated: memory stays bounded and every name is there."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")

SCRIPT = """
import sys, time
from pathlib import Path
from cnnfilter.batch.inputs import Found
from cnnfilter.batch.ledger import Ledger
from cnnfilter.batch.records import Record, Written
from cnnfilter.batch.plan import write_plan
from cnnfilter.run.outputs import Endings

count, folder = int(sys.argv[1]), Path(sys.argv[2])
began = time.process_time()

def names():
    for n in range(count):
        key = f"year-{n // 100000:02}/day-{n // 1000:04}/photo-{n:07}.{'png' if n % 2 else 'jpg'}"
        yield Found(key, "/photos/" + key, 300000, str(1700000000000000000 + n), "/photos/" + key)

ledger = Ledger(folder / "ledger")
with ledger.renewing(fresh=True):
    assert write_plan(ledger, names(), Endings([("sobel-x", "png")]), root=None) == count
    ledger.begin({"job": "j", "planned": count})
ledger.follow()
planned = time.process_time()
row = {"kernel": "sobel-x", "spec": "sobel-x", "shape": [510, 510], "min": -900.0, "max": 900.0, "mean": 0.5,
       "nonzero": 250000, "nan": 0, "infinite": 0, "display": "abs 0..255"}
for _, item in ledger.items():
    path = f"{item.folder}/{item.stem}.sobel-x.png"
    ledger.add(Record("j", item.key, item.size, item.stamp, "ok", "", (Written(path, 9, "f" * 32),), (row,)))
ledger.close()
recorded = time.process_time()
with Ledger(folder / "ledger") as ledger:
    assert ledger.counts("j") == {"ok": count}
    assert sum(ledger.get(item.key) is not None for _, item in ledger.items()) == count
found = time.process_time()
status = Path("/proc/self/status").read_text()  # getrusage would tell of the process before exec, too
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(*(f"{name} {end - start:.1f} s" for name, start, end in (
    ("plan", began, planned), ("record", planned, recorded), ("resume", recorded, found))), file=sys.stderr)
print(peak)
"""


def peak(count, folder):
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(count), str(folder)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sys.stderr.write(done.stderr)
    return float(done.stdout)


def test_twenty_thousand_names(tmp_path):
    assert peak(20_000, tmp_path / "small") < 150


@pytest.mark.by_hand
def test_a_million_names_take_less_than_half_a_gigabyte(tmp_path):
    assert peak(1_000_000, tmp_path / "large") < 500
