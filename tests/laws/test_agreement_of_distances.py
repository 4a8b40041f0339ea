"""What holds for every agreement of two distances of the same objects, whatever the objects.

With S an agreement (Pearson, Spearman, Kendall, partial), d and s distances, n multiplicities, π and σ relabellings:

    S(d, s; n) = S(s, d; n) = S(π d, π s; π n) = S(d, s; c n) for every c > 0, S ∈ [−1, 1], S(d, d) = 1,          (1)
    Pearson's and the partial one know d up to a d + b, a > 0; Spearman's and Kendall's up to any increasing map,  (2)
    the correlation of σ d, σ s under π is that of d, s under σ⁻¹ followed by π and σ,                             (3)
    p ∈ {1/(B + 1), …, 1}, and of several no adjusted p-value is below its own.                                    (4)

Sources: Mantel 1967; Kendall 1945; Westfall & Young 1993 and Holm 1979 (equation (4)).
"""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import generators, seeds

from koopman_analysis.correlation import (
    PairKendall,
    PairPartial,
    PairPearson,
    PairSpearman,
    holm,
    mantel_family,
    partial_mantel_uncorrected_p_value,
    streamed_pearson,
)
from koopman_analysis.correlation.relabelling import Relabellings
from koopman_analysis.similarity import euclidean_distances

objects = st.integers(6, 20)
kinds = st.sampled_from([PairPearson(), PairSpearman(), PairKendall(), None])


def related_distances(n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Three distances of n objects that have something in common, some of them equal."""
    x = rng.standard_normal((n, 2))
    points = (x, np.tanh(x) + 0.3 * rng.standard_normal((n, 2)), x + rng.standard_normal((n, 2)))
    return [np.round(euclidean_distances(each), 1) for each in points]


def agreement_of(kind, given_distances):
    """The agreement itself, or the partial one given these distances."""
    return PairPartial(given=[given_distances]) if kind is None else kind


@given(kind=kinds, n=objects, factor=st.integers(2, 5), rng=generators())
def test_an_agreement_is_symmetric_and_knows_neither_the_order_nor_the_unit_of_the_multiplicities(kind, n, factor, rng):
    d, s, g = related_distances(n, rng)
    copies, order = rng.integers(1, 4, n), rng.permutation(n)
    moved = np.ix_(order, order)
    value = agreement_of(kind, g).weighted(d, s)(copies)
    assert -1 - 1e-12 <= value <= 1 + 1e-12
    for agreement, one, other, weights in (
        (agreement_of(kind, g), s, d, copies),
        (agreement_of(kind, g), d, s, factor * copies),
        (agreement_of(kind, g[moved]), d[moved], s[moved], copies[order]),
    ):
        np.testing.assert_allclose(agreement.weighted(one, other)(weights), value, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(agreement_of(kind, g).weighted(d, d)(copies), 1.0, rtol=1e-9)


@given(kind=kinds, n=objects, a=st.floats(0.1, 10.0), b=st.floats(0.0, 10.0), rng=generators())
def test_an_agreement_knows_no_unit_and_no_zero_and_turns_with_the_sign(kind, n, a, b, rng):
    d, s, g = related_distances(n, rng)
    copies, others = rng.multinomial(n, np.full(n, 1 / n)), 1 - np.eye(n)
    assume(np.count_nonzero(copies) >= 5)
    value = agreement_of(kind, g).weighted(d, s)(copies)
    assume(np.isfinite(value))
    # Equal distances must stay equal, and do not where a multiplication rounds them apart.
    larger, mirrored = np.round(a * d + b * others, 9), np.round((d.max() + 1 - a * d) * others, 9)
    np.testing.assert_allclose(agreement_of(kind, g).weighted(larger, s)(copies), value, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(agreement_of(kind, g).weighted(mirrored, s)(copies), -value, rtol=1e-6, atol=1e-7)


@given(kind=st.sampled_from([PairSpearman(), PairKendall()]), n=objects, power=st.floats(0.3, 3.0), rng=generators())
def test_rank_correlations_know_only_the_order_of_the_distances(kind, n, power, rng):
    d, s, _ = related_distances(n, rng)
    copies = rng.multinomial(n, np.full(n, 1 / n))
    plain, warped = (kind.weighted(each, s)(copies) for each in (d, np.expm1(d**power)))
    assert np.array_equal(plain, warped, equal_nan=True)
    assert not np.isclose(PairPearson().weighted(np.expm1(d**2), s)(copies), PairPearson().weighted(d, s)(copies))


@given(n=objects, rng=generators())
def test_relabelling_both_matrices_conjugates_every_relabelling_of_one(n, rng):
    d, s, g = related_distances(n, rng)
    sigma, orders = rng.permutation(n), np.stack([rng.permutation(n) for _ in range(4)])
    moved = np.ix_(sigma, sigma)
    both = Relabellings(relabelled=d[moved], fixed=[s[moved], g[moved]])
    conjugated = sigma[orders][:, np.argsort(sigma)]
    expected = Relabellings(relabelled=d, fixed=[s, g]).exact(conjugated)
    np.testing.assert_allclose(both.exact(orders), expected, atol=1e-12)
    np.testing.assert_allclose(both.coarse(orders), expected, atol=both.error)


@given(n=st.integers(5, 9), permutations=st.integers(1, 39), rng=generators())
def test_p_values_of_a_family_are_on_their_grid_and_no_adjusted_one_is_below_its_own(n, permutations, rng):
    d, s, g = related_distances(n, rng)
    family = mantel_family([d, g, d], s, permutations, rng=rng)
    uncorrected = partial_mantel_uncorrected_p_value(d, s, [g], permutations, rng=rng)
    counts = np.concatenate([family.p_values, family.adjusted_p_values, [uncorrected]]) * (permutations + 1)
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert ((counts > 0.5) & (counts < permutations + 1.5)).all()
    assert (family.adjusted_p_values >= family.p_values).all()
    assert family.adjusted_p_values[0] == family.adjusted_p_values[2]


@given(count=st.integers(1, 12), rng=generators())
def test_adjustment_by_holm_keeps_the_order_and_lies_between_none_and_bonferroni(count, rng):
    p = np.round(rng.random(count) ** 2, 2)
    adjusted, order = holm(p), np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    assert ((p <= adjusted) & (adjusted <= np.minimum(1, count * p))).all()
    shuffled = rng.permutation(count)
    np.testing.assert_array_equal(holm(p[shuffled]), adjusted[shuffled])


@given(n=objects, block=st.integers(1, 25), seed=seeds)
def test_the_size_of_blocks_does_not_matter_to_a_streamed_correlation_or_its_jackknife(n, block, seed):
    x, y = np.random.default_rng(seed).standard_normal((2, n, 2))
    whole, blocks = (streamed_pearson([x, x + y], y, block=size) for size in (n, block))
    np.testing.assert_allclose(blocks.estimate, whole.estimate, atol=1e-11)
    np.testing.assert_allclose(blocks.replicates, whole.replicates, atol=1e-11)
    pairs = PairPearson().weighted(euclidean_distances(x), euclidean_distances(y))
    np.testing.assert_allclose(whole.estimate[0], pairs(np.ones(n, dtype=int)), atol=1e-11)
