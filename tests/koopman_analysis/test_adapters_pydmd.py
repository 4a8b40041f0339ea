import numpy as np
import pydmd
import pytest
from latent_model_laws import affine_pairs, assert_predicts, trajectory

from koopman_analysis import NotFitted, as_latent_model
from koopman_analysis.adapters.conversion import NotAdaptable
from koopman_analysis.adapters.modal import modal_model
from koopman_analysis.estimators.pydmd.bridge import expected_warnings_ignored

MODELS = {
    "projected": lambda: pydmd.DMD(svd_rank=-1),
    "exact": lambda: pydmd.DMD(svd_rank=-1, exact=True),
    "truncated": lambda: pydmd.DMD(svd_rank=2, exact=True),
    "forward-backward": lambda: pydmd.FbDMD(svd_rank=-1),
    "structured": lambda: pydmd.PiDMD(manifold="unitary", svd_rank=-1),
    "compressed": lambda: pydmd.CDMD(svd_rank=3, compression_matrix=np.random.default_rng(3).standard_normal((20, 3))),
    "subspace": lambda: pydmd.SubspaceDMD(svd_rank=-1),
}
REFUSED = {
    "HODMD": (lambda: pydmd.HODMD(svd_rank=-1, d=2), "it acts on delays"),
    "BOPDMD": (lambda: pydmd.BOPDMD(svd_rank=2), "its eigenvalues are rates"),
    "DMDc": (lambda: pydmd.DMDc(svd_rank=-1), "its step depends on a control at each time"),
    "OptDMD": (lambda: pydmd.OptDMD(svd_rank=-1), "its two ends have different spaces"),
}


def fitted(make, *snapshots):
    model = make()
    with expected_warnings_ignored():
        model.fit(*snapshots)
    return model


def predicted(model, states):
    """What PyDMD predicts with, written out for those of its classes that have no `predict`."""
    step = model.modes @ np.diag(model.eigs) @ np.linalg.pinv(model.modes)
    found = (step @ states.T).T
    if hasattr(model, "predict"):
        np.testing.assert_allclose(model.predict(states.T).T, found, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.imag, 0.0, atol=1e-9)
    return found.real


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_trajectory_is_stepped_as_pydmd_steps_it(make):
    states = trajectory()
    peer = fitted(make, states.T)
    assert np.iscomplexobj(peer.modes)
    model = as_latent_model(peer)
    assert model.shared_encoder
    assert model.matrix.shape == (len(peer.eigs),) * 2
    assert_predicts(model, states[:50], predicted(peer, states[:50]))
    found = np.linalg.eigvals(model.matrix)
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(peer.eigs), atol=1e-9)


@pytest.mark.parametrize("name", ["projected", "exact", "truncated", "forward-backward"])
def test_pairs_are_stepped_as_pydmd_steps_them(name):
    pairs = affine_pairs(bend=0.5)
    peer = fitted(MODELS[name], pairs.before.T, pairs.after.T)
    assert_predicts(as_latent_model(peer), pairs.before, predicted(peer, pairs.before))


def test_modes_are_decoded_where_features_are_many_more_than_modes():
    lift = np.linalg.qr(np.random.default_rng(1).standard_normal((500, 3)))[0]
    states = trajectory() @ lift.T
    peer = fitted(lambda: pydmd.DMD(svd_rank=3), states.T)
    model = as_latent_model(peer)
    assert model.encode_noise(states).shape == (len(states), 3)
    assert_predicts(model, states, predicted(peer, states), digits=1e-9)


def test_modes_that_are_switched_off_in_pairs_are_left_out_and_one_of_a_pair_is_refused():
    states = trajectory()
    peer = fitted(MODELS["projected"], states.T)
    (real,) = np.flatnonzero(np.abs(peer.eigs.imag) < 1e-12)
    peer.modes_activation_bitmask = np.arange(3) != real
    assert_predicts(as_latent_model(peer), states, predicted(peer, states))
    peer.modes_activation_bitmask = np.arange(3) != (real + 1) % 3
    with pytest.raises(NotAdaptable, match="expected modes in conjugate pairs"):
        as_latent_model(peer)


def test_complex_snapshots_are_refused_with_the_reason():
    states = trajectory() * np.exp(0.7j * np.arange(301))[:, None]
    with pytest.raises(NotAdaptable, match="real and imaginary parts as features before fitting"):
        as_latent_model(fitted(MODELS["projected"], states.T))


def test_the_lengths_of_modes_do_not_matter():
    modes = np.array([[1.0, 1e-9], [1.0, -1e-9]])
    model = modal_model(modes, np.array([0.9, 0.5]))
    x = np.array([[1.0, 2.0]])
    half = np.array([[1.0, 1.0], [1.0, -1.0]])
    expected = x @ (half @ np.diag([0.9, 0.5]) @ np.linalg.inv(half)).T
    assert model.matrix.shape == (2, 2)
    np.testing.assert_allclose(
        model.decode(model.encode_noise(x) @ model.matrix), expected, rtol=1e-6
    )  # as PyDMD, which inverts them together


def test_a_model_that_has_seen_nothing_is_refused_by_name():
    with pytest.raises(NotFitted, match="expected a fitted FbDMD"):
        as_latent_model(pydmd.FbDMD())


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
def test_modes_that_mean_something_else_are_refused_with_the_reason(make, reason):
    with pytest.raises(NotAdaptable, match=f"one step in the space of states, got .*DMDc?: {reason}"):
        as_latent_model(make())
