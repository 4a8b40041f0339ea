"""Skipped where deeptime is not installed (extra `bench`)."""

import numpy as np
import pytest
from latent_model_laws import affine_pairs, assert_predicts, generated, trajectory

from koopman_analysis import NotFitted, as_latent_model, require_latent_model
from koopman_analysis.adapters.conversion import NotAdaptable, adapted

decomposition = pytest.importorskip("deeptime.decomposition")
kernels = pytest.importorskip("deeptime.kernels")


def monomials(x):
    return np.column_stack([np.ones(len(x)), x, x**2])


def data():
    pairs = affine_pairs(bend=0.5)
    return pairs, (pairs.before, pairs.after)


UNDECODED = {
    "EDMD": lambda: decomposition.EDMD(monomials),
    "KernelEDMD": lambda: decomposition.KernelEDMD(kernels.GaussianKernel(3.0), epsilon=1e-3, n_eigs=5),
    "VAMP": lambda: decomposition.VAMP(lagtime=1, observable_transform=monomials, epsilon=1e-8),
    "VAMP of two": lambda: decomposition.VAMP(lagtime=1, dim=2),
    "TICA": lambda: decomposition.TICA(lagtime=1),
}


def carried(model, states):
    """E(x) K, complex again where the latents are real and imaginary parts."""
    return model.encode_noise(states) @ model.matrix


@pytest.mark.parametrize("make", UNDECODED.values(), ids=UNDECODED)
def test_latents_are_carried_as_deeptime_carries_them(make):
    pairs, both = data()
    peer = make().fit(both).fetch_model()
    model = as_latent_model(peer, pairs=pairs)
    require_latent_model(model, pairs)
    if isinstance(peer, decomposition.KernelEDMDModel):
        features = peer.transform(pairs.before) * peer.eigenvalues
        expected = np.hstack([features.real, features.imag]) if np.iscomplexobj(features) else features
    else:
        expected = peer.forward(pairs.before)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(carried(model, pairs.before), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("make", UNDECODED.values(), ids=UNDECODED)
def test_states_are_read_from_latents_by_least_squares(make):
    pairs, both = data()
    model = as_latent_model(make().fit(both), pairs=pairs)
    error = pairs.after - model.decode(model.encode_data(pairs.after))
    explained = np.column_stack([np.ones(pairs.n), model.encode_data(pairs.after)])
    assert np.abs(explained.T @ error).max() < 1e-7 * np.abs(explained).max() * np.abs(pairs.after).sum()


def test_a_basis_that_holds_the_states_predicts_them():
    pairs, both = data()
    model = as_latent_model(decomposition.EDMD(monomials).fit(both), pairs=pairs)
    error = np.square(generated(model, pairs.before) - pairs.after).mean()
    assert error < 0.05 * pairs.after.var()


def test_encoders_are_one_where_they_are():
    pairs, both = data()
    shared = {name: as_latent_model(make().fit(both), pairs=pairs).shared_encoder for name, make in UNDECODED.items()}
    assert shared["EDMD"]
    assert shared["KernelEDMD"]
    assert not shared["VAMP"]
    reversible = as_latent_model(UNDECODED["TICA"]().fit(both), pairs=pairs)
    same = np.allclose(reversible.encode_noise(pairs.before), reversible.encode_data(pairs.before), atol=1e-12)
    assert reversible.shared_encoder == same


@pytest.mark.parametrize("mode", ["exact", "standard"])
def test_dynamic_modes_step_states_as_deeptime_steps_them(mode):
    states = trajectory()
    peer = decomposition.DMD(mode=mode).fit((states[:-1], states[1:]))
    model = as_latent_model(peer)
    assert model.shared_encoder
    expected = peer.transform(states)
    np.testing.assert_allclose(expected.imag, 0.0, atol=1e-9)
    assert_predicts(model, states, expected.real)


def test_modes_that_are_taken_for_orthonormal_are_refused():
    model = decomposition.DMDModel(np.ones(2), np.eye(2), mode="standard")
    with pytest.raises(NotAdaptable, match=r"expected DMDModel\(mode='exact'\), got 'standard'"):
        as_latent_model(model)


def test_a_complex_basis_is_refused_because_its_moments_are_not_conjugated():
    _, both = data()
    peer = decomposition.EDMD(lambda x: np.exp(1j * x)).fit(both)
    with pytest.raises(NotAdaptable, match=r"without conjugating.*fit koopman_analysis\.EDMD"):
        as_latent_model(peer)


def test_an_operator_on_densities_is_refused():
    _, both = data()
    peer = decomposition.EDMD(monomials, operator="perron-frobenius").fit(both)
    with pytest.raises(NotAdaptable, match="expected EDMD.operator='koopman'., got 'perron-frobenius'"):
        as_latent_model(peer)


def test_pairs_are_asked_for_where_there_is_no_decoder():
    _, both = data()
    with pytest.raises(ValueError, match=r"pairs to fit a decoder to, got none: a EDMD predicts features, not states"):
        as_latent_model(decomposition.EDMD(monomials).fit(both))


def test_an_estimator_that_has_seen_nothing_is_refused_by_name():
    with pytest.raises(NotFitted, match="expected a fitted VAMP"):
        adapted(decomposition.VAMP(lagtime=1))
