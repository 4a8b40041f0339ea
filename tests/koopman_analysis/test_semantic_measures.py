"""What alike means: each measure against its equation, and which of them may decide."""

import jaxtyping
import numpy as np
import pytest
from sklearn.cluster import KMeans

from koopman_analysis.semantics import (
    ClassifierFeatures,
    ClassMeasure,
    ClusterMembership,
    CosineDistance,
    EuclideanDistance,
    FeatureDistance,
    LabelDistance,
    Objects,
    PrincipalComponents,
    SameClass,
    SemanticMeasure,
)


@pytest.fixture
def unchecked(monkeypatch):
    """Arguments of wrong types arrive, as they do outside of tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def some(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return Objects(states=rng.standard_normal((n, 3)), labels=np.arange(n) % 3)


def test_objects_of_one_class_are_alike():
    objects = some()
    D = SameClass().distances(objects)
    assert D[0, 3] == 0.0
    assert D[0, 1] == 1.0
    assert D.mean() == pytest.approx(2 / 3)


def test_labels_have_the_distances_that_they_are_given():
    objects = some()
    between = np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 2.0], [4.0, 2.0, 0.0]])
    D = LabelDistance(between=between).distances(objects)
    assert (D[0, 1], D[0, 2], D[1, 2], D[0, 3]) == (1.0, 4.0, 2.0, 0.0)
    assert LabelDistance.ordinal(3).distances(objects)[0, 2] == 2.0


def test_distances_of_states_are_their_formulas():
    objects = some()
    y = objects.states
    assert EuclideanDistance().distances(objects)[2, 5] == pytest.approx(np.sqrt(((y[2] - y[5]) ** 2).sum()))
    cosine = 1 - y[2] @ y[5] / np.sqrt((y[2] ** 2).sum() * (y[5] ** 2).sum())
    assert CosineDistance().distances(objects)[2, 5] == pytest.approx(cosine)


def test_features_make_the_distance_that_they_make():
    objects = some()
    measure = FeatureDistance(features=lambda y: y[:, :1] ** 2, name="squares", external=False)
    y = objects.states[:, 0] ** 2
    assert measure.distances(objects)[1, 4] == pytest.approx(abs(y[1] - y[4]))


def test_clusters_are_those_of_a_clusterer_that_was_fitted_to_other_data():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    fitted = KMeans(3, n_init=1, random_state=0).fit(centres[np.arange(90) % 3] + rng.standard_normal((90, 2)))
    objects = Objects(states=centres[np.arange(12) % 3] + rng.standard_normal((12, 2)))
    measure = ClusterMembership(clusterer=fitted)
    assert len(set(measure.classes(objects))) == 3, "the premise"
    np.testing.assert_array_equal(measure.distances(objects), np.not_equal.outer(np.arange(12) % 3, np.arange(12) % 3))


def test_only_what_knows_more_than_the_states_calls_itself_external():
    components = PrincipalComponents.fitted(some().states, count=2)
    inside = [EuclideanDistance(), CosineDistance(), ClusterMembership(clusterer=None),
              FeatureDistance(features=components, name="components", external=False)]  # fmt: skip
    outside = [SameClass(), LabelDistance.ordinal(2)]
    assert not any(measure.external for measure in inside)
    assert all(measure.external for measure in outside)
    assert all(isinstance(measure, SemanticMeasure) for measure in (*inside, *outside))
    assert [isinstance(measure, ClassMeasure) for measure in (*inside, *outside)] == [
        False, False, True, False, True, False
    ]  # fmt: skip


def test_principal_components_are_the_directions_of_most_variance_and_shorten_no_more_than_they_must():
    rng = np.random.default_rng(0)
    states = rng.standard_normal((200, 4)) * np.array([5.0, 2.0, 1.0, 0.1]) + 3.0
    features = PrincipalComponents.fitted(states, count=2)(states)
    np.testing.assert_allclose(features.mean(axis=0), 0.0, atol=1e-12)
    assert features.var() * 2 == pytest.approx(np.linalg.eigvalsh(np.cov(states.T, bias=True))[-2:].sum())
    with pytest.raises(ValueError, match="expected between 1 and 4 components of states, got 5"):
        PrincipalComponents.fitted(states, count=5)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifiers_features_are_those_of_scikit_learns_network_and_tell_the_classes_of_new_states(classes):
    rng = np.random.default_rng(0)

    def drawn(n):
        labels = rng.integers(classes, size=n) + 4
        return 3.0 * np.eye(4)[labels - 4] + rng.standard_normal((n, 4)), labels

    states, labels = drawn(400)
    features = ClassifierFeatures.fitted(states, labels, width=16, rng=rng)
    new, truth = drawn(300)
    assert features(new).shape == (300, 16)
    assert features(new).min() == 0.0
    assert set(features.predict(new)) <= set(truth)
    assert features.accuracy(new, truth) > 0.85
    assert features.accuracy(new, rng.permutation(truth)) < 0.7


def test_a_state_that_does_not_vary_costs_a_classifier_nothing():
    rng = np.random.default_rng(0)
    states = np.column_stack([np.repeat([0.0, 1.0], 20), np.full(40, 7.0)])
    features = ClassifierFeatures.fitted(states, np.repeat([0, 1], 20), rng=rng)
    assert features.accuracy(states, np.repeat([0, 1], 20)) == 1.0


def test_what_cannot_be_measured_is_refused():
    objects, unlabelled = some(), Objects(states=some().states)
    with pytest.raises(ValueError, match="expected objects with labels, got none"):
        SameClass().distances(unlabelled)
    with pytest.raises(ValueError, match="expected a label for each of 12 objects, got 11"):
        Objects(states=objects.states, labels=np.zeros(11, dtype=np.int64))
    with pytest.raises(ValueError, match="expected at least four objects, got 3"):
        Objects(states=objects.states[:3])
    with pytest.raises(ValueError, match="expected distances of labels, a symmetric matrix"):
        LabelDistance(between=np.array([[0.0, 1.0], [2.0, 0.0]]))
    with pytest.raises(ValueError, match="expected labels from 0 to 1, got 0 to 2"):
        LabelDistance.ordinal(2).distances(objects)
    with pytest.raises(ValueError, match="expected states with a direction, got 12 at zero"):
        CosineDistance().distances(Objects(states=np.zeros((12, 3))))
    with pytest.raises(ValueError, match="expected finite features, a row for each of 12 objects"):
        FeatureDistance(features=lambda y: y[:5], name="few", external=True).distances(objects)
    with pytest.raises(ValueError, match="got 2 classes, the smallest with 1"):
        ClassifierFeatures.fitted(objects.states, np.array([0] * 11 + [1]), rng=np.random.default_rng(0))


@pytest.mark.parametrize("constant", [7.0, 0.1, 1e8])
def test_a_state_that_is_constant_up_to_rounding_is_not_blown_up(constant):
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    rounded = constant * (1.0 + np.finfo(np.float64).eps * rng.integers(0, 2, size=40))
    assert 0 < rounded.std() < 1e-15 * constant, "the premise"
    features = ClassifierFeatures.fitted(np.column_stack([labels.astype(float), rounded]), labels, rng=rng)
    assert features.scale[1] == 1.0
    assert features.scale[0] == 0.5


@pytest.mark.usefixtures("unchecked")
def test_labels_are_whole_numbers_in_an_array_of_one_axis():
    states = some().states
    wrong = [
        ([0, 1] * 6, "got a list"),
        (np.zeros((12, 1), dtype=np.int64), r"got int64 of shape \(12, 1\)"),
        (np.full(12, np.nan), r"got float64 of shape \(12,\)"),
        (np.array(["a", "b"] * 6), "got <U1"),
    ]
    for labels, said in wrong:
        with pytest.raises(ValueError, match=f"expected labels as an array of whole numbers with one axis, {said}"):
            Objects(states=states, labels=labels)
    with pytest.raises(ValueError, match=r"expected distances of labels as a square array, got float64 of shape"):
        LabelDistance(between=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="expected distances of labels as a square array, got a list"):
        LabelDistance(between=[[0.0, 1.0], [1.0, 0.0]])
