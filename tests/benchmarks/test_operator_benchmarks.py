"""The harness of the operator benchmarks, and that the bare work is the same work; costs are never asserted."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bare, streaming
from benchmarks.__main__ import run
from benchmarks.comparison import at_most, by_modulus, cost_row, eigenvalue_distance, fastest_at_least
from benchmarks.data import written, written_pairs
from benchmarks.dmd import trajectory
from benchmarks.peers.environments import PEERS, Peer, install, interpreter_of
from benchmarks.turns import Contestant, Outcome, peer, taken_in_turns
from koopman_analysis import EDMD, ExactDMD, Monomials, RandomFourier, SnapshotPairs
from koopman_analysis.systems import SlowManifold

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux's /proc")

MEGABYTE = 1e6
ALLOCATING = """
import os, sys, time
sys.path.insert(0, {folder!r})
from pathlib import Path
import numpy as np
from worker import Task, serve

def allocating(folder):
    def work():
        block = np.ones({count})
        time.sleep(0.05)
        return block.sum()
    return Task(work, lambda total: {{"total": total}})

def mapping(folder):
    def work():
        total = float(np.load(folder / "states.npy", mmap_mode="r").sum())
        time.sleep(0.05)
        return total
    return Task(work, lambda total: {{"total": total}})

def failing(folder):
    raise ValueError("no such luck")

def dying(folder):
    times = iter(range(3))
    return Task(lambda: next(times) < 1 or os._exit(7), lambda alive: {{}})

serve({{"allocating": allocating, "mapping": mapping, "failing": failing, "dying": dying}}, distributions=())
"""


def slow_manifold_pairs(count: int) -> SnapshotPairs:
    return SlowManifold().pairs(count, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    "operator",
    [
        lambda *work: bare.operator_by_gram(*work, chunk=300),
        lambda *work: bare.operator_by_tpqrt(*work, chunk=300, panel=8),
        lambda *work: bare.operator_by_geqrf(*work, chunk=300),
    ],
    ids=["products", "tpqrt", "geqrf"],
)
def test_the_bare_operator_is_that_of_edmd(operator):
    pairs = slow_manifold_pairs(1_000)
    assert pairs.n % 300  # the last chunk is shorter
    expected = EDMD(Monomials(5)).fit(pairs)
    # Normal equations lose the square of the condition number.
    tolerance = 1e-13 * expected.moments_.condition() ** 2
    assert tolerance < 1e-6
    found = operator(pairs.before, pairs.after, *bare.monomials(5, 2))
    np.testing.assert_allclose(found, expected.matrix_, rtol=0, atol=tolerance)


def test_the_bare_features_are_those_of_the_dictionaries():
    rng = np.random.default_rng(0)
    states, centres = rng.standard_normal((50, 2)), rng.standard_normal((7, 2))
    dictionary = RandomFourier(8, 1.5, rng=rng)
    distances = np.linalg.norm(states[:, None] - centres, axis=2)
    for (lift, size), expected in (
        (bare.monomials(4, 2), Monomials(4)(states)),
        (bare.waves(dictionary.waves(2)), dictionary(states)),
        (bare.gaussians(centres, 0.6), np.exp(-(distances**2) / (2 * 0.6**2))),
    ):
        block = np.empty((size, len(states)))
        lift(states, block)
        np.testing.assert_allclose(block.T, expected, rtol=1e-12, atol=1e-14)


def test_the_bare_dmd_is_exact_dmd():
    states = trajectory(300, 60, rng=np.random.default_rng(0))
    eigenvalues, modes = bare.exact_dmd(states[:-1], states[1:], 20)
    dmd = ExactDMD(rank=20).fit(SnapshotPairs(before=states[:-1], after=states[1:]))
    assert eigenvalue_distance(eigenvalues, dmd.eigenvalues_) < 1e-11
    for eigenvalue, mode in zip(dmd.eigenvalues_, dmd.modes_, strict=True):
        nearest = modes[np.argmin(np.abs(eigenvalues - eigenvalue))]
        cosine = abs(np.vdot(nearest, mode)) / (np.linalg.norm(nearest) * np.linalg.norm(mode))
        assert cosine == pytest.approx(1, abs=1e-9)


def test_eigenvalues_are_compared_whatever_their_order():
    exact = np.array([1.0, 0.5j, -0.5j])
    found = np.array([-0.5j, 1.01, 0.5j, 0.3])
    assert eigenvalue_distance(found, exact) == pytest.approx(0.01)
    assert eigenvalue_distance(found[1:], exact) > 0.5
    assert eigenvalue_distance(found[:2], exact) == np.inf
    np.testing.assert_array_equal(by_modulus(np.array([0.1, -2.0, 1j])), [-2.0, 1j, 0.1])


def test_costs_are_compared_round_by_round():
    slow, fast = (
        Outcome(name=name, repetitions=[{"cpu": seconds, "peak": 8e6} for seconds in costs])
        for name, costs in (("slow", (2.0, 20.0, 3.0)), ("fast", (1.0, 10.0, 1.0)))
    )
    assert slow.relative_to(fast) == 2
    (goal,) = at_most(1.5, "CPU", slow, fast)
    assert not goal.met
    (goal,) = fastest_at_least(2.0, fast, [slow, Outcome(name="absent", reason="why")])
    assert goal.met
    assert "slow" in goal.quantity
    row = cost_row(slow, yardstick=fast, subject=slow)
    assert (row["× bare"], row["× this library"], row["memory, MB"], row["rounds"]) == (2, 1, 8, 3)


def test_who_takes_no_part_is_a_row_that_says_why_and_no_goal():
    absent, there = Outcome(name="absent", reason="why"), Outcome(name="there", repetitions=[{"cpu": 1.0, "peak": 1}])
    assert cost_row(absent, yardstick=there, subject=there) == {"contestant": "absent", "remark": "why"}
    assert at_most(1.0, "CPU", absent, there) == at_most(1.0, "CPU", there, absent) == []
    assert fastest_at_least(1.0, there, [absent]) == []


def test_memory_is_what_the_work_adds_and_who_ends_early_says_why(tmp_path):
    count = 5_000_000
    np.save(tmp_path / "states.npy", np.zeros(count))
    script = tmp_path / "jobs.py"
    script.write_text(ALLOCATING.format(folder=str(Path(bare.__file__).parent / "peers"), count=count))
    contestants = [
        Contestant(name=job, job=job, script=script, python=Path(sys.executable))
        for job in ("allocating", "mapping", "failing", "dying")
    ]
    allocating, mapping, failing, dying = taken_in_turns(contestants, tmp_path, tmp_path, rounds=2, sampled=True)
    size = 8 * count / MEGABYTE
    assert 0.95 * size < allocating.memory < 1.2 * size
    assert 0.95 * size < allocating.anonymous < 1.2 * size
    assert 0.95 * size < mapping.memory < 1.2 * size
    assert mapping.anonymous < 0.2 * size
    assert len(allocating.repetitions) == 2
    assert (failing.took_part, failing.reason) == (False, "ValueError: no such luck")
    assert (dying.took_part, dying.reason) == (False, "ended with exit status 7")


def test_a_peer_finds_the_eigenvalues_that_this_library_finds(tmp_path):
    folder = written_pairs(tmp_path, SlowManifold(), 500, seed=0, degree=2)
    its = replace(peer("PyDMD", "monomials", tmp_path), python=Path(sys.executable), reason="")
    (theirs,) = taken_in_turns([its], folder, folder, rounds=1)
    mine = EDMD(Monomials(2)).fit(slow_manifold_pairs(500)).eigenpairs().eigenvalues
    assert len(mine) == 6
    assert eigenvalue_distance(theirs.eigenvalues(), mine) < 1e-10
    assert theirs.software is not None
    assert "PyDMD" in theirs.software["versions"]


def test_a_peer_without_an_environment_is_told_how_to_get_one(tmp_path):
    assert interpreter_of(PEERS[0], tmp_path) == (None, "not installed: python -m tests.benchmarks.peers")


def test_a_peer_that_cannot_be_installed_says_why_and_is_tried_again(tmp_path):
    its = Peer(name="Nobody", steps=[])
    assert install(its, tmp_path, interpreter="false") == "exit status 1"
    assert interpreter_of(its, tmp_path) == (None, "exit status 1")
    assert install(its, tmp_path, interpreter="true") == ""
    assert interpreter_of(its, tmp_path) == (tmp_path / "Nobody" / "bin" / "python", "")
    assert install(its, tmp_path, interpreter="false") == ""  # it is there
    newer = replace(its, steps=[["nobody==2"]])
    assert interpreter_of(newer, tmp_path)[1].startswith("not installed")


def test_streamed_states_are_written_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 300)
    folder = streaming.written_states(tmp_path / "states", 1_000)
    before, after = np.load(folder / "before.npy"), np.load(folder / "after.npy")
    assert before.shape == after.shape == (1_000, 2)
    assert len(np.unique(before)) == before.size
    assert np.corrcoef(before[:, 0], after[:, 0])[0, 1] == pytest.approx(np.exp(-0.2), abs=0.1)


def test_the_exponent_of_time_is_that_of_the_size():
    sizes = [100, 1_000, 10_000]
    assert streaming.exponent(sizes, [3 * size**1.2 for size in sizes]) == pytest.approx(1.2)


@pytest.mark.parametrize(
    "name", ["edmd", "edmd_wide", "dmd", "spurious", "devices", pytest.param("streaming", marks=pytest.mark.slow)]
)
def test_a_benchmark_runs_small_and_without_peers(name, tmp_path):
    run((name,), fast=True, work=tmp_path)
    text = (tmp_path / "fast" / f"{name}.md").read_text()
    record = json.loads((tmp_path / "fast" / f"{name}.json").read_text())
    assert record["goals"]
    assert ("not installed: python -m tests.benchmarks.peers" in text) == (name not in {"devices", "streaming"})


def test_settings_lie_beside_the_arrays(tmp_path):
    folder = written(tmp_path / "new", {"centres": np.ones((2, 1))}, scale=0.5)
    assert json.loads((folder / "settings.json").read_text()) == {"scale": 0.5}
    assert np.load(folder / "centres.npy").shape == (2, 1)
