"""The study of distances beside their controls, and the claim that it decides."""

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
    Objects,
    SameClass,
    crossed,
    semantic_study,
)
from koopman_analysis.similarity import NeighbourAgreement, SameClassAuroc, euclidean_distances

N = 80
AUROC = ClassQuestion(measure=SameClass(), statistic=SameClassAuroc())
NEIGHBOURS = ClassQuestion(measure=SameClass(), statistic=NeighbourAgreement(neighbours=5))


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
    assert "the control 'class and noise' must be supported and is refuted" in claim.because, "nothing exceeds it"


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
