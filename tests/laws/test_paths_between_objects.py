"""What lies between two objects does not know how latents are written, nor which way it is walked.

With z(s) = (1 − s) z + s z' and a decoder D,

    D'(z(s) B A) = D(z(s) A)       for a gauge B, z ↦ z B, K ↦ B⁻¹ K A, D'(z) = D(z A⁻¹),                        (1)
    z(s) K + c = (1 − s)(z K + c) + s (z' K + c),                                                                (2)
    γ(s; x, x') = γ(1 − s; x', x),                                                                               (3)
    length ≥ 1, length ≥ jump ≥ 1 / S, with equality for straight steady paths.                                  (4)
"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators

from koopman_analysis.estimators import ArrayLatentModel
from koopman_analysis.estimators.latent import carried_latents
from koopman_analysis.interpolation import (
    LINEAR,
    SPHERICAL,
    cross_fades,
    interpolation_study,
    latent_paths,
    noise_paths,
)

SHARES = np.linspace(0.0, 1.0, 5)


def model_of(weights, matrix, offset, before, after):
    """A small model, in the gauge of these two changes of latent coordinates."""
    back = np.linalg.inv(after)
    return ArrayLatentModel(
        encode_noise=lambda x: np.tanh(x @ weights) @ before, encode_data=lambda y: np.tanh(y @ weights) @ after,
        matrix=np.linalg.inv(before) @ matrix @ after, offset=offset @ after,
        decode=lambda z: np.tanh(z @ back @ weights.T),
    )  # fmt: skip


def drawn(rng):
    weights, matrix, offset = rng.standard_normal((2, 3)), rng.standard_normal((3, 3)), rng.standard_normal(3)
    start, end = rng.standard_normal((2, 6, 2))
    return weights, matrix, offset, start, end


@given(rng=generators())
def test_the_straight_way_between_latents_is_the_same_in_every_linear_gauge(rng):
    weights, matrix, offset, start, end = drawn(rng)
    gauges = [np.linalg.qr(rng.standard_normal((3, 3)))[0] * rng.uniform(0.5, 2.0, 3) for _ in range(2)]
    plain = latent_paths(model_of(weights, matrix, offset, np.eye(3), np.eye(3)), start, end, shares=SHARES)
    changed = latent_paths(model_of(weights, matrix, offset, *gauges), start, end, shares=SHARES)
    np.testing.assert_allclose(changed, plain, rtol=1e-9, atol=1e-10)


@given(rng=generators())
def test_the_operator_carries_the_straight_way_to_the_straight_way(rng):
    weights, matrix, offset, start, end = drawn(rng)
    model = model_of(weights, matrix, offset, np.eye(3), np.eye(3))
    carried = LINEAR.between(carried_latents(model, start), carried_latents(model, end), SHARES)
    images = np.stack([model.decode(latents) for latents in carried])
    np.testing.assert_allclose(latent_paths(model, start, end, shares=SHARES), images, rtol=1e-10, atol=1e-12)


@given(rng=generators())
def test_every_way_is_the_same_walked_backwards(rng):
    weights, matrix, offset, start, end = drawn(rng)
    model = model_of(weights, matrix, offset, np.eye(3), np.eye(3))
    for way in (
        lambda a, b: latent_paths(model, a, b, shares=SHARES, blend=SPHERICAL),
        lambda a, b: noise_paths(np.tanh, a, b, shares=SHARES, blend=SPHERICAL),
        lambda a, b: cross_fades(a, b, shares=SHARES),
    ):
        np.testing.assert_allclose(way(end, start)[:, ::-1], way(start, end), rtol=1e-9, atol=1e-10)


@given(d=st.integers(1, 5), rng=generators())
def test_an_arc_starts_and_ends_at_its_ends_and_keeps_their_norm(d, rng):
    start, end = (points / np.linalg.norm(points, axis=1)[:, None] for points in rng.standard_normal((2, 6, d + 1)))
    arc = SPHERICAL.between(start, end, SHARES)
    np.testing.assert_allclose(arc[:, 0], start, atol=1e-12)
    np.testing.assert_allclose(arc[:, -1], end, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(arc, axis=2), 1.0, atol=1e-12)


@given(bend=st.floats(0.0, 2.0), rng=generators())
def test_no_path_is_shorter_than_straight_and_none_jumps_less_than_a_steady_one(bend, rng):
    start, end, real = rng.standard_normal((3, 8, 2))
    straight = cross_fades(start, end, shares=SHARES)
    bent = straight + bend * np.sin(np.pi * SHARES)[None, :, None] * rng.standard_normal((8, 1, 2))
    study = interpolation_study(
        {"straight": straight, "bent": bent}, shares=SHARES, real=real, fresh=real + 1.0, resamples=5, rng=rng
    )
    length, jump = study.length.estimate, study.jump.estimate
    np.testing.assert_allclose([length[0], jump[0]], [1.0, 0.25], rtol=1e-12)
    assert length[1] >= 1.0 - 1e-12
    assert length[1] >= jump[1] >= 0.25 - 1e-12
