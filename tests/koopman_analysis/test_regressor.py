import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from koopman_analysis.dictionaries import Constant, Coordinates, Monomials
from koopman_analysis.estimators import EDMD, KoopmanRegressor
from koopman_analysis.systems import SlowManifold


@parametrize_with_checks([KoopmanRegressor()])
def test_the_regressor_keeps_the_scikit_learn_contract(estimator, check):
    check(estimator)


def test_it_keeps_the_contract_around_an_estimator_that_is_given():
    ridge = EDMD(Constant() + Coordinates(), outputs=Coordinates(), ridge=1e-8)
    results = check_estimator(KoopmanRegressor(ridge), on_skip=None)
    assert len(results) > 40
    assert {result["status"] for result in results} <= {"passed", "skipped"}


def test_a_grid_search_finds_the_dictionary_that_is_closed():
    pairs = SlowManifold().pairs(300, rng=np.random.default_rng(0))
    candidates = [EDMD(Monomials(degree), outputs=Coordinates()) for degree in (1, 2)]
    search = GridSearchCV(KoopmanRegressor(), {"estimator": candidates}, cv=3).fit(pairs.before, pairs.after)
    assert search.best_params_["estimator"].inputs.degree == 2
    assert search.best_score_ == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(search.predict(pairs.before), pairs.after, atol=1e-12)


def test_the_estimator_that_is_given_is_never_fitted_itself():
    given = EDMD(Monomials(1), outputs=Coordinates())
    regressor = KoopmanRegressor(given)
    for width in (2, 3):  # a dictionary belongs to the first width it sees
        states = np.random.default_rng(width).standard_normal((20, width))
        np.testing.assert_allclose(regressor.fit(states, 2 * states).predict(states), 2 * states, atol=1e-12)
    assert given.inputs.dimension is None


def test_weights_count_and_integers_and_numeric_objects_are_converted():
    before = np.array([[0], [1], [2], [3]])
    after = np.array([1, 3, 5, 100], dtype=object)
    fitted = KoopmanRegressor().fit(before, after.astype(float), sample_weight=[1, 1, 1, 0])
    np.testing.assert_allclose(fitted.predict(before), [1, 3, 5, 7], atol=1e-12)
    assert KoopmanRegressor().fit(before.astype(object), after.astype(float)).predict(before).shape == (4,)


def test_a_regressor_that_saw_nothing_says_so():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        KoopmanRegressor().predict(np.ones((2, 1)))


def test_what_is_no_estimator_is_refused():
    with pytest.raises(TypeError, match="an estimator with fit.pairs. and predict.states., got str"):
        KoopmanRegressor("edmd").fit(np.ones((3, 1)), np.ones(3))
