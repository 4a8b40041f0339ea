"""What the distances between samples and the games against a critic owe to what they are called.

A distance d is one number for each sample and its target, d ≥ 0 and d(x, x) = 0. Where laws p and q sit on finitely
many points, a critic is a number at each of them, and the means of the games are sums:

    Σ_k ½ p_k s(−C_k) + ½ q_k s(C_k)  ≥  log 2 − JSD(p, q),     equal at C = log p/q,     s(t) = log(1 + eᵗ).       (1)

Source: Goodfellow et al. 2014, theorem 1, with halves.
"""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import generators
from vgg_files import head_state, vgg_state

from kdm.adversarial_objective import NonSaturatingGame, PairedGame
from kdm.configuration import seeded_modules
from kdm.distances import PseudoHuberDistance, SquaredDistance
from kdm.networks.discriminator import CriticConfig
from kdm.networks.perceptual import PerceptualNetwork
from kdm.objectives import weighted_mean

NETWORK = PerceptualNetwork(vgg_state() | head_state()).double()


def perceptual(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """LPIPS, of pictures as they are."""
    ours, theirs = (NETWORK.features(samples, shortest=16) for samples in (predicted, target))
    return NETWORK.between(ours, theirs)


distances = st.one_of(
    st.sampled_from([SquaredDistance(), perceptual]),
    st.floats(1e-3, 10.0).map(lambda c: PseudoHuberDistance(c=c)),
)
games = st.sampled_from([NonSaturatingGame(), PairedGame()])


def pictures(rng: np.random.Generator, count: int = 3) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal((count, 3, 16, 18)))


def law(rng: np.random.Generator, points: int) -> torch.Tensor:
    """Probabilities, some of them small."""
    return torch.from_numpy(rng.dirichlet(np.full(points, 0.7)) * 0.999 + 0.001 / points)


@given(distances, generators(), st.sampled_from([torch.float32, torch.float64]))
def test_a_distance_is_zero_at_equal_samples_and_positive_at_others(distance, rng, dtype):
    left, right = pictures(rng), pictures(rng)
    if distance is not perceptual:  # its weights are in double precision here
        left, right = left.to(dtype), right.to(dtype)
    assert torch.equal(distance(left, left.clone()), torch.zeros_like(left[:, 0, 0, 0]))
    assert (distance(left, right) > 0).all()


@given(distances, generators())
def test_a_distance_is_symmetric(distance, rng):
    left, right = pictures(rng), pictures(rng)
    torch.testing.assert_close(distance(left, right), distance(right, left))


@given(distances, generators())
def test_a_distance_does_not_look_at_the_rest_of_the_batch_nor_at_its_order(distance, rng):
    left, right = pictures(rng), pictures(rng)
    order = torch.from_numpy(rng.permutation(3))
    whole = distance(left, right)
    torch.testing.assert_close(distance(left[order], right[order]), whole[order])
    torch.testing.assert_close(distance(left[1:2], right[1:2]), whole[1:2])


@given(generators(), st.floats(1e-3, 10.0))
def test_the_pseudo_huber_distance_lies_below_the_quadratic_and_the_modulus_and_nears_both(rng, c):
    target, huber = pictures(rng), PseudoHuberDistance(c=c)
    step = torch.from_numpy(rng.uniform(0.5, 1.0, target.shape))
    for size in (1e-3, 1.0, 1e3):
        r = c * size * step
        measured = huber(target + r, target)
        quadratic, modulus = r.square().flatten(1).mean(1) / (2 * c), r.flatten(1).mean(1)
        assert (measured <= torch.minimum(quadratic, modulus) * (1 + 1e-9)).all()
        if size != 1.0:
            torch.testing.assert_close(measured, quadratic if size < 1 else modulus, rtol=3e-3, atol=0)


@given(generators(), st.integers(2, 5))
def test_a_mean_with_importance_weights_is_unbiased(rng, count):
    values, chances = torch.from_numpy(rng.standard_normal(count)), law(rng, count)
    weights = 1.0 / (count * chances)
    expected = sum(
        chances[i] * chances[j] * weighted_mean(values[[i, j]], weights[[i, j]])
        for i in range(count)
        for j in range(count)
    )
    torch.testing.assert_close(expected, weighted_mean(values, None))


@given(generators(), st.integers(2, 6))
def test_no_critic_costs_less_than_the_divergence_of_the_laws_and_their_log_ratio_costs_that(rng, points):
    p, q = law(rng, points), law(rng, points)
    middle = (p + q) / 2
    divergence = ((p * (p / middle).log()).sum() + (q * (q / middle).log()).sum()) / 2

    def cost(critic: torch.Tensor) -> torch.Tensor:
        zero = torch.zeros(points, dtype=torch.float64)
        game, free = NonSaturatingGame(), torch.full_like(zero, math.log(2.0) / 2)
        at_p, at_q = game.of_critic(critic, zero) - free, game.of_critic(zero, critic) - free
        return (p * at_p).sum() + (q * at_q).sum()

    best = (p / q).log()
    torch.testing.assert_close(cost(best), math.log(2.0) - divergence)
    for _ in range(5):
        assert cost(best + torch.from_numpy(rng.standard_normal(points))) >= math.log(2.0) - divergence - 1e-12


@given(games, generators(), st.integers(1, 6))
def test_where_the_laws_are_equal_a_critic_costs_at_least_log_2_and_one_that_says_zero_just_that(game, rng, points):
    p, critic = law(rng, points), torch.from_numpy(2.0 * rng.standard_normal(points))
    real, generated = (side.flatten() for side in torch.meshgrid(critic, critic, indexing="ij"))
    chances = torch.outer(p, p).flatten()
    silent = torch.zeros_like(real)
    assert (chances * game.of_critic(real, generated)).sum() >= math.log(2.0) - 1e-12
    torch.testing.assert_close(
        (chances * game.of_critic(silent, silent)).sum(), torch.tensor(math.log(2.0), dtype=torch.float64)
    )  # fmt: skip


@given(generators(), st.integers(1, 9), st.integers(1, 9))
def test_a_critic_does_not_look_at_the_rest_of_the_batch_nor_at_its_order(rng, height, width):
    with seeded_modules(torch.Generator().manual_seed(int(rng.integers(2**32)))):
        critic = CriticConfig(channels=(2, 3)).built((2, height, width)).double()
    samples = torch.from_numpy(rng.standard_normal((4, 2, height, width)))
    order = torch.from_numpy(rng.permutation(4))
    judged = critic(samples)
    torch.testing.assert_close(critic(samples[order]), judged[order])
    torch.testing.assert_close(critic(samples[:1]), judged[:1])
