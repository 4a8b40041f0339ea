"""Packing that is killed or interrupted in the middle: the same call goes on to the same bits."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from published_files import written

from kdm.importing import sample_folder
from kdm.importing.layouts import CIFAR10_CONDITIONAL, pack
from kdm.trajectories import open_trajectories
from kdm.trajectories.draft import Draft

LAYOUT = replace(CIFAR10_CONDITIONAL, shape=(3, 4, 4))
COUNT = 400

COMMAND = """
import sys, time
from dataclasses import replace
from kdm.importing import sample_folder
from kdm.importing.layouts import CIFAR10_CONDITIONAL, pack
sample_folder.GROUP = 20
read = sample_folder.arrays_in
sample_folder.arrays_in = lambda path, names: time.sleep(0.001) or read(path, names)
pack(sys.argv[1], layout=replace(CIFAR10_CONDITIONAL, shape=(3, 4, 4)), out=sys.argv[2])
"""


def rows_done(out) -> int:
    try:
        return json.loads((out.with_name("data.partial") / "progress.json").read_text())["done"]
    except FileNotFoundError:
        return 0


def arrays(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.npy")}


def test_a_killed_packing_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    written(tmp_path / "set", LAYOUT, COUNT)
    out = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", COMMAND, str(tmp_path / "set"), str(out)]) as process:
        deadline = time.monotonic() + 60
        while rows_done(out) == 0:
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    done = rows_done(out)
    assert 0 < done < COUNT
    assert not out.exists()
    read = []
    original = sample_folder.arrays_in
    with monkeypatch.context() as patch:
        patch.setattr(sample_folder, "SAMPLE", 64)
        patch.setattr(sample_folder, "arrays_in", lambda path, names: read.append(path) or original(path, names))
        pack(tmp_path / "set", layout=LAYOUT, out=out)
    assert len(read) == (1 + 64) + (1 + COUNT - done), "a sample, and what was missing"
    pack(tmp_path / "set", layout=LAYOUT, out=tmp_path / "whole")
    assert arrays(out) == arrays(tmp_path / "whole")
    assert len(arrays(out)) == 3
    assert open_trajectories(out).manifest.digest == open_trajectories(tmp_path / "whole").manifest.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "set", "whole"]


@pytest.mark.parametrize("moment", range(3))
def test_a_packing_that_is_terminated_at_a_record_goes_on(tmp_path, monkeypatch, moment):
    monkeypatch.setattr(sample_folder, "GROUP", 16)
    written(tmp_path / "set", LAYOUT, 48)
    record, recorded = Draft.record, []

    def interrupted(draft, rows, done):
        record(draft, rows, done)
        recorded.append(done)
        if len(recorded) == moment + 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Draft, "record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pack(tmp_path / "set", layout=LAYOUT, out=tmp_path / "data")
    assert rows_done(tmp_path / "data") == 16 * (moment + 1)
    resumed = pack(tmp_path / "set", layout=LAYOUT, out=tmp_path / "data")
    whole = pack(tmp_path / "set", layout=LAYOUT, out=tmp_path / "whole")
    np.testing.assert_array_equal(resumed.noise, whole.noise)
    np.testing.assert_array_equal(resumed.labels, whole.labels)
