"""The study of distances beside their controls, and the claim that it decides."""

import jaxtyping
import numpy as np
import pytest

from koopman_analysis.checks import CLASS, ROTATED, known_answers, semantic_beyond_controls
from koopman_analysis.claims import Verdict
from koopman_analysis.correlation import PairPearson, PairSpearman
from koopman_analysis.semantics import (
    LATENT,
    RANDOM,
    ClassQuestion,
    DistanceQuestion,
    EuclideanDistance,
    LabelDistance,
    Objects,
    SameClass,
    crossed,
    semantic_study,
)
from koopman_analysis.similarity import NeighbourAgreement, SameClassAuroc, euclidean_distances

N = 80
AUROC = ClassQuestion(measure=SameClass(), statistic=SameClassAuroc())
NEIGHBOURS = ClassQuestion(measure=SameClass(), statistic=NeighbourAgreement(neighbours=5))


@pytest.fixture
def unchecked(monkeypatch):
    """Arguments of wrong types arrive, as they do outside of tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def noise_and_labels(seed=0):
    """Noise whose class is the sign of its first coordinate, among nine that say nothing; random encoders of it."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((N, 10))
    labels = (noise[:, 0] > 0).astype(np.int64)
    random = [np.tanh(noise @ rng.standard_normal((10, 5))) for _ in range(19)]
    return rng, noise, labels, random


def study_of(latents, seed=0, questions=(AUROC,), others=None, shuffles=9, resamples=29, with_known=True):
    rng, noise, labels, random = noise_and_labels(seed)
    objects = Objects(states=noise, labels=labels)
    return semantic_study(
        latents, objects, questions, controls={"noise": noise, **(others or {})}, random=random,
        references=known_answers(objects, noise, rng=rng) if with_known else None, resamples=resamples,
        shuffles=shuffles, rng=rng,
    )  # fmt: skip


def knowing(seed=0):
    """Latents that know the class."""
    return noise_and_labels(seed)[1] * np.array([10.0, *[1.0] * 9])


def test_a_latent_space_that_knows_the_class_is_semantic_beyond_its_controls():
    study = study_of(knowing())
    claim = semantic_beyond_controls(study, AUROC.name)
    assert claim.verdict is Verdict.SUPPORTED
    assert {control.name: control.behaves for control in claim.controls} == {
        "rotated noise": True, "class and noise": True, "shuffled objects": True
    }  # fmt: skip
    assert study.controls == ("noise", RANDOM)
    assert study.values(AUROC.name)[LATENT].low > study.values(AUROC.name)["noise"].high


def test_one_more_random_encoder_is_not_semantic():
    rng, noise, _, _ = noise_and_labels(1)
    study = study_of(np.tanh(noise @ rng.standard_normal((10, 5))), seed=1)
    assert semantic_beyond_controls(study, AUROC.name).verdict is not Verdict.SUPPORTED


def test_the_noise_in_other_coordinates_is_refuted():
    noise = noise_and_labels(2)[1]
    study = study_of(noise + 7.0, seed=2)
    assert semantic_beyond_controls(study, AUROC.name).verdict is Verdict.REFUTED
    assert study.differences(AUROC.name)["noise"].high == pytest.approx(0.0, abs=1e-12)


def test_with_shuffled_labels_nothing_is_semantic():
    rng, noise, labels, random = noise_and_labels()
    wrong = Objects(states=noise, labels=rng.permutation(labels))
    study = semantic_study(
        knowing(), wrong, [AUROC], controls={"noise": noise}, random=random, shuffles=9, resamples=29, rng=rng
    )
    assert semantic_beyond_controls(study, AUROC.name).verdict is not Verdict.SUPPORTED
    assert abs(study.values(AUROC.name)[LATENT].estimate - 0.5) < 0.03
    assert study.chance(AUROC.name).high < 0.01


def test_a_latent_space_that_is_its_control_is_never_supported():
    rng, noise, _, _ = noise_and_labels(3)
    bent = np.tanh(noise @ rng.standard_normal((10, 8)))
    study = study_of(bent.copy(), seed=3, others={"the same": bent}, questions=(AUROC, NEIGHBOURS))
    for question in study.questions:
        assert study.differences(question)["the same"].estimate == 0.0
        assert semantic_beyond_controls(study, question).verdict is Verdict.REFUTED


def test_every_control_must_be_exceeded():
    _, noise, labels, _ = noise_and_labels()
    study = study_of(knowing(), others={"the class itself": labels[:, None] + 0.01 * noise[:, :1]})
    claim = semantic_beyond_controls(study, AUROC.name)
    assert study.closest_control(AUROC.name) == "the class itself"
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert claim.because == (
        "the control 'class and noise' must be supported and is refuted: “the class itself” leaves no room for "
        "anything to exceed it"
    )


def test_a_larger_control_stands_there_with_its_components_in_the_latent_dimension_too():
    latents = knowing()[:, :3]
    study = study_of(latents)
    assert study.controls == ("noise", "noise, 3 components", RANDOM)
    assert study.dimensions["noise"] == 10
    assert study.dimensions["noise, 3 components"] == 3
    assert study.dimensions[LATENT] == 3
    assert study.dimensions[RANDOM] == 5


def test_intervals_of_more_questions_together_are_wider():
    alone = study_of(knowing())
    together = study_of(knowing(), questions=(AUROC, NEIGHBOURS))
    one, many = (study.smallest_difference(AUROC.name) for study in (alone, together))
    assert one.estimate == many.estimate
    assert many.high - many.low > one.high - one.low


def test_the_smallest_difference_is_the_smallest_of_its_parts():
    study = study_of(knowing())
    differences = study.differences(AUROC.name).values()
    smallest = study.smallest_difference(AUROC.name)
    assert smallest.estimate == min(one.estimate for one in differences)
    assert (smallest.low, smallest.high) == (min(d.low for d in differences), min(d.high for d in differences))


def test_the_best_random_encoder_is_the_best_of_them():
    _, noise, labels, random = noise_and_labels()
    study = study_of(knowing())
    ask = AUROC.about(Objects(states=noise, labels=labels))
    each = [ask(euclidean_distances(points))(np.ones(N, dtype=np.int64)) for points in random]
    assert study.values(AUROC.name)[RANDOM].estimate == max(each)


def test_the_table_has_a_row_for_each_representation_and_a_column_for_each_question():
    study = study_of(knowing(), questions=(AUROC, NEIGHBOURS))
    rows = study.rows()
    assert [row[0] for row in rows] == [LATENT, *study.controls, ROTATED, CLASS]
    assert {len(row) for row in rows} == {4}
    value = study.values(NEIGHBOURS.name)["noise"]
    assert rows[1][3] == f"{value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]"


def test_agreement_with_the_data_decides_nothing():
    question = DistanceQuestion(measure=EuclideanDistance(), statistic=PairSpearman())
    study = study_of(knowing(), questions=(AUROC, question))
    assert study.external == (True, False)
    with pytest.raises(ValueError, match="expected a measure from outside model and states"):
        semantic_beyond_controls(study, question.name)


def test_a_collapsed_latent_space_is_not_measured_where_nothing_is_defined_and_spoils_no_other_interval():
    question = DistanceQuestion(measure=SameClass(), statistic=PairPearson())
    still = np.zeros((N, 4))
    study = study_of(still, questions=(AUROC, question))
    assert study.values(AUROC.name)[LATENT].estimate == 0.5, "all distances are equal"
    assert semantic_beyond_controls(study, question.name).because.startswith("the quantity could not be measured")
    assert semantic_beyond_controls(study, AUROC.name).verdict is Verdict.REFUTED
    assert np.isnan(study.chance(question.name).estimate)


def test_statistics_meet_the_measures_that_they_can_be_held_against():
    questions = crossed(
        [SameClass(), EuclideanDistance()], classes=[SameClassAuroc(), NeighbourAgreement()], distances=[PairSpearman()]
    )
    assert len(questions) == 4
    assert [question.measure.name for question in questions].count("class") == 3


def test_without_random_encoders_or_references_there_is_no_such_control():
    rng, noise, labels, _ = noise_and_labels()
    objects = Objects(states=noise, labels=labels)
    study = semantic_study(
        knowing(), objects, [AUROC], controls={"noise": noise}, resamples=19, shuffles=0, rng=rng
    )  # fmt: skip
    assert study.names == (LATENT, "noise")
    assert semantic_beyond_controls(study, AUROC.name).controls == ()


def test_a_study_that_says_nothing_is_refused():
    rng, noise, labels, random = noise_and_labels()
    objects = Objects(states=noise, labels=labels)

    def study(latents=noise, questions=(AUROC,), controls=None, **others):
        given = {"noise": noise} if controls is None else controls
        return semantic_study(latents, objects, questions, controls=given, rng=rng, **others)

    with pytest.raises(ValueError, match="expected questions and controls, got 0 questions, 1 controls"):
        study(questions=())
    with pytest.raises(ValueError, match="a statistic without a control says nothing"):
        study(controls={})
    with pytest.raises(ValueError, match="expected at least 19 random encoders, got 18"):
        study(random=random[:18])
    with pytest.raises(ValueError, match=r"expected names of their own .* got \['noise'\] twice"):
        study(references={"noise": noise})
    with pytest.raises(ValueError, match=r"got \['latent'\] twice"):
        study(controls={"latent": noise})
    with pytest.raises(ValueError, match="AUROC of “same class” by distance: class"):
        study(questions=(AUROC, AUROC))
    with pytest.raises(ValueError, match=r"expected finite rows for 80 objects in 'latent', got shape \(79, 10\)"):
        study(latents=noise[:79])
    with pytest.raises(ValueError, match="in 'noise'.* with 1 values that are not finite"):
        study(controls={"noise": np.where(np.arange(800).reshape(80, 10) == 7, np.nan, noise)})
    with pytest.raises(ValueError, match="expected one of the questions"):
        study(resamples=3, shuffles=0).values("another")


def test_known_answers_take_labels():
    _, noise, _, _ = noise_and_labels()
    with pytest.raises(ValueError, match="expected objects with labels, got none"):
        known_answers(Objects(states=noise), noise, rng=np.random.default_rng(0))


def test_noise_of_one_coordinate_is_rotated_too():
    rng, noise, labels, _ = noise_and_labels()
    one = noise[:, :1]
    rotated = known_answers(Objects(states=one, labels=labels), one, rng=rng)[ROTATED]
    np.testing.assert_array_equal(rotated, one)


def test_the_components_of_a_control_take_no_other_representation_s_name():
    rng, noise, labels, _ = noise_and_labels()
    objects, latents = Objects(states=noise, labels=labels), knowing()[:, :3]
    derived = "noise, 3 components"
    given = semantic_study(latents, objects, [AUROC], controls={"noise": noise}, resamples=3, shuffles=0, rng=rng)
    assert derived in given.controls, "the premise"
    for controls, references in (({derived: latents, "noise": noise}, {}), ({"noise": noise}, {derived: latents})):
        with pytest.raises(ValueError, match=r"expected names of their own .* got \['noise, 3 components'\] twice"):
            semantic_study(latents, objects, [AUROC], controls=controls, references=references, rng=rng)


def test_rows_without_coordinates_or_complex_ones_are_refused():
    rng, noise, labels, _ = noise_and_labels()
    objects = Objects(states=noise, labels=labels)
    with pytest.raises(ValueError, match=r"expected at least one coordinate in 'latent', got shape \(80, 0\)"):
        semantic_study(noise[:, :0], objects, [AUROC], controls={"noise": noise}, rng=rng)
    with pytest.raises(ValueError, match="expected real rows in 'latent', got complex ones"):
        semantic_study(noise * 1j, objects, [AUROC], controls={"noise": noise}, rng=rng)


def test_without_random_encoders_a_rescaling_of_the_noise_may_be_supported_and_white_noise_stands_against_it():
    rng, noise, labels, _ = noise_and_labels()
    rescaled = noise * np.array([1.0, *[0.1] * 9])
    centred = noise - noise.mean(axis=0)
    white = np.linalg.svd(rescaled - rescaled.mean(axis=0), full_matrices=False)[0]
    objects = Objects(states=noise, labels=labels)

    def verdict(latents, **given):
        study = semantic_study(latents, objects, [AUROC], resamples=29, shuffles=0, rng=rng, **given)
        return semantic_beyond_controls(study, AUROC.name).verdict

    assert verdict(rescaled, controls={"noise": noise}) is Verdict.SUPPORTED, "the danger"
    assert verdict(white, controls={"white noise": np.linalg.svd(centred, full_matrices=False)[0]}) is Verdict.REFUTED


def test_the_known_answer_is_one_of_the_references():
    study = study_of(knowing())
    for wrong in ("typo", LATENT, "noise"):
        with pytest.raises(ValueError, match=f"expected the known answer among the references .* got '{wrong}'"):
            semantic_beyond_controls(study, AUROC.name, known=wrong)
    without = study_of(knowing(), with_known=False)
    assert [control.name for control in semantic_beyond_controls(without, AUROC.name).controls] == ["shuffled objects"]
    with pytest.raises(ValueError, match="expected the known answer among the references"):
        semantic_beyond_controls(without, AUROC.name, known=CLASS)


def test_ordered_labels_have_a_known_answer_of_their_own():
    rng, noise, _, random = noise_and_labels()
    labels = np.digitize(noise[:, 0], [-1.0, 0.0, 1.0]).astype(np.int64)
    objects = Objects(states=noise, labels=labels)
    asked = DistanceQuestion(measure=LabelDistance.ordinal(4), statistic=PairSpearman())
    known = known_answers(objects, noise, rng=rng) | {
        "label and noise": labels[:, None] + 0.1 * rng.standard_normal((N, 1))
    }
    study = semantic_study(
        noise[:, :2], objects, [asked], controls={"noise": noise}, random=random, references=known, resamples=29,
        shuffles=0, rng=rng,
    )  # fmt: skip
    (_, answer) = semantic_beyond_controls(study, asked.name, known="label and noise").controls
    assert (answer.name, answer.verdict) == ("label and noise", Verdict.SUPPORTED)
    assert study.values(asked.name)[CLASS].estimate < study.values(asked.name)["label and noise"].estimate


@pytest.mark.parametrize("question", [AUROC, NEIGHBOURS], ids=["auroc", "neighbours"])
@pytest.mark.parametrize("labels", [np.zeros(N, dtype=np.int64), np.arange(N)], ids=["one class", "none alike"])
def test_where_classes_tell_nothing_apart_nothing_is_measured(question, labels):
    rng, noise, _, random = noise_and_labels()
    objects = Objects(states=noise, labels=labels)
    study = semantic_study(
        noise, objects, [question], controls={"noise": noise}, random=random, resamples=5, shuffles=3, rng=rng
    )  # fmt: skip
    claim = semantic_beyond_controls(study, question.name)
    assert claim.verdict is Verdict.INCONCLUSIVE
    assert claim.because.startswith("the quantity could not be measured")


@pytest.mark.usefixtures("unchecked")
def test_a_statistic_in_the_wrong_kind_of_question_is_named():
    with pytest.raises(ValueError, match=r"expected a statistic of distances and classes, got .Spearman.*DistanceQ"):
        ClassQuestion(measure=SameClass(), statistic=PairSpearman())
    with pytest.raises(ValueError, match=r"expected a statistic of two distances, got 'AUROC.*ask a ClassQuestion"):
        DistanceQuestion(measure=SameClass(), statistic=SameClassAuroc())
    with pytest.raises(ValueError, match="expected a measure with classes, got 'distance of the data'"):
        ClassQuestion(measure=EuclideanDistance(), statistic=SameClassAuroc())


def test_the_dimension_of_random_encoders_is_shown_where_they_differ():
    rng, noise, labels, random = noise_and_labels()
    study = semantic_study(
        knowing(), Objects(states=noise, labels=labels), [AUROC], controls={},
        random=[random[0][:, :2], *random[1:]], resamples=3, shuffles=0, rng=rng,
    )  # fmt: skip
    assert study.dimensions[RANDOM] == "2 to 5"
    assert study.rows()[1][1] == "2 to 5"
