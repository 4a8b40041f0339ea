"""Teachers with a flow a class, and the points that have a name."""

import math

import numpy as np
import pytest
import torch

from kdm import teachers
from kdm.__main__ import main
from kdm.flows import integrate, solver_error
from kdm.jacobians import flow_derivative
from kdm.teachers import ClassConditional, Digits, Empirical, Gaussian, GaussianMixture, Patches
from kdm.trajectories import collect, collection, open_trajectories


def seeded(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def mixture():
    """A component of each is a Gaussian whose flow is known."""
    return GaussianMixture(
        weights=torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64),
        means=torch.tensor([[0.0, 1.0], [2.0, -1.0], [-1.5, 0.5]], dtype=torch.float64),
        covariances=torch.tensor(
            [[[0.5, 0.2], [0.2, 0.3]], [[0.1, 0.0], [0.0, 0.4]], [[0.3, -0.1], [-0.1, 0.2]]], dtype=torch.float64
        ),
        sigma_noise=40.0,
        sigma_data=0.01,
    )


@pytest.fixture
def teacher(mixture):
    return ClassConditional(of=mixture)


def test_every_row_is_carried_by_the_flow_of_its_class_alone(teacher, mixture):
    labels = teacher.sample_conditions(60, generator=seeded())
    noise = teacher.given(labels).sample_noise(60, generator=seeded())
    data = integrate(teacher, noise, steps=200, labels=labels, chunk=25).data
    for label in range(3):
        rows = labels == label
        gaussian = Gaussian(
            mean=mixture.means[label], covariance=mixture.covariances[label], sigma_noise=40.0, sigma_data=0.01
        )
        assert rows.sum() > 3
        torch.testing.assert_close(data[rows], gaussian.flow(noise[rows]), rtol=0, atol=1e-3)
    assert (integrate(mixture, noise, steps=200).data - data).norm(dim=1).median() > 0.1


def test_the_law_of_rows_with_labels_is_that_of_their_classes(teacher, mixture):
    labels = torch.tensor([2, 0, 0, 1, 2])
    law = teacher.given(labels)
    x = law.sample(5, sigma=0.7, generator=seeded())
    velocities, jacobians = law.velocity_jacobian(x, 0.7)
    tangents = torch.eye(2, dtype=torch.float64)[:, None].expand(-1, 5, -1)
    along = law.velocity_jvp(x, 0.7, tangents)[1]
    for row, label in enumerate(labels.tolist()):
        one, alone = mixture.of_class(label), x[row : row + 1]
        torch.testing.assert_close(law.denoise(x, 0.7)[row], one.denoise(alone, 0.7)[0])
        torch.testing.assert_close(law.log_density(x, 0.7)[row], one.log_density(alone, 0.7)[0])
        torch.testing.assert_close(velocities[row], one.velocity(alone, 0.7)[0])
        torch.testing.assert_close(jacobians[row], one.velocity_jacobian(alone, 0.7)[1][0])
        torch.testing.assert_close(along[:, row], one.velocity_jacobian(alone, 0.7)[1][0])


def test_noise_is_that_of_the_class(mixture):
    labels = torch.arange(3).repeat(4000)
    near = ClassConditional(of=GaussianMixture(**{**vars(mixture), "sigma_noise": 1.0}))
    noise = near.given(labels).sample_noise(12_000, generator=seeded())
    for label in range(3):
        expected, spread = mixture.means[label], (1 + mixture.covariances[label].diagonal()).sqrt()
        assert ((noise[labels == label].mean(0) - expected).abs() < 4.5 * spread / math.sqrt(4000)).all()


def test_labels_are_asked_for_as_often_as_they_occur():
    digits = Digits()
    labels = ClassConditional(of=digits).sample_conditions(20_000, generator=seeded())
    shares = digits.classes.bincount() / len(digits.classes)
    found = labels.bincount() / 20_000
    assert ((found - shares).abs() < 4.5 * (shares * (1 - shares) / 20_000).sqrt()).all()


def test_a_digit_that_was_asked_for_is_one_of_its_class():
    teacher = teachers.named("digits-conditional")
    data = collect(teacher, 60, generator=seeded(), steps=24)
    assert data.conditional
    assert set(data.labels.tolist()) == set(range(10))
    np.testing.assert_array_equal(teacher.labels(torch.from_numpy(data.data)).numpy(), data.labels)
    assert not collect(Digits(), 10, generator=seeded(), steps=1).conditional


def test_the_command_collects_labels_that_are_conditions(tmp_path, capsys):
    main(["collect", "digits-conditional", "--out", str(tmp_path / "data"), "--pairs", "20", "--steps", "2"])
    assert "20 pairs in" in capsys.readouterr().out
    opened = open_trajectories(tmp_path / "data")
    assert opened.conditional
    assert opened.teacher.config() == teachers.named("digits-conditional").config()


def test_the_manifest_says_that_labels_are_conditions(teacher, mixture):
    asked = collect(teacher, 10, generator=seeded(), steps=1).manifest.source
    assert asked["labels"] == "conditions"
    assert asked["teacher"] == {"kind": "class-conditional", **{
        name: mixture.config()[name] for name in ("sigma_noise", "sigma_data")
    }, "of": mixture.config()}  # fmt: skip
    assert "labels" not in collect(mixture, 10, generator=seeded(), steps=1).manifest.source


def test_an_interrupted_conditional_collection_goes_on_to_the_same_bits(tmp_path, teacher, monkeypatch):
    monkeypatch.setattr(collection, "GROUP", 16)
    whole = collect(teacher, 40, generator=seeded(), steps=3)
    calls = []

    def interrupted(teacher, noise, **options):
        calls.append(len(noise))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return integrate(teacher, noise, **options)

    with monkeypatch.context() as patched:
        patched.setattr(collection, "integrate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            collect(teacher, 40, generator=seeded(), steps=3, out=tmp_path / "data")
    assert calls == [16, 16]
    resumed = collect(teacher, 40, generator=seeded(), steps=3, out=tmp_path / "data")
    for name in ("noise", "data", "labels"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))


def test_the_solver_is_measured_on_the_flow_of_the_labels(teacher):
    labels = teacher.sample_conditions(30, generator=seeded())
    noise = teacher.given(labels).sample_noise(30, generator=seeded())
    assert 0 < solver_error(teacher, noise, steps=20, labels=labels).median < 0.1


def test_points_of_a_class_are_a_law_of_their_own():
    digits = Digits()
    fours = digits.of_class(4)
    assert len(fours.points) == int((digits.classes == 4).sum())
    assert (fours.bandwidth, fours.sigma_noise) == (digits.bandwidth, digits.sigma_noise)


def test_a_class_that_is_not_there_is_refused(mixture):
    gap = Empirical(points=torch.zeros(3, 2), bandwidth=0.1, classes=torch.tensor([0, 2, 2]))
    assert gap.class_weights().tolist() == pytest.approx([1 / 3, 0, 2 / 3])
    for label in (1, 3):
        with pytest.raises(ValueError, match=f"expected a class that has points, below 3, got {label}"):
            gap.of_class(label)
    with pytest.raises(ValueError, match="expected a component below 3, got 3"):
        mixture.of_class(3)
    with pytest.raises(ValueError, match=r"expected labels among \[0, 2\], got \[1\]"):
        ClassConditional(of=gap).given(torch.tensor([0, 1, 2]))


def test_rows_without_their_labels_have_no_flow(teacher):
    noise = torch.zeros(4, 2, dtype=torch.float64)
    with pytest.raises(ValueError, match="expected the labels of the rows, for each class has its own flow, got none"):
        integrate(teacher, noise, steps=2)
    with pytest.raises(ValueError, match="expected the 3 rows whose labels are given, got 4"):
        teacher.given(torch.tensor([0, 1, 1])).denoise(noise, 1.0)
    with pytest.raises(ValueError, match="expected a teacher with one flow for all rows, got a conditional one"):
        flow_derivative(teacher, noise, steps=2)


def test_a_teacher_without_classes_is_refused():
    with pytest.raises(ValueError, match="expected a teacher with classes, got one of kind 'empirical' without"):
        ClassConditional(of=Empirical(points=torch.zeros(3, 2), bandwidth=0.1))
    with pytest.raises(ValueError, match="expected a teacher of one of the kinds mixture, .*, got 'gaussian'"):
        ClassConditional.from_parameters({"of": {"kind": "gaussian"}})


@pytest.fixture(scope="module")
def patches():
    return Patches()


def test_patches_are_squares_of_two_photographs_with_pixels_between_minus_one_and_one(patches):
    from sklearn.datasets import load_sample_image

    assert patches.points.shape == (7700, 3, 32, 32)
    assert patches.classes.bincount().tolist() == [3850, 3850]
    assert patches.points.abs().max() <= 1
    last = load_sample_image("flower.jpg")[49 * 8 : 49 * 8 + 32, 76 * 8 : 76 * 8 + 32].transpose(2, 0, 1)
    np.testing.assert_array_equal(((patches.points[-1] + 1) * 127.5).round().numpy(), last)


@pytest.mark.slow
def test_most_patches_are_further_apart_than_the_bandwidth_and_the_nearest_are_not(patches):
    centred = patches.points.flatten(1) - patches.points.flatten(1).mean(0)
    squares, nearest = centred.square().sum(1), []
    for some in torch.arange(len(centred)).split(1000):
        between = squares[some, None] + squares - 2 * centred[some] @ centred.T
        between[torch.arange(len(some)), some] = math.inf
        nearest.append(between.amin(1))
    apart = (torch.cat(nearest).clamp(min=0) / 3072).sqrt()
    median, hundredth = float(apart.median()), float(apart.quantile(0.01))
    assert hundredth < patches.bandwidth < median
    assert (round(median, 2), round(hundredth, 2)) == (0.07, 0.01)


@pytest.mark.slow
def test_the_steps_of_patches_err_by_a_third_of_a_grey_level(patches):
    noise = patches.sample_noise(16, generator=seeded(0))
    error = solver_error(patches, noise, steps=patches.steps).median
    assert error == pytest.approx(0.14, abs=0.02)
    assert error / math.sqrt(3072) / (2 / 255) == pytest.approx(1 / 3, abs=0.05)


def test_points_that_have_a_name_are_not_repeated_in_a_configuration(patches):
    assert patches.config() == {"kind": "patches32", "sigma_noise": 80.0, "sigma_data": 0.002, "bandwidth": 0.05}
    again = teachers.teacher_from_config(patches.config())
    assert torch.equal(again.points, patches.points)
    assert (again.steps, again.together) == (24, 512)


def test_a_patch_is_collected_near_one_of_the_photographs(patches):
    few = Empirical(points=patches.points[::100], classes=patches.classes[::100], bandwidth=patches.bandwidth)
    data = collect(few, 12, generator=seeded(), steps=24)
    nearest = torch.cdist(torch.from_numpy(data.data).flatten(1), few.points.flatten(1)).amin(1) / math.sqrt(3072)
    # A kernel of the bandwidth at each point, and the points themselves are ten times as far from each other.
    assert (nearest < 2 * patches.bandwidth).all()
    assert data.data.shape == (12, 3, 32, 32)
