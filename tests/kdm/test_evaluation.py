import numpy as np
import pytest
import torch

from kdm.evaluation import evaluate, fresh_samples, generated, paired_error
from kdm.flows import integrate
from kdm.importing.layouts import CHECKERBOARD, pack
from kdm.teachers import ClassConditional, GaussianMixture, named
from kdm.trajectories import Pairs, Trajectories, collect


class Lookup:
    """A one-step generator that is right about the pairs it knows, up to a shift."""

    def __init__(self, pairs: Pairs, shift: float = 0.0) -> None:
        self.pairs, self.shift = pairs, shift

    def generate(self, noise: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        nearest = torch.cdist(noise, self.pairs.noise).argmin(1)
        return self.pairs.data[nearest] + self.shift


@pytest.fixture(scope="module")
def board() -> Trajectories:
    return collect(named("checkerboard"), 2000, generator=torch.Generator().manual_seed(0), steps=24)


def test_the_paired_error_is_its_equation_and_the_mean_has_error_one(board):
    heldout = board.heldout()

    class Mean:
        def generate(self, noise, labels=None):
            return heldout.data.mean(0).expand(len(noise), 2)

    assert paired_error(Mean(), heldout).relative_rmse == pytest.approx(1.0, abs=1e-6)
    shifted = paired_error(Lookup(heldout, shift=0.3), heldout)
    variance = heldout.data.double().var(0, correction=0).sum().item()
    assert shifted.relative_rmse == pytest.approx(0.3 * 2**0.5 / variance**0.5, rel=1e-5)
    assert shifted.median == pytest.approx(0.3 * 2**0.5, rel=1e-5)


def test_samples_in_batches_are_the_samples(board):
    heldout = board.heldout()
    lookup = Lookup(heldout, shift=0.1)
    torch.testing.assert_close(generated(lookup, heldout.noise, batch=7), lookup.generate(heldout.noise))


def test_a_perfect_generator_is_at_the_floor_and_a_shifted_one_is_not(board):
    pairs = Pairs(noise=torch.tensor(board.noise), data=torch.tensor(board.data))
    perfect = evaluate(Lookup(pairs), board, count=1500)
    shifted = evaluate(Lookup(pairs, shift=0.4), board, count=1500)
    assert perfect.quantities["paired_error"].estimate == 0.0
    assert perfect.quantities["label_agreement"].estimate == 1.0
    assert perfect.quantities["support_distance_excess"].estimate == 0.0
    assert shifted.quantities["support_distance_excess"].low > 0.05
    assert shifted.quantities["off_support_fraction"].low > perfect.floor["off_support_fraction"].high
    assert shifted.quantities["energy_distance"].low > perfect.floor["energy_distance"].high
    assert shifted.quantities["two_sample_accuracy"].low > 0.55 > perfect.floor["two_sample_accuracy"].estimate
    values = perfect.to_json()
    assert set(values["paired_error"]) == {"estimate", "low", "high"}
    assert set(values["floor"]) == {"energy_distance", "sliced_w2", "two_sample_accuracy", "off_support_fraction"}
    assert values["inputs"] == {
        "data": {"digest": board.manifest.digest}, "seed": 0, "samples": 1500, "heldout": 200,
    }  # fmt: skip


def test_the_same_seed_gives_the_same_evaluation(board):
    pairs = Pairs(noise=torch.tensor(board.noise), data=torch.tensor(board.data))
    first, second = (evaluate(Lookup(pairs, shift=0.1), board, count=300, seed=5).to_json() for _ in range(2))
    assert first == second
    assert first["inputs"]["seed"] == 5


def test_imported_pairs_are_compared_with_themselves(tmp_path):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2000, 2)).astype(np.float32)
    data = rng.uniform(0, 20 / 9, (2000, 2)).astype(np.float32)
    np.save(tmp_path / "flow.npy", np.stack([noise, data]))
    packed = pack(tmp_path / "flow.npy", layout=CHECKERBOARD, out=tmp_path / "data")
    assert packed.teacher is None
    measured = evaluate(Lookup(packed.heldout()), packed, count=10_000)
    assert measured.quantities["energy_distance"].n == 200, "as many as there are held-out pairs"
    assert measured.inputs["samples"] == 200
    assert measured.quantities["off_support_fraction"].estimate == 0.0
    assert measured.quantities["label_agreement"].estimate == 1.0


@pytest.fixture(scope="module")
def conditional() -> Trajectories:
    return collect(
        ClassConditional(of=GaussianMixture.ring(3)), 200, generator=torch.Generator().manual_seed(0), steps=12
    )


def test_a_conditional_model_is_asked_for_the_labels_of_its_noise(conditional):
    teacher, asked = conditional.teacher, []

    class Teacher:
        def generate(self, noise, labels=None):
            asked.append(labels)
            return integrate(teacher, noise.double(), steps=12, labels=labels).data.float()

    measured = evaluate(Teacher(), conditional, count=200)
    assert all(labels is not None for labels in asked)
    assert measured.quantities["paired_error"].estimate < 1e-5
    assert measured.quantities["label_agreement"].estimate == 1
    assert measured.quantities["sliced_w2"].estimate < 3 * measured.floor["sliced_w2"].estimate


def test_fresh_samples_of_a_teacher_whose_laws_are_not_known_are_stored_pairs(conditional):
    learned = type("Learned", (ClassConditional,), {"exact": False})(of=conditional.teacher.of)
    stored = type("Stored", (Trajectories,), {"teacher": learned})(**vars(conditional))
    fresh = fresh_samples(stored, count=50, generator=torch.Generator().manual_seed(1))
    heldout = conditional.heldout()
    assert len(fresh.noise) == len(heldout)
    assert torch.equal(fresh.noise, heldout.noise)
    assert torch.equal(fresh.labels, heldout.labels)
