import json
from dataclasses import replace

import jaxtyping
import numpy as np
import pytest

from koopman_analysis.claims import Verdict
from koopman_analysis.estimators.latent import ArrayLatentModel
from koopman_analysis.semantics import StatesOnTheWay
from koopman_analysis.snapshots import SnapshotPairs, SnapshotTrajectories
from koopman_analysis.verification import VerificationConfig, verify
from koopman_analysis.verification.representations import SemanticControls

N = 1200
CONFIG = VerificationConfig(semantic_objects=120, semantic_resamples=59, isometry_bound=0.6)


@pytest.fixture
def unchecked(monkeypatch):
    """Arguments of wrong types arrive, as they do outside of tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def flow(noise):
    """Each coordinate through its own monotone map: closed in arctan coordinates, by construction."""
    return 4.0 * np.arctan(noise)


def model(shared=False, error=0.0):
    """Latents arctan(x) and y/4: K = I is exact, up to an error that is put in."""
    return ArrayLatentModel(
        encode_noise=lambda noise, labels: np.arctan(noise) + error * np.sin(5 * noise),
        encode_data=lambda data, labels: data / 4.0,
        matrix=np.eye(2),
        decode=lambda latents, labels: 4.0 * latents,
        shared_encoder=shared,
    )


def pairs(n=N, seed=0, trajectory=None):
    noise = np.random.default_rng(seed).standard_normal((n, 2))
    return SnapshotPairs(before=noise, after=flow(noise), trajectory=trajectory)


def random_encoders(count=19):
    weights = [np.random.default_rng(seed).standard_normal((2, 6)) for seed in range(count)]
    return [lambda noise, weight=weight: np.tanh(noise @ weight) for weight in weights]


@pytest.fixture(scope="module")
def report():
    held_out = pairs()
    classes = (held_out.after[:, 0] > 0).astype(np.int64)
    return verify(
        model(), held_out, classes=classes, random_encoders=random_encoders(), config=CONFIG,
        rng=np.random.default_rng(0),
    )  # fmt: skip


def test_an_exact_model_is_closed_isometric_and_keeps_outliers(report):
    assert report.claims["closed"].verdict is Verdict.SUPPORTED
    assert report.claims["closed"].interval.high < 1e-20
    assert report.claims["isometric"].verdict is Verdict.SUPPORTED
    assert report.claims["outliers"].verdict is Verdict.SUPPORTED
    assert report.claims["outliers_latent"].verdict is Verdict.SUPPORTED


def test_every_claim_that_applies_has_a_control_that_behaves(report):
    applicable = [claim for claim in report.claims.values() if claim.applicable]
    assert len(applicable) == 13
    for claim in applicable:
        assert any(control.expected is Verdict.REFUTED for control in claim.controls), claim.id
        astray = {control.name for control in claim.controls if not control.behaves}
        # Of neighbours in the noise nearly all are of one class: little is left by which anything could exceed it.
        assert astray <= ({"class and noise"} if claim.id == "semantic_neighbours" else set()), claim.id
        assert not any(control.decided for control in claim.controls if not control.behaves), claim.id


def test_every_picture_can_be_drawn_and_the_report_saved(report, tmp_path):
    assert set(report.figures) == {
        "closure_spectrum", "samples", "semantic", "semantic_neighbours", "semantic_features",
        "semantic_gauge_free", "outliers",
        "outliers_latent", "outliers_at_edges", "gauge",
    }  # fmt: skip
    page = report.save(tmp_path / "r")
    ids = [claim["id"] for claim in json.loads((page.parent / "claims.json").read_text())["claims"]]
    assert ids == [
        "closed",
        "isometric",
        "not_expanding",
        "semantic",
        "semantic_neighbours",
        "semantic_features",
        "semantic_gauge_free",
        "outliers",
        "outliers_latent",
        "outliers_at_edges",
        "autonomous",
        "eigenvalues",
        "stable",
        "nearly_normal",
        "eigenvalues_trusted",
        "rank",
        "bounded",
        "bounded_informative",
        "violations_at_boundaries",
        "violations_at_boundaries_latent",
        "near_stays_near",
        "near_stays_near_latent",
    ]


def test_the_picture_of_closure_is_the_curve_in_the_order_of_the_decoder_with_the_claims_tolerance(report):
    (ax,) = report.figure("closure_spectrum").axes
    assert ax.get_xlabel() == "output rank, in the order of the decoder"
    lines = {line.get_label(): line.get_ydata() for line in ax.lines}
    assert set(lines["not predicted, of the first directions"] < 1e-20) == {True}
    assert CONFIG.closure_tolerance in [values[0] for values in lines.values() if len(set(values)) == 1]
    assert not ax.get_title(loc="left")


def test_where_the_decoder_has_no_values_around_latents_the_picture_says_that_directions_weigh_alike():
    mark = np.array([1.0, np.sqrt(2)])
    on_latents = np.unique(model().encode_data(pairs(400).after) @ mark)

    def decode(latents, labels):
        """Of the latents of these data, and of those alone."""
        known = np.isclose((latents @ mark)[:, None], on_latents, rtol=0, atol=1e-12).any(axis=1)
        return np.where(known[:, None], 4.0 * latents, np.nan)

    undefined = replace(model(), decode=decode)
    report = verify(undefined, pairs(400), config=CONFIG, rng=np.random.default_rng(0))
    assert report.claims["closed"].verdict is Verdict.SUPPORTED
    (ax,) = report.figure("closure_spectrum").axes
    assert ax.get_title(loc="left") == "all directions weigh alike: the decoder has no values around the latents"
    assert ax.get_ylabel() == "canonical correlation σ"
    assert not report.claims["not_expanding"].applicable


def test_a_model_that_predicts_badly_is_not_closed():
    wrong = verify(model(error=1.0), pairs(), config=CONFIG, rng=np.random.default_rng(0))
    assert wrong.claims["closed"].verdict is Verdict.REFUTED


def test_the_same_seed_gives_the_same_claims():
    first, second = (
        verify(model(error=0.02), pairs(400), config=CONFIG, rng=np.random.default_rng(3)).to_json()["claims"]
        for _ in range(2)
    )
    assert first == second


def test_two_encoders_have_neither_eigenvalues_nor_a_path_between_their_ends(report):
    for id, reason in (("eigenvalues", "two encoders fix the eigenvalues"), ("autonomous", "fix only the endpoints")):
        assert reason in report.claims[id].because
        assert not report.claims[id].applicable


def test_one_encoder_has_eigenvalues_and_they_are_held_against_the_flow():
    """The flow is x ↦ 2x; the encoder of both ends is the identity."""
    noise = np.random.default_rng(0).standard_normal((400, 2))
    held_out = SnapshotPairs(before=noise, after=2 * noise + 1)
    true, false = (
        ArrayLatentModel(
            encode_noise=lambda x: x, encode_data=lambda y: y, matrix=factor * np.eye(2), offset=np.ones(2),
            decode=lambda z: z, shared_encoder=True,
        )
        for factor in (2.0, 1.5)
    )  # fmt: skip
    claims = [verify(model, held_out, config=CONFIG, rng=np.random.default_rng(0)).claims for model in (true, false)]
    assert [claim["eigenvalues"].verdict for claim in claims] == [Verdict.SUPPORTED, Verdict.REFUTED]
    assert all(control.behaves for control in claims[0]["eigenvalues"].controls)
    assert [claim["eigenvalues_trusted"].verdict for claim in claims] == [Verdict.SUPPORTED, Verdict.REFUTED]
    assert "no latents at times between the ends" in claims[0]["autonomous"].because


def test_one_encoder_of_whole_trajectories_is_asked_for_a_semigroup():
    clock = np.array([0.0, 0.2, 0.3, 1.0])
    noise = np.random.default_rng(0).standard_normal((200, 2))
    states = noise[:, None] * np.exp(clock[:, None] * np.array([0.5, -0.5]))
    model = ArrayLatentModel(
        encode_noise=lambda x: x, encode_data=lambda y: y, matrix=np.diag(np.exp([0.5, -0.5])), decode=lambda z: z,
        shared_encoder=True,
    )  # fmt: skip
    held_out = SnapshotPairs(before=states[:, 0], after=states[:, -1])

    def verified(latents):
        trajectories = SnapshotTrajectories(states=latents, times=np.array([3.0, 2.0, 1.0, 0.0]))
        return verify(model, held_out, latent_trajectories=trajectories, config=CONFIG, rng=np.random.default_rng(0))

    report = verified(states)
    claim = report.claims["autonomous"]
    assert claim.verdict is Verdict.SUPPORTED
    assert len(claim.controls) == 3
    assert all(control.behaves for control in claim.controls)
    assert report.figure("autonomy").axes
    assert report.figure("eigenvalues").axes
    assert report.figure("eigenvalues_trusted").axes
    wide = verified(np.tile(states, (1, 1, 20)))
    assert "for at most 24 latents, and there are 40" in wide.claims["autonomous"].because


def test_eigenvalues_are_not_asked_of_a_model_whose_control_depends_on_labels():
    held_out = pairs(400)
    labels = np.arange(400) % 2
    conditional = ArrayLatentModel(
        encode_noise=lambda x: x, encode_data=lambda y: y, matrix=np.eye(2), decode=lambda z: z, shared_encoder=True,
        offset=lambda labels: 2.0 * np.repeat(labels[:, None], 2, axis=1),
    )  # fmt: skip
    report = verify(conditional, held_out, labels=labels, config=CONFIG, rng=np.random.default_rng(0))
    assert "the control depends on labels" in report.claims["eigenvalues"].because


def test_nothing_is_said_of_semantics_without_classes_or_controls():
    held_out = pairs(400)
    classes = (held_out.after[:, 0] > 0).astype(np.int64)
    without_classes = verify(model(), held_out, config=CONFIG, rng=np.random.default_rng(0))
    without_encoders = verify(model(), held_out, classes=classes, config=CONFIG, rng=np.random.default_rng(0))
    assert without_classes.claims["semantic"].because == "not applicable: there are no classes from outside the model"
    assert without_encoders.claims["semantic"].because.endswith("no random encoders to compare with")
    for id in ("semantic_neighbours", "semantic_features"):
        assert without_classes.claims[id].because == without_classes.claims["semantic"].because


def semantic_report(held_out, classes, **given):
    return verify(
        model(), held_out, classes=classes, random_encoders=random_encoders(), config=CONFIG,
        rng=np.random.default_rng(0), **given,
    )  # fmt: skip


def test_controls_are_functions_of_the_noise_or_a_row_for_each_pair():
    held_out = pairs(260)
    classes = (held_out.after[:, 0] > 0).astype(np.int64)
    way = StatesOnTheWay(
        positions=(0.25, 0.5), middle=1, clock="time t",
        states=np.stack([held_out.before, np.hypot(held_out.before, held_out.after)], axis=1),
    )  # fmt: skip
    given = {"function": lambda noise: noise**3, "rows": held_out.before**3}
    report = semantic_report(held_out, classes, semantic_controls=given, states_on_the_way=way)
    (table,) = [table for table in report.tables if table.title.startswith("What distances say:")]
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["function"] == cells["rows"]
    names = list(cells)
    best = names.index("best of the random encoders")
    assert names.index("teacher at t = 0.5") < best < names.index("teacher at t = 0.25"), "one control, one reference"
    assert {"the data", "latent, carried by K", "latent, white coordinates"} <= set(names[best:])
    assert "140 other pairs; it is right for" in table.note
    assert len(report.figure("semantic_midway").axes) == 3


def test_what_a_study_lacks_costs_only_what_needs_it():
    held_out = pairs(60)
    classes = (held_out.after[:, 0] > 0).astype(np.int64)
    report = semantic_report(held_out, classes)
    assert report.claims["semantic"].applicable
    assert "0 other held-out pairs are too few" in report.claims["semantic_features"].because
    one = semantic_report(held_out, np.zeros(60, dtype=np.int64))
    assert one.claims["semantic"].because == "not applicable: all objects are of one class"
    held_out, rare = pairs(300), np.zeros(300, dtype=np.int64)
    rare[np.random.default_rng(0).permutation(300)[:4]] = 1
    many = verify(
        model(), held_out, classes=rare, random_encoders=random_encoders(),
        config=VerificationConfig(semantic_objects=180, semantic_resamples=59), rng=np.random.default_rng(0),
    )  # fmt: skip
    assert "no classifier could be fitted to other pairs" in many.claims["semantic_features"].because


@pytest.mark.usefixtures("unchecked")
def test_controls_have_names_of_their_own_and_a_row_for_each_pair():
    noise = pairs(60).before
    way = StatesOnTheWay(positions=(2.0, 1.0), middle=1, states=np.stack([noise, noise], axis=1))
    for name in ("noise", "white noise", "teacher at σ = 1"):
        with pytest.raises(ValueError, match=f"expected names of their own for semantic_controls, got .'{name}'"):
            SemanticControls(further={name: noise}, path=way)
    with pytest.raises(ValueError, match="or an array with a row for each pair in 'mine', got a list"):
        SemanticControls(further={"mine": noise.tolist()})
    classes = (noise[:, 0] > 0).astype(np.int64)
    with pytest.raises(ValueError, match="expected a row for each of 60 held-out pairs in 'mine', got 50"):
        semantic_report(pairs(60), classes, semantic_controls={"mine": noise[:50]})
    with pytest.raises(ValueError, match="expected a row for each of 60 held-out pairs in 'states on the way', got 6"):
        semantic_report(pairs(60), classes, states_on_the_way=replace(way, states=way.states[:6]))


def test_where_no_two_objects_are_of_one_class_nothing_is_said_of_semantics():
    report = semantic_report(pairs(60), np.arange(60))
    for id in ("semantic", "semantic_neighbours", "semantic_features"):
        assert report.claims[id].because == "not applicable: no two objects are of one class"


def test_noise_in_white_coordinates_is_a_control(report):
    (table,) = [table for table in report.tables if table.title.startswith("What distances say:")]
    names = [row[0] for row in table.rows]
    assert names.index("noise") < names.index("white noise") < names.index("best of the random encoders")


def test_the_labels_of_a_conditional_model_travel_with_their_pairs():
    held_out = pairs(400)
    labels = np.arange(400) % 2
    shifted = SnapshotPairs(before=held_out.before, after=held_out.after + 8.0 * labels[:, None])
    conditional = ArrayLatentModel(
        encode_noise=lambda noise, labels: np.arctan(noise),
        encode_data=lambda data, labels: data / 4.0,
        matrix=np.eye(2),
        decode=lambda latents, labels: 4.0 * latents,
        offset=lambda labels: 2.0 * np.repeat(labels[:, None], 2, axis=1),
    )
    report = verify(conditional, shifted, labels=labels, config=CONFIG, rng=np.random.default_rng(0))
    assert report.claims["closed"].verdict is Verdict.SUPPORTED
    assert report.claims["isometric"].verdict is not Verdict.REFUTED


def test_one_pair_of_each_trajectory_is_independent():
    together = verify(
        model(), pairs(600, trajectory=np.repeat(np.arange(200), 3)), config=CONFIG, rng=np.random.default_rng(0)
    )
    assert together.claims["outliers"].interval.n == 200


def test_what_too_few_independent_objects_cannot_show_is_not_applicable():
    noise = np.random.default_rng(0).standard_normal((600, 2))
    lift = np.random.default_rng(1).standard_normal((2, 40))
    wide = ArrayLatentModel(
        encode_noise=lambda x, labels: np.tanh(x @ lift), encode_data=lambda y, labels: np.tanh(y @ lift),
        matrix=np.eye(40), decode=lambda z, labels: np.arctanh(z) @ np.linalg.pinv(lift),
    )  # fmt: skip
    held_out = SnapshotPairs(before=noise, after=noise.copy(), trajectory=np.repeat(np.arange(40), 15))
    report = verify(wide, held_out, config=VerificationConfig(isometry_bound=10.0), rng=np.random.default_rng(0))
    assert report.claims["outliers"].because.startswith(
        "not applicable: expected at least 10 outliers and 10 others to resample, but outermost 10 % marks 4 of 40"
    )
    assert report.claims["isometric"].because.startswith("not applicable: 40 independent pairs are too few")
    assert report.claims["outliers_latent"].because.startswith(
        "not applicable: there are fewer objects than directions"
    )


def test_a_collapsed_encoder_is_refuted_without_a_spectrum():
    collapsed = ArrayLatentModel(
        encode_noise=lambda noise, labels: np.zeros((len(noise), 2)),
        encode_data=lambda data, labels: np.zeros((len(data), 2)),
        matrix=np.eye(2),
        decode=lambda latents, labels: latents,
    )
    report = verify(collapsed, pairs(400), config=CONFIG, rng=np.random.default_rng(0))
    assert report.claims["closed"].verdict is Verdict.REFUTED
    assert "closure_spectrum" not in report.figures


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_one_collapsed_encoder_has_no_eigenvalues_to_ask_for(value):
    still = replace(
        model(shared=True), encode_noise=lambda x: np.full((len(x), 2), value),
        encode_data=lambda y: np.full((len(y), 2), value),
    )  # fmt: skip
    report = verify(still, pairs(400), config=CONFIG, rng=np.random.default_rng(0))
    assert "the latents do not vary: the encoder has collapsed" in report.claims["eigenvalues"].because


def test_a_direction_in_which_the_data_do_not_vary_costs_the_numbers_of_the_gauge_and_no_claim():
    dead = ArrayLatentModel(
        encode_noise=lambda x: np.column_stack([x, x[:, 0] * x[:, 1]]),
        encode_data=lambda y: np.column_stack([y, np.zeros(len(y))]),
        matrix=np.eye(3), decode=lambda z: np.tanh(z[:, :2]) + 0.1 * z[:, 2:],
    )  # fmt: skip
    report = verify(dead, pairs(800), config=CONFIG, rng=np.random.default_rng(0))
    assert "gauge" not in report.figures
    assert "eigenvalues" in report.claims
    table = next(table for table in report.tables if table.title.startswith("In this checkpoint's gauge"))
    assert not table.rows
    assert table.note.startswith("Not measured: expected latents of the data that vary in all of 3 directions")


def test_an_operator_to_another_dimension_has_no_eigenvalues_in_any_gauge():
    down = ArrayLatentModel(
        encode_noise=lambda x: np.column_stack([np.arctan(x), x]), encode_data=lambda y: y / 4.0,
        matrix=np.eye(4, 2), decode=lambda z: 4.0 * z,
    )  # fmt: skip
    report = verify(down, pairs(400), config=CONFIG, rng=np.random.default_rng(0))
    assert report.claims["eigenvalues"].because.endswith("dimension, and has no eigenvalues")


def test_labels_and_classes_must_be_one_for_each_pair():
    for name in ("labels", "classes"):
        with pytest.raises(ValueError, match=f"expected {name} for each of 400 pairs, got 399"):
            verify(model(), pairs(400), rng=np.random.default_rng(0), **{name: np.zeros(399, dtype=np.int64)})
