"""Where nearness fails: at the boundary of a double well, and nowhere in a linear flow."""

from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pytest

from koopman_analysis import checks, verify
from koopman_analysis.checks import (
    located_violations,
    near_pair_bounds,
    near_stays_near,
    neighbourhoods,
    violations_at_boundaries,
)
from koopman_analysis.claims import Verdict
from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.figures import draw_exponents, draw_neighbourhoods, figure_of
from koopman_analysis.sensitivity import (
    KnownFlow,
    Linearisation,
    all_pairs,
    demanded_constant,
    exponent_field,
    lyapunov_exponents,
    near_pairs,
)
from koopman_analysis.snapshots import SnapshotPairs

GROWTH = np.exp(2 * 2.0) - 1


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def wells(x: np.ndarray) -> Linearisation:
    """The double well ẋ = x − x³ for a time of 2 in the first coordinate, a contraction in the second."""
    stretched = 1 + x[:, 0] ** 2 * GROWTH
    y = np.column_stack([x[:, 0] * np.exp(2.0) / np.sqrt(stretched), x[:, 1] / 10])
    jacobians = np.zeros((len(x), 2, 2))
    jacobians[:, 0, 0], jacobians[:, 1, 1] = np.exp(2.0) * stretched**-1.5, 0.1
    return Linearisation(states=x, images=y, jacobians=jacobians)


def sheared(x: np.ndarray) -> Linearisation:
    matrix = np.array([[0.1, 0.2], [0.0, 0.05]])
    return Linearisation(states=x, images=x @ matrix, jacobians=np.tile(matrix, (len(x), 1, 1)))


def sides(y: np.ndarray) -> np.ndarray:
    return (y[:, 0] > 0).astype(int)


WELLS = KnownFlow(linearised=wells, classes=sides, description="of the double well")
LINEAR = KnownFlow(linearised=sheared, classes=sides)


def objects(flow: KnownFlow = WELLS, n: int = 1000):
    found = flow.linearised(rng(1).standard_normal((n, 2)))
    return found, lyapunov_exponents(found.jacobians)


def halves(n: int = 1000):
    return np.arange(n // 2), np.arange(n // 2, n)


def in_noise(flow: KnownFlow = WELLS):
    found, exponents = objects(flow)
    others, judged = halves()
    pairs = near_pair_bounds(found.states, found.images, others=others, judged=judged)
    return pairs, exponents.subset(judged)


def test_violations_are_at_the_boundary_of_a_double_well_and_shuffled_exponents_say_nothing():
    pairs, exponents = in_noise()
    assert 0.02 < pairs.violating.mean() < 0.1, "the premise: one in twenty demands more"
    located = located_violations(pairs, exponents, rng=rng())
    claim = violations_at_boundaries(located)
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.low > 0.9
    assert [control.verdict for control in claim.controls] == [Verdict.REFUTED]
    assert located.shuffled.estimate == pytest.approx(0.5, abs=0.05)
    assert "of the near pairs violate it" in claim.because


def test_exponents_of_other_objects_are_refuted():
    pairs, exponents = in_noise()
    shuffled = exponents.subset(rng(5).permutation(len(exponents.leading)))
    assert violations_at_boundaries(located_violations(pairs, shuffled, rng=rng())).verdict is not Verdict.SUPPORTED
    # Violations where the flow stretches least.
    opposite = replace(exponents, spectrum=-exponents.spectrum)
    assert violations_at_boundaries(located_violations(pairs, opposite, rng=rng())).verdict is Verdict.REFUTED


def test_the_location_is_the_share_of_pairs_in_order():
    found, exponents = objects(n=60)
    others, judged = halves(60)
    pairs = near_pair_bounds(found.states, found.images, others=others, judged=judged, neighbours=3, share=0.8)
    leading = exponents.leading[judged]
    located = located_violations(pairs, exponents.subset(judged), resamples=2, rng=rng())
    larger = np.maximum(leading[pairs.first], leading[pairs.second])
    above, below = larger[pairs.violating], larger[~pairs.violating]
    assert len(above) > 2
    expected = np.mean((above[:, None] > below) + 0.5 * (above[:, None] == below))
    assert located.auroc.estimate == pytest.approx(expected, rel=1e-12)
    assert located.share == pytest.approx(len(above) / len(larger))


def test_where_an_encoder_tears_first_no_violation_is_left_at_the_boundary():
    """In the image itself near is near everywhere: the flow has its boundary, the latent space has not."""
    found, exponents = objects()
    others, judged = halves()
    pairs = near_pair_bounds(
        found.images, found.images + 1e-3 * rng(2).standard_normal(found.images.shape), others=others, judged=judged
    )
    claim = violations_at_boundaries(
        located_violations(pairs, exponents.subset(judged), space="latent space", rng=rng())
    )
    assert claim.verdict is Verdict.REFUTED
    assert "near in latent space" in claim.hypothesis


def test_a_linear_flow_has_no_boundaries_and_neither_claim_applies():
    pairs, exponents = in_noise(LINEAR)
    claim = violations_at_boundaries(located_violations(pairs, exponents, rng=rng()))
    found, all_exponents = objects(LINEAR)
    near = near_stays_near(
        neighbourhoods(
            found.states, sides(found.images), all_exponents, measured=np.arange(1000), space="noise", rng=rng()
        )
    )
    for each in (claim, near):
        assert each.verdict is Verdict.INCONCLUSIVE
        assert not each.applicable
        assert "this flow has no boundaries" in each.because


def test_a_bound_that_is_violated_by_no_pair_or_by_every_one_has_no_place():
    pairs, exponents = in_noise()
    for constant, word in ((1e9, "no pair"), (0.0, "every pair")):
        located = located_violations(replace(pairs, constant=constant), exponents, rng=rng())
        claim = violations_at_boundaries(located)
        assert not claim.applicable
        assert f"{word} violates the bound" in claim.because


def test_near_stays_near_away_from_the_boundary_and_fails_at_it():
    found, exponents = objects()
    classes, measured = sides(found.images), np.arange(0, 1000, 2)
    near = neighbourhoods(
        found.states, classes, exponents.subset(measured), measured=measured, space="noise", rng=rng()
    )
    claim = near_stays_near(near)
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.interval.estimate > 0.99
    (control,) = claim.controls
    assert control.verdict is Verdict.REFUTED
    assert near.groups[-1] == near.at_boundaries
    assert [group.estimate for group in near.groups][:5] == pytest.approx([1.0] * 5, abs=0.02)


def test_shares_are_those_of_the_nearest_others():
    found, exponents = objects(n=40)
    classes = sides(found.images)
    near = neighbourhoods(
        found.states, classes, exponents, measured=np.arange(40), space="noise", neighbours=3, resamples=2, rng=rng()
    )
    for row in range(40):
        apart = np.linalg.norm(found.states - found.states[row], axis=1)
        nearest = np.argsort(apart)[1:4]
        assert near.shares[row] == pytest.approx(np.mean(classes[nearest] == classes[row]))
    order = np.argsort(exponents.leading)
    assert near.away.estimate == pytest.approx(near.shares[order[:20]].mean())
    assert near.at_boundaries.estimate == pytest.approx(near.shares[order[-4:]].mean())


def test_classes_that_have_nothing_to_do_with_the_flow_are_not_near():
    found, exponents = objects()
    classes = rng(3).integers(2, size=1000)
    claim = near_stays_near(
        neighbourhoods(found.states, classes, exponents, measured=np.arange(1000), space="noise", rng=rng())
    )
    assert claim.verdict is Verdict.REFUTED


def test_objects_that_coincide_are_no_neighbours_of_themselves():
    states = np.repeat(rng().standard_normal((30, 2)), 3, axis=0)
    classes = np.tile([0, 1, 1], 30)
    exponents = lyapunov_exponents(wells(states).jacobians)
    near = neighbourhoods(
        states, classes, exponents, measured=np.arange(90), space="noise", neighbours=2, resamples=2, rng=rng()
    )
    np.testing.assert_array_equal(near.shares, np.tile([0, 0.5, 0.5], 30))
    pairs = near_pairs(states, states, np.zeros(90), neighbours=2)
    assert (pairs.first < pairs.second).all()
    assert (pairs.near == 0).all()


def test_every_pair_is_beside_its_bound_and_what_it_demands():
    z, y = rng(1).standard_normal((12, 3)), rng(2).standard_normal((12, 2))
    errors = rng(3).uniform(0.1, 0.2, size=12)
    pairs = replace(all_pairs(z, y, errors), constant=0.7)
    assert len(pairs.apart) == 66
    for index, (i, j) in enumerate(combinations(range(12), 2)):
        assert (pairs.first[index], pairs.second[index]) == (i, j)
        apart, bound = np.linalg.norm(y[i] - y[j]), 0.7 * np.linalg.norm(z[i] - z[j]) + errors[i] + errors[j]
        assert pairs.bound[index] == pytest.approx(bound)
        assert pairs.slack[index] == pytest.approx(bound - apart)
        assert pairs.ratio[index] == pytest.approx(apart / bound)
        assert pairs.violating[index] == (apart > bound * (1 + 1e-5)) == (pairs.demanded[index] > 0.7)
    assert 0 < pairs.violating.sum() < 66, "the premise: some violate it"
    worst = pairs.worst(3)
    assert (np.diff(pairs.slack[worst]) >= 0).all()
    assert pairs.slack[worst[0]] == pairs.slack.min()
    assert set(np.flatnonzero(pairs.violators)) == {*pairs.first[pairs.violating], *pairs.second[pairs.violating]}
    assert pairs.diameter == pairs.apart.max()


def test_a_constant_bounds_the_share_that_was_asked_for():
    z, y = rng(1).standard_normal((40, 3)), rng(2).standard_normal((40, 2))
    pairs = all_pairs(z, y, np.full(40, 0.05))
    constant = demanded_constant(pairs, share=0.9)
    assert np.mean(replace(pairs, constant=constant).violating) == pytest.approx(0.1, abs=0.01)


def test_what_cannot_be_paired_or_bounded_is_refused():
    z = rng().standard_normal((8, 2))
    with pytest.raises(ValueError, match="data that vary and two objects of one label"):
        all_pairs(z, np.ones((8, 2)), np.zeros(8))
    with pytest.raises(ValueError, match="more objects than neighbours, got 8 objects and 8 neighbours"):
        near_pairs(z, z, np.zeros(8), neighbours=8)
    with pytest.raises(ValueError, match="a constant that bounds 95 % of the pairs, got ∞"):
        demanded_constant(all_pairs(0 * z, z, np.zeros(8)), share=0.95)
    _, exponents = objects(n=8)
    pairs = near_pairs(z, z, np.zeros(8))
    with pytest.raises(ValueError, match="an exponent for each of 8 objects, got 3"):
        located_violations(pairs, exponents.subset(np.arange(3)), rng=rng())
    with pytest.raises(ValueError, match="at least 20 measured objects with an exponent each"):
        neighbourhoods(z, np.zeros(8, int), exponents, measured=np.arange(8), space="noise", rng=rng())


@pytest.mark.parametrize("pairs_of", [all_pairs, near_pairs])
def test_objects_without_numbers_or_with_errors_that_do_not_fit_are_refused(pairs_of):
    z, errors = rng().standard_normal((8, 2)), np.zeros(8)
    broken = z.copy()
    broken[3, 1] = np.nan
    for given in ((broken, z, errors), (z, broken, errors), (z, z, errors + np.inf)):
        with pytest.raises(ValueError, match="finite points, images and errors, got NaN or ∞"):
            pairs_of(*given)
    with pytest.raises(ValueError, match="an error of each object, got 8, 8 and 7"):
        pairs_of(z, z, errors[1:])
    with pytest.raises(ValueError, match="errors of 0 or more, got -1"):
        pairs_of(z, z, errors - 1.0)


def test_no_neighbours_and_shares_that_are_none_are_refused():
    z = rng().standard_normal((8, 2))
    with pytest.raises(ValueError, match="at least one neighbour, .* got 8 objects and 0 neighbours"):
        near_pairs(z, z, np.zeros(8), neighbours=0)
    for share in (0.0, -0.5, 1.5, np.nan):
        with pytest.raises(ValueError, match="a share of the pairs above 0, at most 1"):
            demanded_constant(all_pairs(z, z, np.zeros(8)), share=share)


def model() -> ArrayLatentModel:
    """Errors near the boundary of the double well only: its step is smoother than that of the flow."""
    return ArrayLatentModel(
        encode_noise=lambda x: x,
        encode_data=lambda y: y,
        matrix=np.eye(2),
        decode=lambda z: np.column_stack([np.tanh(3 * z[:, 0]), z[:, 1] / 10]),
    )


IDS = ("violations_at_boundaries", "violations_at_boundaries_latent", "near_stays_near", "near_stays_near_latent")


def report_of(**given):
    found, _ = objects(n=600)
    pairs = SnapshotPairs(before=found.states, after=found.images)
    return verify(model(), pairs, rng=rng(), **given)


def test_verify_locates_the_violations_of_a_flow_that_it_can_differentiate(tmp_path):
    found, _ = objects(n=600)
    report = report_of(flow=WELLS, classes=sides(found.images))
    assert [report.claims[id].verdict for id in IDS] == [Verdict.SUPPORTED] * 4
    assert all(control.behaves for id in IDS for control in report.claims[id].controls)
    table = next(table for table in report.tables if table.title.startswith("Near pairs"))
    assert {row[0] for row in table.rows} == {"noise", "latent space"}
    assert "of the double well" in table.note
    flow, of_model, *bars = report.figures["boundaries"]().axes
    assert (flow.get_title(loc="left"), of_model.get_title(loc="left")) == (
        "the flow, and violations in noise", "the model, and violations in latent space",
    )  # fmt: skip
    assert len(bars) == 2
    assert set(report.figures) >= {"boundaries", "neighbourhoods"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [({}, "no flow here that can be differentiated"), ({"flow": WELLS}, "no classes from outside the model")],
    ids=["no flow", "no classes"],
)
def test_verify_says_why_a_claim_does_not_apply(given, reason):
    report = report_of(**given)
    assert reason in report.claims["near_stays_near"].because
    assert report.claims["violations_at_boundaries"].applicable == bool(given)


def test_verify_refuses_a_flow_that_has_nothing_to_do_with_the_pairs():
    with pytest.raises(ValueError, match="the flow of these pairs, got images .* apart from their data at the median"):
        report_of(flow=LINEAR)
    narrow = KnownFlow(linearised=lambda x: Linearisation(states=x, images=x[:, :1], jacobians=np.ones((len(x), 2, 1))))
    with pytest.raises(ValueError, match=r"the flow of these pairs, got images of \(300, 1\)"):
        report_of(flow=narrow)


def test_a_fault_of_the_flow_is_not_taken_for_a_claim_that_does_not_apply():
    def broken(x):
        raise ValueError("a fault of the caller")

    with pytest.raises(ValueError, match="a fault of the caller"):
        report_of(flow=KnownFlow(linearised=broken))
    with pytest.raises(TypeError, match="a Linearisation of the flow, got tuple"):
        report_of(flow=KnownFlow(linearised=lambda x: (x, x)))


@pytest.mark.parametrize(
    ("affordable", "applicable", "reason"),
    [(9, False, "at 9 states, fewer than 10"), (10, True, "exponents are known at 10 objects, fewer than 20")],
)
def test_few_exponents_are_no_reason_to_abort_a_report(affordable, applicable, reason):
    found, _ = objects(n=600)
    report = report_of(flow=replace(WELLS, affordable=affordable), classes=sides(found.images))
    assert reason in report.claims["near_stays_near"].because
    assert (reason not in report.claims["violations_at_boundaries"].because) == applicable


def test_a_share_of_one_among_few_objects_is_not_certain():
    found, exponents = objects(n=40)
    near = neighbourhoods(
        found.states, np.zeros(40, int), exponents, measured=np.arange(40), space="noise", resamples=20, rng=rng()
    )
    assert near.away.low == 1.0, "the premise: every neighbour is of one class"
    claim = near_stays_near(near)
    assert (claim.interval.low, claim.interval.high) == (pytest.approx(1 - 3 / 20), 1.0)
    assert claim.verdict is Verdict.INCONCLUSIVE
    never = replace(near, at_boundaries=replace(near.away, estimate=0.0, low=0.0, high=0.0))
    (control,) = near_stays_near(never).controls
    assert control.interval.high == pytest.approx(3 / 4)


def test_few_objects_are_not_halved():
    found, _ = objects(n=18)
    pairs = SnapshotPairs(before=found.states, after=found.images)
    report = verify(model(), pairs, flow=WELLS, rng=rng())
    assert "there are 18 independent objects, fewer than 20" in report.claims["violations_at_boundaries"].because


def test_the_map_has_the_edges_of_the_basins_the_violations_and_a_bar_with_words():
    field = exponent_field(WELLS, half_width=2.0, points=20)
    points = rng().standard_normal((5, 2)) / 4
    figure = figure_of(lambda ax: draw_exponents(ax, field, violating=points, title="here"))
    ax, bar = figure.axes
    (image,) = ax.get_images()
    assert image.get_clim() == pytest.approx(field.limits)
    assert image.get_interpolation() == "bilinear"
    assert "log ‖DΦ(x)‖" in bar.get_ylabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "edges of the basins", "in a pair that violates the bound",
    ]  # fmt: skip
    edges = [c for c in ax.collections if isinstance(c, matplotlib.contour.QuadContourSet)]
    assert len(edges) == 2
    for path in edges[0].get_paths():
        assert np.abs(path.vertices[:, 0]).max() < 0.11, "the boundary is the line x = 0, to half a cell"
    bare = figure_of(lambda ax: draw_exponents(ax, replace(field, classes=None), limits=(-1.0, 1.0)))
    assert bare.axes[0].get_legend() is None
    assert bare.axes[0].get_images()[0].get_clim() == (-1, 1)


def test_the_curve_shows_every_group_with_its_interval():
    found, exponents = objects(n=200)
    near = neighbourhoods(
        found.states, sides(found.images), exponents, measured=np.arange(200), space="noise", resamples=20, rng=rng()
    )
    ax = figure_of(lambda ax: draw_neighbourhoods(ax, {"noise": near}, bound=0.9)).axes[0]
    line = ax.lines[0]
    np.testing.assert_allclose(line.get_ydata(), [group.estimate for group in near.groups])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["near in noise"]
    assert "bound 0.9" in {text.get_text() for text in ax.texts}


def test_the_words_of_a_claim_are_those_of_its_hypothesis():
    assert checks.violations_hypothesis("noise").startswith("Where near in noise")
    assert checks.near_hypothesis("latent space").endswith("what is near in latent space becomes the same class.")
