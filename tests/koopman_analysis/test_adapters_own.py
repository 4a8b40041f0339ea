import subprocess
import sys

import numpy as np
import pytest
from latent_model_laws import affine_pairs, assert_predicts

from koopman_analysis import (
    EDMD,
    ComplexFourier,
    Constant,
    Coordinates,
    ExactDMD,
    IsometricEDMD,
    KernelRidgeRegression,
    KoopmanRegressor,
    Monomials,
    NotFitted,
    PyDMDForecast,
    PyDMDRegression,
    SnapshotPairs,
    SnapshotTrajectories,
    as_latent_model,
)
from koopman_analysis.adapters.conversion import NotAdaptable

AFFINE = Constant() + Coordinates()
FOURIER = Constant() + ComplexFourier(6, scale=3.0, rng=np.random.default_rng(1))
ONE_DICTIONARY = {
    "monomials": EDMD(Monomials(2)),
    "isometric": IsometricEDMD(AFFINE),
    "complex": EDMD(FOURIER),
    "complex with its conjugates absent": EDMD(ComplexFourier(3, scale=5.0, rng=np.random.default_rng(2))),
    "linear map": ExactDMD(),
    "linear map of low rank": ExactDMD(rank=2),
    "affine map": PyDMDRegression(),
}
TWO_DICTIONARIES = {
    "states read": EDMD(Monomials(2), Coordinates()),
    "complex to real": EDMD(FOURIER, Coordinates()),
    "real to complex": EDMD(Monomials(2), FOURIER),
}


@pytest.mark.parametrize(
    "estimator", (ONE_DICTIONARY | TWO_DICTIONARIES).values(), ids=ONE_DICTIONARY | TWO_DICTIONARIES
)
def test_a_fitted_estimator_predicts_as_a_latent_model_what_it_predicts(estimator):
    pairs = affine_pairs(bend=0.5)
    model = as_latent_model(estimator.fit(pairs))
    assert np.isrealobj(model.matrix)
    assert_predicts(model, pairs.before[:50], estimator.predict(pairs.before[:50]))


@pytest.mark.parametrize("estimator", ONE_DICTIONARY.values(), ids=ONE_DICTIONARY)
def test_one_dictionary_is_one_encoder(estimator):
    pairs = affine_pairs(bend=0.5)
    model = as_latent_model(estimator.fit(pairs))
    assert model.shared_encoder
    np.testing.assert_array_equal(model.encode_noise(pairs.before), model.encode_data(pairs.before))


@pytest.mark.parametrize("estimator", TWO_DICTIONARIES.values(), ids=TWO_DICTIONARIES)
def test_two_dictionaries_are_two_encoders(estimator):
    pairs = affine_pairs()
    model = as_latent_model(estimator.fit(pairs))
    assert not model.shared_encoder
    assert model.encode_noise(pairs.before).shape != model.encode_data(pairs.before).shape


def test_real_latents_of_a_complex_operator_have_its_eigenvalues_and_their_conjugates():
    edmd = EDMD(FOURIER).fit(affine_pairs())
    true = np.linalg.eigvals(edmd.matrix_)
    assert np.abs(true.imag).max() > 0.01
    found = np.linalg.eigvals(as_latent_model(edmd).matrix)
    for value in (*true, *true.conj()):
        assert np.abs(found - value).min() < 1e-7  # of a matrix that is not normal


def test_a_forecast_is_adapted_with_its_means():
    states = np.random.default_rng(0).standard_normal((50, 1, 2)) + 3.0
    flow = np.exp(-np.array([0.0, 0.5, 1.0, 1.5]))[None, :, None]
    estimator = PyDMDForecast().fit(SnapshotTrajectories(states=4 + states * flow, times=np.arange(4.0)))
    model = as_latent_model(estimator)
    assert model.shared_encoder
    assert_predicts(model, states[:, 0], estimator.predict(states[:, 0]))


def test_a_regressor_of_scikit_learns_contract_is_the_estimator_inside():
    pairs = affine_pairs(bend=0.5)
    regressor = KoopmanRegressor(EDMD(Monomials(2))).fit(pairs.before, pairs.after)
    model = as_latent_model(regressor)
    assert model.shared_encoder
    assert_predicts(model, pairs.before[:40], regressor.predict(pairs.before[:40]))


def test_a_latent_model_is_itself():
    model = as_latent_model(EDMD(AFFINE).fit(affine_pairs()))
    assert as_latent_model(model) is model


@pytest.mark.parametrize(
    "estimator", [EDMD(AFFINE), ExactDMD(), PyDMDRegression(), PyDMDForecast(), KoopmanRegressor()]
)
def test_an_estimator_that_has_seen_nothing_is_refused_by_name(estimator):
    with pytest.raises(NotFitted, match=f"expected a fitted {type(estimator).__name__}"):
        as_latent_model(estimator)


def test_modes_that_end_after_one_step_are_refused():
    before = np.random.default_rng(0).standard_normal((50, 3))
    nilpotent = np.zeros((3, 3))
    nilpotent[0, 2] = 1.0
    before[:, 2] *= 1e-3
    estimator = ExactDMD(rank=2).fit(SnapshotPairs(before=before, after=before @ nilpotent))
    with pytest.raises(NotAdaptable, match=r"whose eigenvalues are not zero, got the condition number .*smaller rank"):
        as_latent_model(estimator)


def test_a_map_of_complex_states_is_refused():
    pairs = affine_pairs()
    turned = SnapshotPairs(before=pairs.before + 1j, after=pairs.after * np.exp(0.3j))
    with pytest.raises(NotAdaptable, match="expected a map of real states, got a complex one"):
        as_latent_model(PyDMDRegression().fit(turned))


def test_as_many_latents_as_pairs_are_refused():
    with pytest.raises(NotAdaptable, match="fewer latents than pairs, got KernelRidgeRegression"):
        as_latent_model(KernelRidgeRegression(rng=np.random.default_rng(0)))


def test_what_cannot_be_adapted_is_told_what_can():
    with pytest.raises(
        NotAdaptable, match=r"koopman_analysis: EDMD.*pydmd: DMD.*torch: .*got an object of class dict: desc"
    ):
        as_latent_model({})
    with pytest.raises(NotAdaptable, match="got the class EDMD"):
        as_latent_model(EDMD)


def test_no_peer_is_imported_before_an_object_of_its_own():
    program = (
        "import sys, koopman_analysis\n"
        "try: koopman_analysis.as_latent_model(3)\n"
        "except TypeError as error: assert 'deeptime' in str(error)\n"
        "print([peer for peer in ('pydmd', 'torch', 'deeptime', 'kooplearn') if peer in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
