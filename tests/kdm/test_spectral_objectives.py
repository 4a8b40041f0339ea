import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from kdm.configuration import built_model
from kdm.objectives import KoopmanObjective
from kdm.operators import DenseConfig, IsometricConfig, LowRankConfig, SpectralConfig
from kdm.presets import preset_named
from kdm.semigroup_objective import SemigroupObjective
from kdm.spectral_objectives import MatchedDistribution, OnTheCircle, Stability
from kdm.teachers import named
from kdm.training.distillation import model_config_of
from kdm.trajectories import collect

OBJECTIVES = (Stability(), OnTheCircle(), MatchedDistribution(inner=0.5))


def eigenvalues(*values: complex) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.complex128)


def test_the_objectives_are_the_formulas_of_their_docstring():
    values = eigenvalues(1.5, -0.5, 2j, -2j)
    assert Stability()(values).item() == pytest.approx((0.5**2 + 2 * 1.0**2) / 4)
    assert OnTheCircle()(values).item() == pytest.approx((0.5**2 + 0.5**2 + 2 * 1.0**2) / 4)
    shares = np.array([1, 3, 5, 7]) / 8
    moduli = np.sqrt(0.25 + shares * (1.0 - 0.25))
    expected = np.mean((np.array([0.5, 1.5, 2.0, 2.0]) - moduli) ** 2)
    expected += np.mean((np.array([0.0, 0.5, 0.5, 1.0]) - shares) ** 2)
    assert MatchedDistribution(inner=0.5)(values).item() == pytest.approx(expected)


def test_the_quantiles_are_those_of_points_spread_evenly_over_the_ring():
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (400_000, 2)) @ [1, 1j]
    ring = points[(np.abs(points) >= 0.5) & (np.abs(points) <= 1.0)]
    assert len(ring) > 100_000
    spread = MatchedDistribution(inner=0.5)(torch.from_numpy(ring)).item()
    assert spread < 1e-4
    assert MatchedDistribution(inner=0.0)(torch.from_numpy(ring)).item() > 100 * spread


def test_the_circle_draws_to_itself_and_not_to_the_point_one():
    assert OnTheCircle()(eigenvalues(1j, -1.0, np.exp(0.3j))).item() == pytest.approx(0.0, abs=1e-30)
    values = eigenvalues(0.8j).requires_grad_()
    OnTheCircle()(values).backward()
    assert values.grad[0].real == 0.0
    assert values.grad[0].imag == pytest.approx(2 * (0.8 - 1.0))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("kind", [SpectralConfig(), DenseConfig(), IsometricConfig(), LowRankConfig(rank=3)], ids=repr)
def test_the_gradient_is_that_of_differences_for_declared_and_for_computed_eigenvalues(objective, kind):
    operator = kind.built(5).double()
    generator = torch.Generator().manual_seed(1)
    parameters = list(operator.parameters())
    with torch.no_grad():
        for parameter in parameters:
            parameter.add_(0.4 * torch.randn(parameter.shape, generator=generator).double())
    objective(operator.eigenvalues).backward()
    directions = [torch.randn(parameter.shape, generator=generator).double() for parameter in parameters]
    slope = sum(
        float((parameter.grad * direction).sum())
        for parameter, direction in zip(parameters, directions, strict=True)
        if parameter.grad is not None
    )
    found = []
    for step in (1e-5, -1e-5):
        with torch.no_grad():
            for parameter, direction in zip(parameters, directions, strict=True):
                parameter.add_(step * direction)
            found.append(objective(operator.eigenvalues).item())
            for parameter, direction in zip(parameters, directions, strict=True):
                parameter.sub_(step * direction)
    assert slope == pytest.approx((found[0] - found[1]) / 2e-5, rel=1e-3, abs=1e-6)


def test_training_on_a_ring_spreads_the_eigenvalues_of_a_spectral_operator_over_it():
    operator, objective = SpectralConfig(modulus=0.9).built(40), MatchedDistribution(inner=0.5, outer=0.9)
    with torch.no_grad():
        operator.blocks.phases.uniform_(0.0, 0.5, generator=torch.Generator().manual_seed(2))
    before = objective(operator.eigenvalues).item()
    optimiser = torch.optim.Adam(operator.blocks.parameters(), lr=0.05)
    for _ in range(300):
        loss = objective(operator.eigenvalues)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # Each modulus and phase is there twice, so that one of 40 quantiles is missed by half a step.
    assert loss.item() < 1e-3 < 0.05 < before


@pytest.mark.parametrize(("inner", "outer"), [(-0.1, 1.0), (1.1, 1.0), (0.0, math.inf)])
def test_a_ring_that_is_none_is_refused(inner, outer):
    with pytest.raises(ValueError, match="expected radii 0 <= inner <= outer < inf, got inner"):
        MatchedDistribution(inner=inner, outer=outer)


@pytest.fixture(scope="module")
def whole():
    return collect(named("checkerboard"), 100, generator=torch.Generator().manual_seed(0), steps=8, keep=(4,))


@pytest.mark.parametrize("preset", ["checkerboard", "checkerboard-trajectory"])
def test_distillation_weighs_the_spectrum_and_at_weight_zero_does_not_look_at_it(preset, whole, monkeypatch):
    config = preset_named(preset).distillation
    model = built_model(model_config_of(config, whole), generator=torch.Generator().manual_seed(3))
    pairs = whole.training(whole=config.shares_encoder)
    weighed = replace(config.objective, spectral_weight=0.5, spectral=MatchedDistribution())
    losses = weighed(model, pairs)
    spectrum = MatchedDistribution()(model.operator.eigenvalues)
    assert spectrum.item() > 0.01, "the premise"
    torch.testing.assert_close(losses.parts["spectrum"], spectrum)
    monkeypatch.setattr(type(model.operator), "eigenvalues", property(lambda self: pytest.fail("looked at")))
    plain = config.objective(model, pairs)
    assert isinstance(config.objective, KoopmanObjective | SemigroupObjective)
    assert "spectrum" not in plain.parts
    torch.testing.assert_close(losses.total, plain.total + 0.5 * spectrum)


def test_a_weighed_spectrum_is_what_training_brings_to_the_circle(whole):
    config = preset_named("checkerboard").distillation
    architecture = replace(config.architecture, operator=SpectralConfig(modulus=0.5))
    moduli = {}
    for weight in (0.0, 100.0):
        objective = replace(config.objective, spectral_weight=weight, spectral=OnTheCircle())
        changed = replace(config, architecture=architecture, objective=objective)
        model = built_model(model_config_of(changed, whole), generator=torch.Generator().manual_seed(4))
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(100):
            optimiser.zero_grad()
            objective(model, whole.training()).total.backward()
            optimiser.step()
        moduli[weight] = model.operator.eigenvalues.abs().min().item()
    assert moduli[100.0] > 0.9 > 0.8 > moduli[0.0]
