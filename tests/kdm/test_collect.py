"""Collecting: exact pairs of the flow, the same however they were made."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from kdm.flows import integrate
from kdm.teachers import Checkerboard, Gaussian, GaussianMixture
from kdm.trajectories import DataError, collect, collection, open_trajectories

N = 70


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch):
    monkeypatch.setattr(collection, "GROUP", 16)


def seeded(seed=5):
    return torch.Generator().manual_seed(seed)


def arrays(trajectories):
    return {name: getattr(trajectories, name) for name in ("noise", "data", "trajectory", "labels")}


def assert_same(one, other):
    for name, array in arrays(one).items():
        np.testing.assert_array_equal(array, getattr(other, name))


@dataclass(frozen=True, kw_only=True, eq=False)
class Interrupted(Checkerboard):
    """A checkerboard whose evaluation is interrupted once, after `allowed` calls."""

    allowed: int
    error: BaseException = field(default_factory=KeyboardInterrupt)
    calls: list = field(default_factory=list)

    def denoise(self, x, sigma):
        self.calls.append(sigma)
        if len(self.calls) == self.allowed:
            raise self.error
        return super().denoise(x, sigma)


def test_the_collected_pairs_are_pairs_of_the_flow():
    teacher = GaussianMixture.ring()
    collected = collect(teacher, N, generator=seeded(), steps=12)
    noise = torch.tensor(collected.noise, dtype=torch.float64)
    assert noise.std() > 40
    flowed = integrate(teacher, noise, steps=12).data
    torch.testing.assert_close(torch.tensor(collected.data), flowed.float(), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(collected.labels, teacher.labels(torch.tensor(collected.data)))


def test_the_noise_is_drawn_from_the_teachers_own_noise_end():
    teacher = Gaussian(
        mean=torch.tensor([300.0, 0.0], dtype=torch.float64), covariance=torch.eye(2, dtype=torch.float64)
    )
    noise = collect(teacher, 2000, generator=seeded(), steps=1).noise
    assert noise.mean(0) == pytest.approx([300, 0], abs=4.5 * 80 / 2000**0.5)
    assert noise.std(0) == pytest.approx([80, 80], rel=4.5 / (2 * 2000) ** 0.5)
    assert len(np.unique(noise[:, 0])) == 2000


def test_the_seed_decides():
    teacher = GaussianMixture.ring()
    one, same, other = (collect(teacher, N, generator=seeded(s), steps=3) for s in (5, 5, 6))
    assert_same(one, same)
    assert not np.array_equal(one.noise, other.noise)


def test_more_trajectories_begin_with_the_fewer():
    teacher = GaussianMixture.ring()
    few, many = (collect(teacher, n, generator=seeded(), steps=3) for n in (48, N))
    np.testing.assert_array_equal(many.data[:48], few.data)


def test_on_disk_and_in_memory_are_the_same(tmp_path):
    teacher = Checkerboard()
    here = collect(teacher, N, generator=seeded(), steps=4, keep=range(0, 5, 2))
    there = collect(teacher, N, generator=seeded(), steps=4, keep=range(0, 5, 2), out=tmp_path / "data")
    assert_same(here, there)
    assert here.trajectory.shape == (N, 3, 2)
    np.testing.assert_array_equal(here.trajectory[:, 0], here.noise)
    np.testing.assert_array_equal(here.trajectory[:, -1], here.data)
    assert here.folder is None
    assert there.folder == tmp_path / "data"
    assert there.support == teacher.support
    assert there.teacher.config() == teacher.config()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_the_manifest_says_how_the_data_were_made_and_how_well(tmp_path):
    manifest = collect(Checkerboard(), N, generator=seeded(), steps=8, out=tmp_path / "data").manifest
    assert manifest.n == N
    assert manifest.heldout == 7
    assert manifest.times == (80.0, 0.002)
    assert manifest.time_name == "sigma"
    assert manifest.permutation_seed is None
    assert manifest.solver["steps"] == 8
    assert manifest.solver["error"]["reference_steps"] == 32
    assert 0.01 < manifest.solver["error"]["median"] < 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("the power went")], ids=["ctrl-c", "crash"])
@pytest.mark.parametrize("allowed", [3, 20, 37])
def test_an_interrupted_collection_goes_on_to_the_same_bits(tmp_path, allowed, error):
    whole = collect(Checkerboard(), N, generator=seeded(), steps=4)
    teacher = Interrupted(allowed=allowed, error=error)
    with pytest.raises(type(error)):
        collect(teacher, N, generator=seeded(), steps=4, out=tmp_path / "data")
    assert [path.name for path in tmp_path.iterdir()] == ["data.partial"]
    assert len(teacher.calls) == allowed
    resumed = collect(teacher, N, generator=seeded(), steps=4, out=tmp_path / "data")
    assert_same(resumed, whole)
    # Each group takes 8 evaluations; the groups that were done are not made again.
    done = (allowed - 1) // 8
    error_evaluations = 2 * 4 * (1 + 4)
    assert len(teacher.calls) - allowed == (5 - done) * 8 + error_evaluations
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_finished_data_set_is_opened_and_not_made_again(tmp_path):
    teacher = Interrupted(allowed=-1)
    first = collect(teacher, N, generator=seeded(), steps=4, out=tmp_path / "data")
    calls = len(teacher.calls)
    again = collect(teacher, N, generator=seeded(), steps=4, out=tmp_path / "data")
    assert calls > 0
    assert len(teacher.calls) == calls
    assert again.manifest == first.manifest


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 6}, "seed"),
        ({"n": 80}, "n"),
        ({"steps": 5}, "solver.steps"),
        ({"teacher": Checkerboard(cell=1.0)}, "source.teacher.cell"),
    ],
)
def test_another_experiment_in_the_folder_is_not_overwritten(tmp_path, change, named):
    asked = {"teacher": Checkerboard(), "n": N, "steps": 4, "seed": 5}

    def made(**arguments):
        seed = arguments.pop("seed")
        return collect(**arguments, generator=seeded(seed), out=tmp_path / "data")

    before = made(**asked).manifest
    with pytest.raises(
        DataError,
        match=rf"data' already holds another data set \(it differs in {named}\): remove it",
    ):
        made(**{**asked, **change})
    assert open_trajectories(tmp_path / "data").manifest == before


def test_what_a_kill_in_the_middle_of_a_record_leaves_does_not_survive(tmp_path):
    (tmp_path / "data.partial").mkdir()
    (tmp_path / "data.partial" / ".progress.json.4321.partial").write_text('{"rec')
    (tmp_path / "data.partial" / "noise.npy").write_bytes(b"half an array")
    teacher = Checkerboard()
    collected = collect(teacher, N, generator=seeded(), steps=4, out=tmp_path / "data")
    assert_same(collected, collect(teacher, N, generator=seeded(), steps=4))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "data.npy", "labels.npy", "manifest.json", "noise.npy",
    ]  # fmt: skip


def test_another_unfinished_experiment_is_not_overwritten(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        collect(Interrupted(allowed=20), N, generator=seeded(), steps=4, out=tmp_path / "data")
    with pytest.raises(DataError, match=r"unfinished \(it differs in seed\): finish it with the command that began it"):
        collect(Checkerboard(), N, generator=seeded(6), steps=4, out=tmp_path / "data")
    assert len(collect(Checkerboard(), N, generator=seeded(), steps=4, out=tmp_path / "data")) == N


def test_an_unfinished_experiment_that_was_damaged_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        collect(Interrupted(allowed=20), N, generator=seeded(), steps=4, out=tmp_path / "data")
    (tmp_path / "data.partial" / "data.npy").unlink()
    with pytest.raises(DataError, match=r"data\.partial' is damaged .*: remove it and begin again"):
        collect(Checkerboard(), N, generator=seeded(), steps=4, out=tmp_path / "data")


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state().clone()
    collect(GaussianMixture.ring(), N, generator=seeded(), steps=2)
    assert torch.equal(before, torch.get_rng_state())


def test_progress_is_drawn_on_the_error_stream_only_when_asked_for(capfd):
    collect(GaussianMixture.ring(), N, generator=seeded(), steps=2)
    assert capfd.readouterr() == ("", "")
    collect(GaussianMixture.ring(), N, generator=seeded(), steps=2, progress=True)
    out, drawn = capfd.readouterr()
    assert out == ""
    assert "collecting" in drawn


def test_a_teacher_that_gives_nonsense_is_refused(tmp_path):
    @dataclass(frozen=True, kw_only=True, eq=False)
    class Broken(Checkerboard):
        def denoise(self, x, sigma):
            return torch.full_like(x, torch.nan)

    with pytest.raises(DataError, match="data collected from the teacher 'checkerboard' is not finite in row 0"):
        collect(Broken(), N, generator=seeded(), steps=2, out=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_too_few_to_hold_out_a_tenth_are_refused():
    with pytest.raises(DataError, match="there are 9 trajectories: expected at least 10"):
        collect(GaussianMixture.ring(), 9, generator=seeded(), steps=2)
