import numpy as np
import pytest
from latent_model_laws import affine_pairs, assert_predicts
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer, StandardScaler

from koopman_analysis import EDMD, KoopmanRegressor, Monomials, NotFitted, as_latent_model
from koopman_analysis.adapters.conversion import NotAdaptable, adapted_by_class
from koopman_analysis.adapters.encoded import EncodedModel

DEGREES = {"polynomialfeatures__degree": [1, 2]}
ONE_END = {
    "least squares": LinearRegression(),
    "ridge without intercept": Ridge(alpha=0.1, fit_intercept=False),
    "partial least squares, which subtracts a mean of its own": PLSRegression(2),
}
TWO_ENDS = {
    "polynomials": make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge(1e-3)),
    "sparse": make_pipeline(SplineTransformer(sparse_output=True), Ridge(1e-3)),
    "target scaled": TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
    "a transformer for each end": TransformedTargetRegressor(
        make_pipeline(PolynomialFeatures(2), Ridge(1e-3)),
        transformer=make_pipeline(StandardScaler(), PCA(2)),
        check_inverse=False,
    ),
    "target scaled, inside": make_pipeline(PCA(2), TransformedTargetRegressor(Ridge(), transformer=StandardScaler())),
    "searched": GridSearchCV(make_pipeline(PolynomialFeatures(), Ridge(1e-3)), DEGREES),
    "ours inside": make_pipeline(StandardScaler(), KoopmanRegressor(EDMD(Monomials(2)))),
}


@pytest.mark.parametrize("peer", (ONE_END | TWO_ENDS).values(), ids=ONE_END | TWO_ENDS)
def test_a_fitted_regressor_predicts_as_a_latent_model_what_it_predicts(peer):
    pairs = affine_pairs(bend=0.5)
    model = as_latent_model(peer.fit(pairs.before, pairs.after))
    assert_predicts(model, pairs.before[:50], peer.predict(pairs.before[:50]))


def test_one_encoder_is_a_regressor_alone_from_a_space_to_itself():
    pairs = affine_pairs()
    alone = {name: as_latent_model(peer.fit(pairs.before, pairs.after)) for name, peer in ONE_END.items()}
    between = {name: as_latent_model(peer.fit(pairs.before, pairs.after)) for name, peer in TWO_ENDS.items()}
    narrow = as_latent_model(LinearRegression().fit(pairs.before, pairs.after[:, :2]))
    assert all(model.shared_encoder for model in alone.values())
    assert not any(model.shared_encoder for model in (*between.values(), narrow))


def test_both_ends_are_encoded_as_they_were_fitted():
    pairs = affine_pairs()
    peer = TWO_ENDS["a transformer for each end"].fit(pairs.before, pairs.after)
    model = as_latent_model(peer)
    np.testing.assert_array_equal(model.encode_data(pairs.after), peer.transformer_.transform(pairs.after))
    assert model.encode_data(pairs.after).shape[1] == 2
    assert model.encode_noise(pairs.before).shape[1] == PolynomialFeatures(2).fit(pairs.before).n_output_features_


def test_one_target_is_a_column():
    pairs = affine_pairs()
    peer = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()).fit(
        pairs.before, pairs.after[:, 0]
    )
    model = as_latent_model(peer)
    assert_predicts(model, pairs.before, peer.predict(pairs.before)[:, None])
    assert model.encode_data(pairs.after[:, :1]).shape == (pairs.n, 1)


def test_what_has_coefficients_and_is_not_linear_is_refused():
    pairs = affine_pairs()
    glm = PoissonRegressor().fit(pairs.before, np.exp(0.1 * pairs.after[:, 0]))
    assert hasattr(glm, "coef_")
    with pytest.raises(NotAdaptable, match="got PoissonRegressor, which predicts otherwise"):
        as_latent_model(glm)
    classifier = LogisticRegression().fit(pairs.before, pairs.after[:, 0] > 0)
    assert hasattr(classifier, "coef_")
    for peer in (classifier, RandomForestRegressor(2).fit(pairs.before, pairs.after), OneHotEncoder().fit([[0]])):
        with pytest.raises(NotAdaptable, match=f"expected a linear regressor with coef_, got {type(peer).__name__}"):
            as_latent_model(peer)


@pytest.mark.parametrize("peer", [Ridge(), make_pipeline(PCA(), Ridge()), GridSearchCV(Ridge(), {"alpha": [1.0]})])
def test_an_estimator_that_has_seen_nothing_is_refused_by_name(peer):
    with pytest.raises(NotFitted, match=f"expected a fitted {type(peer).__name__}"):
        as_latent_model(peer)


def test_a_target_is_transformed_for_a_regressor_only():
    pairs = affine_pairs()

    class Trajectories(Ridge):
        """Stands for an estimator of features, whose adapter leaves the decoder open."""

    adapted_by_class.register(Trajectories)(
        lambda model: EncodedModel(
            encode_noise=np.asarray, encode_data=np.asarray, matrix=np.eye(3), shared_encoder=True
        )
    )
    peer = TransformedTargetRegressor(Trajectories(), transformer=StandardScaler()).fit(pairs.before, pairs.after)
    with pytest.raises(NotAdaptable, match=r"got Trajectories, which predicts features of trajectories"):
        as_latent_model(peer)
