"""A collection killed in the middle, for real: another process, SIGKILL, and the same command again."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from kdm.teachers import Gaussian
from kdm.trajectories import DataError, collect
from kdm.trajectories.draft import Draft

ROWS, STEPS, SEED = 4096 * 60, 8, 11

COMMAND = f"""
import sys, torch
from kdm.teachers import Gaussian
from kdm.trajectories import collect
torch.set_num_threads(1)
collect(Gaussian.correlated(), {ROWS}, generator=torch.Generator().manual_seed({SEED}), steps={STEPS}, out=sys.argv[1])
"""


def rows_done(out):
    try:
        return json.loads((out.with_name("data.partial") / "progress.json").read_text())["done"]
    except FileNotFoundError:
        return 0


def test_a_killed_collection_goes_on_to_the_same_bits(tmp_path):
    out = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", COMMAND, str(out)]) as process:
        deadline = time.monotonic() + 60
        while rows_done(out) == 0:
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
    assert 0 < rows_done(out) < ROWS
    assert not out.exists()
    made = []

    class Counted(Gaussian):
        def sample_noise(self, n, *, generator):
            made.append(n)
            return super().sample_noise(n, generator=generator)

    gaussian = Gaussian.correlated()
    counted = Counted(mean=gaussian.mean, covariance=gaussian.covariance)
    left = ROWS - rows_done(out)
    resumed = collect(counted, ROWS, generator=torch.Generator().manual_seed(SEED), steps=STEPS, out=out)
    assert sum(made) == left
    whole = collect(gaussian, ROWS, generator=torch.Generator().manual_seed(SEED), steps=STEPS)
    for name in ("noise", "data"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_torn_progress_record_is_named(tmp_path):
    draft = Draft(out=tmp_path / "data", recipe={"n": 3})
    draft.folder.mkdir(parents=True)
    (draft.folder / "progress.json").write_text('{"recipe": {"n"')
    with pytest.raises(DataError, match="is damaged: remove its folder"):
        draft.done  # noqa: B018
