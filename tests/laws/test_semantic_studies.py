"""A study of distances does not know the objects' order or their classes' names, nor reward what changes nothing.

With Δ the leads of a study over its controls (equation (1) of `koopman_analysis.semantics.study`),

    Δ(π z, π y, π ℓ) = Δ(z, y, ℓ)         for a permutation π of the objects,                                  (1)
    Δ(z, y, τ ℓ) = Δ(z, y, ℓ)             for other names τ of the classes,                                    (2)
    Δ(a z Q + b, y, ℓ) = Δ(z, y, ℓ)       for Q orthogonal, a > 0, where the statistic reads only order,         (3)
    Δ = 0 exactly over a control that is the latent space itself, so that nothing exceeds itself.              (4)
"""

import numpy as np
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators, seeds

from koopman_analysis.correlation import PairSpearman
from koopman_analysis.semantics import EuclideanDistance, Objects, SameClass, crossed, semantic_study
from koopman_analysis.similarity import NeighbourAgreement, SameClassAuroc

sizes = st.integers(12, 20)
QUESTIONS = crossed(
    [SameClass(), EuclideanDistance()], classes=[SameClassAuroc(), NeighbourAgreement(neighbours=3)],
    distances=[PairSpearman()],
)  # fmt: skip


def drawn(n, rng):
    """Latents, states and labels of n objects, and a control."""
    states = rng.standard_normal((n, 3))
    return np.tanh(states), states, np.arange(n) % 3, states @ rng.standard_normal((3, 2))


def leads(latents, states, labels, control, seed=0):
    objects = Objects(states=states, labels=labels)
    study = semantic_study(
        latents, objects, QUESTIONS, controls={"control": control}, resamples=5, shuffles=0,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    return np.array([study.differences(question.name)["control"].estimate for question in QUESTIONS])


@settings(deadline=None)
@given(n=sizes, rng=generators())
def test_leads_do_not_depend_on_the_order_of_the_objects(n, rng):
    everything, order = drawn(n, rng), rng.permutation(n)
    np.testing.assert_allclose(leads(*(part[order] for part in everything)), leads(*everything), atol=1e-12)


@settings(deadline=None)
@given(n=sizes, rng=generators())
def test_leads_do_not_depend_on_the_names_of_the_classes(n, rng):
    latents, states, labels, control = drawn(n, rng)
    renamed = np.array([7, 2, 5])[labels]
    np.testing.assert_array_equal(
        leads(latents, states, renamed, control), leads(latents, states, labels, control)
    )  # fmt: skip


@settings(deadline=None)
@given(n=sizes, scale=st.floats(0.1, 10.0), rng=generators())
def test_leads_do_not_depend_on_a_rigid_motion_or_the_unit_of_the_latents(n, scale, rng):
    latents, states, labels, control = drawn(n, rng)
    moved = scale * latents @ scipy.stats.ortho_group.rvs(3, random_state=rng) + 5.0
    np.testing.assert_allclose(
        leads(moved, states, labels, control), leads(latents, states, labels, control), atol=1e-12
    )  # fmt: skip


@settings(deadline=None)
@given(n=sizes, rng=generators(), seed=seeds)
def test_nothing_exceeds_itself(n, rng, seed):
    latents, states, labels, _ = drawn(n, rng)
    np.testing.assert_array_equal(leads(latents, states, labels, latents.copy(), seed), 0.0)
