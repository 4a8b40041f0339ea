"""Skipped where kooplearn is not installed (extra `bench`)."""

import numpy as np
import pytest
from latent_model_laws import A, assert_predicts, trajectory
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from koopman_analysis import NotFitted, SnapshotPairs, as_latent_model, require_latent_model
from koopman_analysis.adapters.conversion import NotAdaptable

linear_model = pytest.importorskip("kooplearn.linear_model")
kernel = pytest.importorskip("kooplearn.kernel")

KERNELS = {
    "gaussian": lambda: kernel.KernelRidge(n_components=5, kernel="rbf", gamma=0.1, alpha=1e-4),
    "default width": lambda: kernel.KernelRidge(n_components=4, kernel="rbf", alpha=1e-4),
    "polynomial, of lag 2": lambda: kernel.KernelRidge(n_components=4, kernel="poly", degree=2, alpha=1e-4, lag_time=2),
    "principal components": lambda: kernel.KernelRidge(n_components=3, kernel="rbf", reduced_rank=False, alpha=1e-4),
}


def distance(a, b):
    return float(np.square(a - b).mean())


def test_ridge_regression_predicts_as_a_latent_model_what_it_predicts():
    states = trajectory()
    peer = linear_model.Ridge(alpha=1e-6).fit(states)
    model = as_latent_model(peer)
    assert model.shared_encoder
    assert_predicts(model, states, peer.predict(states))


@pytest.mark.parametrize("make", KERNELS.values(), ids=KERNELS)
def test_a_kernel_model_has_the_eigenvalues_and_the_step_of_the_peer(make):
    states = trajectory()
    peer = make().fit(states)
    model = as_latent_model(peer)
    assert model.shared_encoder
    assert_predicts(model, states[:60], peer.predict(states[:60], n_steps=2), digits=1e-8)
    found = np.sort_complex(np.linalg.eigvals(model.matrix))
    np.testing.assert_allclose(found, np.sort_complex(peer.eig()), atol=1e-8)


def test_what_the_peer_calls_one_step_of_a_kernel_model_is_none():
    states = trajectory()
    before, mean_after = states[:-1], states[:-1] @ A
    peer = KERNELS["gaussian"]().fit(states)
    model = as_latent_model(peer)
    one_step = model.decode(model.encode_noise(before) @ model.matrix)
    assert distance(peer.predict(before), before) < distance(peer.predict(before), mean_after) / 2
    assert distance(one_step, mean_after) < distance(one_step, before) / 2
    np.testing.assert_allclose(model.decode(model.encode_noise(before)), peer.predict(before), atol=1e-8)


def test_transformers_before_a_model_of_trajectories_stand_at_both_ends():
    states = trajectory()
    pairs = SnapshotPairs(before=states[:-1], after=states[1:])
    peer = make_pipeline(StandardScaler(), PolynomialFeatures(2), linear_model.Ridge(alpha=1e-6)).fit(states)
    model = as_latent_model(peer, pairs=pairs)
    assert model.shared_encoder
    require_latent_model(model, pairs)
    carried = model.encode_noise(pairs.before) @ model.matrix
    np.testing.assert_allclose(carried, peer.predict(pairs.before), rtol=1e-9, atol=1e-9)
    # The features hold the states, scaled.
    np.testing.assert_allclose(model.decode(model.encode_data(pairs.after)), pairs.after, atol=1e-9)


def test_a_model_of_trajectories_has_no_target_to_transform():
    states = trajectory()
    inside = make_pipeline(PolynomialFeatures(2), linear_model.Ridge())
    peer = TransformedTargetRegressor(inside, transformer=StandardScaler(), check_inverse=False)
    peer.fit(states, states)
    with pytest.raises(NotAdaptable, match="which predicts features of trajectories"):
        as_latent_model(peer)


@pytest.mark.parametrize("peer", [linear_model.Ridge(), kernel.KernelRidge()])
def test_an_estimator_that_has_seen_nothing_is_refused_by_name(peer):
    with pytest.raises(NotFitted, match=f"expected a fitted {type(peer).__name__}"):
        as_latent_model(peer)


def test_a_kernel_model_on_chosen_points_is_refused():
    with pytest.raises(NotAdaptable, match="got NystroemKernelRidge"):
        as_latent_model(kernel.NystroemKernelRidge(n_centers=20, n_components=3).fit(trajectory()))
