import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import GaussianNB

from kdm.ablations import DirectRegression
from kdm.evaluation import (
    FeatureExtractor,
    OfRange,
    Pixels,
    PointClassifier,
    PrincipalComponents,
    ReferenceStatistics,
    evaluate,
    features_of,
)
from kdm.evaluation.classes import distances_to_points
from kdm.evaluation.reference import COUNTS
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.presets import preset_named
from kdm.teachers import Digits, Empirical, named
from kdm.training.runs import RunFolder
from kdm.trajectories import Trajectories, collect, open_trajectories, save_trajectories
from kdm.verification.baselines import Baselines
from kdm.verification.coordinates import LeadingCoordinates
from kdm.verification.evidence import DIRECT, Evidence
from kdm.verification.experiment import Experiment, Subject, Training
from kdm.verification.quality import with_quality
from koopman_analysis import ArrayLatentModel, SnapshotPairs
from koopman_analysis.claims import Verdict
from koopman_analysis.report import Report
from koopman_analysis.twosample import NormalMoments, classifier_accuracy, squared_frechet


@pytest.fixture(scope="module", autouse=True)
def quick_classifier():
    """The trees that tell samples apart take most of the time of an evaluation, and are tested elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        quick = partial(classifier_accuracy, classifier=GaussianNB())
        patch.setattr("kdm.evaluation.distances.classifier_accuracy", quick)
        yield


@pytest.fixture(scope="module")
def digits() -> Trajectories:
    return collect(named("digits"), 400, generator=torch.Generator().manual_seed(0), steps=12)


@pytest.fixture(scope="module")
def conditional() -> Trajectories:
    """Pairs whose classes were asked for."""
    return collect(named("digits-conditional"), 400, generator=torch.Generator().manual_seed(0), steps=12)


@pytest.fixture(scope="module")
def teacher() -> Digits:
    return Digits()


class Drawn:
    """A generator that looks at no noise: digits of the class that is asked for, blurred towards the mean digit."""

    def __init__(self, teacher: Digits, *, classes: int = 10, blur: float = 0.0, noise: float = 0.1) -> None:
        self.teacher, self.classes, self.blur, self.noise = teacher, classes, blur, noise
        self.asked: list[torch.Tensor] = []

    def generate(self, noise: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        generator = torch.Generator().manual_seed(len(noise))
        rows = torch.randint(len(self.teacher.points), (len(noise),), generator=generator)
        if self.classes and labels is not None:
            self.asked.append(labels)
            scores = torch.rand(len(noise), len(self.teacher.points), generator=generator)
            rows = (scores + (labels[:, None] == self.teacher.classes)).argmax(1)
        drawn = self.teacher.points[rows].float() + self.noise * torch.randn(noise.shape, generator=generator)
        return (1.0 - self.blur) * drawn + self.blur * self.teacher.points.mean(0).float()


@pytest.fixture(scope="module")
def sharp(conditional, teacher):
    return evaluate(Drawn(teacher), conditional, count=250)


@pytest.fixture(scope="module")
def blurred(conditional, teacher):
    return evaluate(Drawn(teacher, blur=0.5), conditional, count=250)


def test_good_images_are_at_the_floor_and_blurred_ones_are_not(sharp, blurred):
    for name in ("frechet_distance", "kernel_distance"):
        assert sharp.quantities[name].low < sharp.floor[name].high
        assert blurred.quantities[name].low > max(0.0, blurred.floor[name].estimate)
    assert blurred.quantities["recall"].high < sharp.quantities["recall"].low
    assert sharp.quantities["frechet_distance_plug_in"].low > sharp.quantities["frechet_distance"].estimate
    assert sharp.floor["sharpness"].estimate == pytest.approx(0.8, abs=0.05)  # .1 √64: the teacher's kernel
    assert sharp.quantities["sharpness"].estimate == pytest.approx(0.8, abs=0.05)
    assert blurred.quantities["sharpness"].low > 1.2
    assert sharp.inputs["features"] == {"extractor": "64 principal components of 360 training images", "width": 64}


def test_few_images_are_told_with_a_note_and_other_states_with_none(sharp):
    assert "of 250 samples, fewer than 10,000" in sharp.notes[0]
    values = json.loads(json.dumps(sharp.to_json()))
    assert values["notes"] == list(sharp.notes)
    assert set(values["precision"]) == {"estimate", "low", "high"}
    assert {"precision", "recall", "kernel_distance", "frechet_distance"} <= set(values["floor"])


def test_a_model_that_is_told_classes_is_judged_by_those_that_were_asked_for(digits, teacher, sharp):
    for name in ("label_agreement", "classifier_agreement"):
        assert sharp.quantities[name].low > 0.9
    assert sharp.floor["label_agreement"].low > 0.9
    data = replace(digits, labels=(digits.labels + 1) % 10)
    told = Drawn(teacher)
    other = evaluate(told, data, count=60)
    assert other.quantities["label_agreement"].low > 0.9
    assert other.floor["label_agreement"].estimate == 0.0
    assert torch.equal(told.asked[0], data.heldout().labels)
    # These labels were read off the data, so that fresh noise has none: the stored noise, with its labels, stands in.
    assert torch.equal(told.asked[1], data.heldout().labels)
    assert other.inputs["samples"] == len(data.heldout())


def test_a_model_that_is_told_nothing_is_judged_by_the_teacher_from_the_same_noise(digits, teacher):
    found = evaluate(Drawn(teacher, classes=0), digits, count=60)
    assert found.quantities["label_agreement"].high < 0.4  # ten classes, at random
    assert "label_agreement" not in found.floor
    assert found.floor["classifier_agreement"].low > 0.97


def test_a_classifier_of_points_has_its_accuracy_on_points_that_it_has_not_seen(teacher):
    judge = PointClassifier.of(teacher, rng=np.random.default_rng(0))
    assert judge.accuracy.estimate > 0.98
    assert (judge.labels(teacher.points) == teacher.classes.numpy()).mean() > judge.accuracy.estimate
    bare = Empirical(points=torch.zeros(5, 2), bandwidth=0.1)
    with pytest.raises(ValueError, match="expected points with classes"):
        PointClassifier.of(bare, rng=np.random.default_rng(0))


def test_the_distance_to_points_is_that_of_the_nearest():
    generator = torch.Generator().manual_seed(1)
    x, p = torch.randn(30, 2, 3, generator=generator) + 100.0, torch.randn(20, 2, 3, generator=generator) + 100.0
    direct = torch.cdist(x.flatten(1).double(), p.flatten(1).double()).min(1).values
    np.testing.assert_allclose(distances_to_points(x, p), direct.numpy(), rtol=1e-9)
    assert distances_to_points(p, p).max() < 1e-6


def test_principal_components_keep_what_varies_and_are_pixels_turned_where_they_are_all():
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(200, 1, 4, 4, generator=generator) * torch.linspace(0.1, 3.0, 16).view(1, 1, 4, 4)
    extractor = PrincipalComponents.of(images, count=5)
    assert isinstance(extractor, FeatureExtractor)
    leading = np.linalg.eigvalsh(np.cov(images.flatten(1).double().numpy().T))[::-1][:5]
    described = features_of(extractor, images, batch=7)
    np.testing.assert_allclose(np.cov(described.T), np.diag(leading), atol=1e-8)
    every, other = PrincipalComponents.of(images), 0.5 * images + 1.0
    parts = [[NormalMoments.of(features_of(e, some)) for some in (images, other)] for e in (every, Pixels())]
    assert squared_frechet(*parts[0]) == pytest.approx(squared_frechet(*parts[1]), rel=1e-6)
    with pytest.raises(ValueError, match="two images and one component or more, got 1 and 64"):
        PrincipalComponents.of(images[:1])


@pytest.fixture
def statistics(tmp_path, digits):
    rows = features_of(Pixels(), torch.tensor(digits.data))
    np.savez(tmp_path / "reference.npz", mu=rows.mean(0), sigma=np.cov(rows.T).astype(np.float32), n=np.array(400))
    return ReferenceStatistics.of_file(tmp_path / "reference.npz")


def test_statistics_of_a_file_are_named_with_their_hash_and_compared_with(digits, teacher, statistics):
    found = evaluate(Drawn(teacher, classes=0), digits, count=130, features=Pixels(), statistics=statistics)
    assert found.inputs["features"] == {"extractor": "pixels", "width": 64}
    assert found.inputs["statistics"] == {"file": "reference.npz", "sha256": statistics.digest, "n": 400}
    quantities = found.quantities
    plug_in = quantities["frechet_distance_to_statistics_plug_in"].estimate
    assert plug_in > quantities["frechet_distance_to_statistics"].estimate
    assert "frechet_distance_to_statistics" in found.floor


def test_fewer_images_than_features_have_distances_at_their_number_only_and_a_note(digits, teacher, statistics):
    found = evaluate(Drawn(teacher, classes=0), digits, count=60, features=Pixels(), statistics=statistics)
    for told in (found.quantities, found.floor):
        assert {"frechet_distance_plug_in", "frechet_distance_to_statistics_plug_in"} <= set(told)
        assert not {"frechet_distance", "frechet_distance_to_statistics"} & set(told)
    assert found.notes[0].startswith(
        "frechet_distance_plug_in and frechet_distance_to_statistics_plug_in: not extrapolated, for 60 samples are too "
        "few for 64 features"
    )
    assert "the extrapolated one" not in "".join(found.notes)


def test_statistics_that_do_not_fit_are_refused(digits, teacher, statistics, tmp_path):
    with pytest.raises(ValueError, match=r"the extractor that 'reference.npz' is of, --inception-weights"):
        evaluate(Drawn(teacher), digits, count=60, statistics=statistics)
    few = PrincipalComponents.of(digits.training().data, count=8)
    with pytest.raises(ValueError, match=r"moments of 8 principal components of 360 training images, got 64 in"):
        evaluate(Drawn(teacher), digits, count=60, features=few, statistics=statistics)
    plane = collect(named("mixture"), 50, generator=torch.Generator().manual_seed(0), steps=4)
    with pytest.raises(ValueError, match=r"expected images to compare by features, got states of shape \(2,\)"):
        evaluate(Drawn(teacher), plane, count=60, features=Pixels())


def test_a_file_of_statistics_without_its_number_is_told_so_and_one_of_something_else_refused(tmp_path):
    assert COUNTS[0] == "n"
    np.savez(tmp_path / "bare.npz", mu=np.zeros(3), sigma=np.eye(3))
    assert ReferenceStatistics.of_file(tmp_path / "bare.npz").to_json()["n"] is None
    np.savez(tmp_path / "other.npz", mean=np.zeros(3))
    np.savez(tmp_path / "pickled.npz", mu=np.array([{}], dtype=object), sigma=np.eye(1))
    np.savez(tmp_path / "wide.npz", mu=np.zeros(3), sigma=np.eye(2))
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("mu sigma")
    for name in ("other", "wide"):
        with pytest.raises(ValueError, match=r"expected arrays mu \(d,\) and sigma \(d, d\)"):
            ReferenceStatistics.of_file(tmp_path / f"{name}.npz")
    for name in ("pickled.npz", "array.npy", "text.npz"):
        with pytest.raises(ValueError, match=r"expected an \.npz archive of plain arrays"):
            ReferenceStatistics.of_file(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        ReferenceStatistics.of_file(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(2) + 1j}, "expected real numbers in mu of .*, got complex128"),
        ({"sigma": np.eye(2).astype("U3")}, "expected real numbers in sigma of .*, got <U3"),
        ({"n": np.array([1, 2])}, r"one whole number of images in n of .*, got int64 of shape \(2,\): leave it out"),
        ({"n": np.array("many")}, r"one whole number of images in n of .*, got <U4 of shape \(\)"),
        ({"count": np.array(0.5)}, r"one whole number of images in count of .*, got float64 of shape \(\)"),
        ({"n": np.array(-3)}, "one whole number of images in n"),
        ({"n": np.array(np.nan)}, "one whole number of images in n"),
    ],
)
def test_statistics_of_other_numbers_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "odd.npz", **{"mu": np.zeros(2), "sigma": np.eye(2)} | arrays)
    with pytest.raises(ValueError, match=message):
        ReferenceStatistics.of_file(tmp_path / "odd.npz")


class Clamped(Pixels):
    """Pixels as an extractor sees them that knows [−1, 1]."""

    low, high = -1.0, 1.0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images.clamp(-1.0, 1.0).flatten(1)


def test_data_outside_the_range_that_an_extractor_knows_are_refused(digits, teacher):
    assert isinstance(Clamped(), OfRange)
    assert not isinstance(Pixels(), OfRange)
    assert float(np.abs(digits.data).max()) > 1.1  # a teacher's images leave the range a little
    inside = evaluate(Drawn(teacher, classes=0), digits, count=60, features=Clamped())
    assert not [note for note in inside.notes if "outside" in note]
    for scale, shift in ((1.0, 100.0), (127.5, 127.5)):
        fresh = Empirical(points=scale * teacher.points + shift, bandwidth=0.1)
        data = collect(fresh, 100, generator=torch.Generator().manual_seed(0), steps=4)
        with pytest.raises(ValueError, match=r"values between -1 and 1, got data between .* much lies outside: pixels"):
            evaluate(Drawn(teacher, classes=0), data, count=60, features=Clamped())


def test_samples_outside_the_range_that_an_extractor_knows_are_told_with_a_note(digits, teacher):
    found = evaluate(Drawn(teacher, classes=0, noise=40.0), digits, count=60, features=Clamped())
    assert [note for note in found.notes if "of the values of the model's samples lie outside the range" in note]


def packed(n: int, *, folder) -> Trajectories:
    """Pairs of 4 × 4 pixels of which nobody knows the law."""
    rng = np.random.default_rng(0)
    noise = 80.0 * rng.standard_normal((n, 4, 4)).astype(np.float32)
    save_trajectories(
        folder, noise=noise, data=np.tanh(noise / 80.0), times=(80.0, 0.002), time_name="sigma",
        source={"kind": "packed", "layout": "x"},
    )  # fmt: skip
    return open_trajectories(folder)


class Right:
    def generate(self, noise: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return torch.tanh(noise / 80.0)


@pytest.mark.parametrize(("pairs", "heldout"), [(1000, 100), (50, 5)])
def test_data_of_no_known_law_are_told_to_be_training_rows_and_few(pairs, heldout, tmp_path, digits, teacher):
    found = evaluate(Right(), packed(pairs, folder=tmp_path / "data"), count=200)
    assert found.inputs["samples"] == heldout
    told = found.to_json()["notes"]
    assert told[0].startswith("the law of the data is not known: samples are compared with training rows, which")
    assert told[1] == f"{heldout} samples are compared, not 200: their noise is that of held-out pairs"
    left_out = "two_sample_accuracy, precision and recall take 10 samples, and are left out" in told
    assert left_out == (heldout < 10)
    assert left_out == (not {"two_sample_accuracy", "precision", "recall"} & set(found.quantities))
    assert "training rows" not in "".join(evaluate(Drawn(teacher, classes=0), digits, count=20).notes)


def experiment_of(data: Trajectories, folder, *, trained: bool) -> Experiment:
    model = ArrayLatentModel(
        encode_noise=lambda x: x, encode_data=lambda y: y, matrix=np.eye(64), decode=lambda z: z, shared_encoder=True
    )
    network = ResidualMLPConfig(width=4, blocks=1).built((8, 8), (8, 8))
    direct = DirectRegression(network, shape=(8, 8), scaling=Scaling(noise=80.0, data_mean=0.0, data=1.0))
    config = preset_named("cifar10").distillation
    return Experiment(
        subject=Subject(name="a model", model=model, history="was made up"), data=data,
        training=Training(run=RunFolder(folder), config=config, direct=direct) if trained else None,
    )  # fmt: skip


def evidence_of(teacher: Digits, *, blur: float, n: int = 600) -> Evidence:
    noise = torch.zeros(n, 8, 8)

    def rows(seed: int, blur: float) -> np.ndarray:
        drawn = Drawn(teacher, blur=blur).generate(torch.zeros(n + seed, 8, 8))[:n]
        return drawn.flatten(1).double().numpy()

    some = noise.flatten(1).double().numpy()
    return Evidence(
        heldout=SnapshotPairs(before=some[:5], after=some[:5]), classes=None, prediction=some[:5],
        baselines=Baselines(equal={}, larger={}, edmd={}, coordinates=LeadingCoordinates.of(some)),
        predictions={}, samples=rows(0, blur),
        reference=rows(1, 0.0), second=rows(2, 0.0), rivals={DIRECT: rows(3, 0.4)}, coarse={}, fresh=True,
        latent_trajectories=None,
    )  # fmt: skip


@pytest.mark.parametrize(("blur", "verdict"), [(0.1, Verdict.SUPPORTED), (0.7, Verdict.REFUTED)])
def test_a_page_of_images_says_whether_they_are_better_than_direct_regression(digits, teacher, tmp_path, blur, verdict):
    experiment, evidence = experiment_of(digits, tmp_path, trained=True), evidence_of(teacher, blur=blur)
    page = with_quality(Report(title="images"), experiment, evidence, rng=np.random.default_rng(0))
    claim = page.claims["better_than_distillation"]
    assert claim.verdict is verdict
    assert claim.because.endswith("; both minimise LPIPS between samples, and each has a critic of its own")
    assert all(control.behaves for control in claim.controls)
    (table,) = page.tables
    assert {row[0] for row in table.rows} == {"model", DIRECT, "second sample of the data"}
    assert page.figure("quality").axes


def test_a_model_trained_elsewhere_has_no_distillation_to_be_better_than(digits, teacher, tmp_path):
    experiment, evidence = experiment_of(digits, tmp_path, trained=False), evidence_of(teacher, blur=0.1)
    page = with_quality(Report(title="images"), experiment, evidence, rng=np.random.default_rng(0))
    assert page.claims["better_than_distillation"].because.startswith("not applicable: the model was trained elsewhere")


@pytest.mark.parametrize("pairs", [8, 20, 60])
def test_of_fewer_held_out_images_than_features_the_page_has_plug_ins_and_no_verdict(digits, teacher, tmp_path, pairs):
    experiment, evidence = experiment_of(digits, tmp_path, trained=True), evidence_of(teacher, blur=0.1, n=pairs)
    page = with_quality(Report(title="images"), experiment, evidence, rng=np.random.default_rng(0))
    because = page.claims["better_than_distillation"].because
    assert because.startswith("not applicable: expected more than ")
    assert "take 69 samples or more" in because or pairs < 40  # of fewer groups more samples are in each
    assert page.tables[0].columns[1] == "Plug-in [95 %]"
    assert "of too few samples to be extrapolated" in page.tables[0].note
    assert page.figure("quality").axes[0].get_xlabel().startswith("Plug-in F²")
