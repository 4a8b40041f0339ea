import numpy as np
import pytest
import torch

from kdm.configuration import Architecture, ModelConfig, built_model, seeded_modules
from kdm.control import ConstantControl, NoControl, NoControlConfig
from kdm.latent_model import KDMLatentModel
from kdm.model import NoNormalisationConfig, RMSNormalisationConfig, Scaling
from kdm.networks import ResidualMLPConfig
from kdm.operators import (
    DenseConfig,
    DenseOperator,
    FreeBasisConfig,
    IdentityBasisConfig,
    IdentityConfig,
    IdentityOperator,
    IsometricConfig,
    IsometricOperator,
    LowRankConfig,
    LowRankOperator,
    OrthogonalBasisConfig,
    SpectralConfig,
    SpectralOperator,
    real_form,
)
from kdm.operators.blocks import RotationDecayBlocks
from kdm.semigroup import Semigroup
from kdm.training.ema import PowerLawAverage
from kdm.training.optimisation import AdamConfig, SOAPConfig
from koopman_analysis import SnapshotPairs, require_latent_model

BASES = (IdentityBasisConfig(), OrthogonalBasisConfig(), FreeBasisConfig())
KINDS = (
    DenseConfig(),
    IdentityConfig(),
    IsometricConfig(),
    LowRankConfig(rank=2),
    *(SpectralConfig(basis=basis) for basis in BASES),
)
ADAM = AdamConfig(learning_rate=0.02)
each_basis = pytest.mark.parametrize("basis", BASES, ids=lambda basis: type(basis).__name__)
each_kind = pytest.mark.parametrize("kind", KINDS, ids=repr)


@pytest.fixture
def operator() -> DenseOperator:
    operator = DenseOperator(5)
    with torch.no_grad():
        operator.weight.copy_(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))
    return operator


def test_an_operator_is_multiplication_by_its_matrix_from_the_right(operator):
    latents = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    assert not torch.allclose(operator.matrix, operator.matrix.T), "a symmetric matrix would not tell rows from columns"
    torch.testing.assert_close(operator(latents), latents @ operator.matrix)
    torch.testing.assert_close(operator(latents), torch.nn.functional.linear(latents, operator.weight))


def test_an_operator_is_linear_and_so_has_no_bias(operator):
    first, second = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(operator(2 * first - 3 * second), 2 * operator(first) - 3 * operator(second))
    assert torch.equal(operator(torch.zeros(1, 5)), torch.zeros(1, 5))


def test_a_dense_operator_starts_orthogonal():
    matrix = DenseOperator(6).matrix
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(6), atol=1e-6, rtol=0)


def test_controls_are_zero_at_first_and_only_the_constant_one_learns():
    assert torch.equal(NoControl(3)(), torch.zeros(3))
    assert torch.equal(ConstantControl(3)(), torch.zeros(3))
    assert list(NoControl(3).parameters()) == []
    assert [tuple(parameter.shape) for parameter in ConstantControl(3).parameters()] == [(3,)]
    assert NoControl(3).state_dict() == {}


@pytest.mark.parametrize("dimension", [1, 5, 64])
def test_an_isometric_operator_keeps_lengths_to_rounding_however_far_it_was_turned(dimension):
    generator = torch.Generator().manual_seed(3)
    with seeded_modules(generator):
        operator = IsometricOperator(dimension)
    start = operator.matrix.detach().clone()
    free = next(operator.parameters())
    with torch.no_grad():
        free.copy_(3.0 * torch.randn(free.shape, generator=generator))
    matrix = operator.matrix.detach().double()
    if dimension > 1:
        assert (matrix - start).norm() > 0.5, "the premise: it was turned"
    # A solve and a product in single precision, of matrices with this condition.
    lower = free.detach().double().tril()
    condition = torch.linalg.cond(torch.eye(dimension, dtype=torch.float64) - (lower - lower.T) / 2)
    rounding = 4 * dimension * condition * torch.finfo(torch.float32).eps
    assert torch.linalg.matrix_norm(matrix @ matrix.T - torch.eye(dimension), 2) < rounding < 1e-2
    latents = torch.randn(7, dimension, generator=generator)
    torch.testing.assert_close(operator(latents).norm(dim=1), latents.norm(dim=1), rtol=float(rounding), atol=0)


def test_an_isometric_operator_is_the_cayley_map_of_its_docstring():
    with seeded_modules(torch.Generator().manual_seed(4)):
        operator = IsometricOperator(4)
    start = operator.matrix.detach().T.double().numpy()
    free = next(operator.parameters())
    with torch.no_grad():
        free.copy_(torch.randn(4, 4, generator=torch.Generator().manual_seed(5)))
    lower = np.tril(free.detach().double().numpy())
    skew = lower - lower.T
    assert np.abs(skew).max() > 0.5
    turned = start @ np.linalg.inv(np.eye(4) - skew / 2) @ (np.eye(4) + skew / 2)
    np.testing.assert_allclose(operator.matrix.detach().numpy(), turned.T, atol=1e-5)


def test_an_isometric_operator_starts_where_a_dense_one_does_and_learns():
    operators = []
    for kind in (DenseOperator, IsometricOperator):
        with seeded_modules(torch.Generator().manual_seed(6)):
            operators.append(kind(5))
    dense, isometric = operators
    torch.testing.assert_close(isometric.matrix, dense.matrix, atol=1e-6, rtol=0)
    turn = torch.randn(5, 5, generator=torch.Generator().manual_seed(7))
    target = dense.matrix.detach() @ torch.matrix_exp(0.3 * (turn - turn.T))
    optimiser = torch.optim.Adam(isometric.parameters(), lr=0.05)
    for _ in range(600):
        loss = (isometric.matrix - target).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (dense.matrix - target).norm() > 0.5
    assert (isometric.matrix - target).norm() < 0.1


def test_an_average_of_isometric_operators_is_isometric():
    with seeded_modules(torch.Generator().manual_seed(8)):
        operator = IsometricOperator(6)
    average = PowerLawAverage(operator, gamma=1.0)
    generator = torch.Generator().manual_seed(9)
    for _ in range(5):
        with torch.no_grad():
            next(operator.parameters()).add_(torch.randn(6, 6, generator=generator))
        average.update(operator)
    matrix = average.module.matrix
    assert (matrix - operator.matrix).norm() > 1e-2, "the premise: an average"
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(6), atol=1e-5, rtol=0)


def test_the_identity_has_nothing_to_learn_and_nothing_to_store():
    operator = IdentityOperator(3)
    latents = torch.randn(4, 3, generator=torch.Generator().manual_seed(10))
    assert torch.equal(operator(latents), latents)
    assert list(operator.parameters()) == []
    assert operator.state_dict() == {}


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (DenseConfig(), DenseOperator),
        (IdentityConfig(), IdentityOperator),
        (IsometricConfig(), IsometricOperator),
        (LowRankConfig(rank=3), LowRankOperator),
        (SpectralConfig(), SpectralOperator),
    ],
)
def test_a_choice_of_operator_builds_it(config, kind):
    operator = config.built(4)
    assert type(operator) is kind
    assert operator.matrix.shape == (4, 4)


def distance_of_spectra(one, other) -> float:
    one, other = (np.sort_complex(np.round(values.detach().numpy(), 4)) for values in (one, other))
    return float(np.abs(one - other).max())


def trained_by_steps(operator, *, config=ADAM, steps=40):
    """Training steps toward a matrix that no kind of operator has."""
    dimension = len(operator.matrix)
    target = torch.randn(dimension, dimension, generator=torch.Generator().manual_seed(11))
    optimiser, losses = config.built(operator), []
    for _ in range(steps):
        loss = (operator(torch.eye(dimension)) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("dimension", [1, 4, 7])
@each_basis
def test_a_spectral_operator_starts_at_its_modulus_and_declares_its_spectrum_after_training_too(basis, dimension):
    with seeded_modules(torch.Generator().manual_seed(12)):
        operator = SpectralConfig(basis=basis, modulus=0.9).built(dimension)
    torch.testing.assert_close(operator.eigenvalues.abs(), torch.full((dimension,), 0.9))
    assert (operator.eigenvalues[: dimension // 2].angle() > 0).all()
    start = operator.matrix.detach().clone()
    for config in (ADAM, SOAPConfig(learning_rate=0.02, smallest_side=1)):
        losses = trained_by_steps(operator, config=config)
        assert losses[-1] < losses[0]
    assert (operator.matrix - start).norm() > 1e-2, "the premise: it was trained"
    assert len(operator.eigenvalues) == dimension
    computed = torch.linalg.eigvals(operator.matrix)
    assert distance_of_spectra(operator.eigenvalues, computed) < 1e-3


@each_basis
def test_an_average_of_spectral_operators_declares_its_own_spectrum(basis):
    with seeded_modules(torch.Generator().manual_seed(13)):
        operator = SpectralConfig(basis=basis).built(5)
    average = PowerLawAverage(operator, gamma=1.0)
    for _ in range(4):
        trained_by_steps(operator, steps=5)
        average.update(operator)
    module = average.module
    assert (module.eigenvalues - operator.eigenvalues).abs().max() > 1e-3, "the premise: an average"
    assert distance_of_spectra(module.eigenvalues, torch.linalg.eigvals(module.matrix)) < 1e-3


def test_blocks_are_the_real_form_of_their_eigenvalues_with_a_real_one_at_the_end():
    blocks = RotationDecayBlocks(5, modulus=0.7)
    with torch.no_grad():
        blocks.decay.copy_(torch.tensor([0.3, -1.0, 2.0]))
        blocks.phases.copy_(torch.tensor([0.5, -2.5]))
    multipliers = 1 / (1 + np.exp([0.3, -1.0])) * np.exp(1j * np.array([0.5, -2.5]))
    single = (1 - np.exp(2.0)) / (1 + np.exp(2.0))
    np.testing.assert_allclose(blocks.multipliers.detach().numpy(), multipliers, rtol=1e-6)
    expected = torch.zeros(5, 5)
    expected[:4, :4] = real_form(torch.from_numpy(np.diag(multipliers))).float()
    expected[4, 4] = single
    torch.testing.assert_close(blocks(torch.eye(5)).detach(), expected)
    np.testing.assert_allclose(
        np.sort_complex(blocks.eigenvalues.detach().numpy()),
        np.sort_complex([*multipliers, *multipliers.conj(), single]),
        rtol=1e-6,
    )


def test_a_decayed_direction_keeps_a_gradient_where_the_published_form_has_none():
    decay = torch.tensor([6.0], requires_grad=True)
    published = torch.exp(-torch.exp(decay))
    published.backward()
    assert (published.item(), decay.grad.item()) == (0.0, 0.0)
    blocks = RotationDecayBlocks(2, modulus=0.5)
    with torch.no_grad():
        blocks.decay.fill_(6.0)
    blocks.eigenvalues.abs().sum().backward()
    assert blocks.decay.grad.item() == pytest.approx(-2 * np.exp(-6.0), rel=0.01)
    near = torch.tensor([-8.0])
    torch.testing.assert_close(1 - torch.sigmoid(-near), near.exp(), rtol=1e-3, atol=0)
    torch.testing.assert_close(1 - torch.exp(-near.exp()), near.exp(), rtol=1e-3, atol=0)


def test_an_operator_of_low_rank_keeps_the_lengths_that_it_does_not_forget():
    operator = LowRankConfig(rank=2).built(6)
    assert [tuple(parameter.shape) for parameter in operator.parameters()] == [(6, 2), (2, 6)]
    kept = operator.left.detach().T
    torch.testing.assert_close(operator(kept).norm(dim=1), torch.ones(2))
    latents = torch.randn(3, 6, generator=torch.Generator().manual_seed(14))
    forgotten = latents - latents @ kept.T @ kept
    assert forgotten.norm() > 1, "the premise: something to forget"
    torch.testing.assert_close(operator(forgotten), torch.zeros(3, 6), atol=1e-6, rtol=0)


@pytest.mark.parametrize("rank", [0, 5])
def test_a_rank_that_no_operator_has_is_refused(rank):
    with pytest.raises(ValueError, match=f"expected a rank from 1 to the latent dimension 4, got {rank}: an operator"):
        LowRankOperator(4, rank=rank)


def made(kind, **values):
    """A configuration as it is made without the types that tests check."""
    config = object.__new__(kind)
    for name, value in values.items():
        object.__setattr__(config, name, value)
    config.__post_init__()
    return config


def test_a_rank_below_one_and_a_modulus_on_the_circle_are_refused():
    for rank in (0, -1, 2.5, True, "2", None):
        with pytest.raises(ValueError, match=f"expected a rank of at least 1, a whole number, got {rank!r}"):
            made(LowRankConfig, rank=rank)
    for modulus in (0.0, 1.0, -0.5, float("nan"), True, "0.9", None):
        with pytest.raises(ValueError, match=f"a modulus between 0 and 1, both excluded, got {modulus!r}: the circle"):
            made(SpectralConfig, basis=FreeBasisConfig(), modulus=modulus)
    for basis in ("free", FreeBasisConfig, None):
        with pytest.raises(TypeError, match="expected a configuration of a basis such as OrthogonalBasisConfig"):
            made(SpectralConfig, basis=basis, modulus=0.9)


def test_an_architecture_refuses_ranks_dimensions_and_operators_that_it_cannot_have():
    network = ResidualMLPConfig()

    def architecture(latent, operator):
        return made(
            Architecture, latent=latent, data_encoder=network, operator=operator, classes=0, control=NoControlConfig()
        )

    with pytest.raises(ValueError, match="a rank of at most the latent dimension 4, got 5"):
        architecture(4, LowRankConfig(rank=5))
    for latent in (0, 2.5, True, "4"):
        with pytest.raises(ValueError, match=f"a latent dimension of at least 1, a whole number, got {latent!r}"):
            architecture(latent, DenseConfig())
    with pytest.raises(TypeError, match="a configuration of an operator such as DenseConfig.., got 'dense'"):
        architecture(4, "dense")


def test_in_single_precision_moduli_reach_the_circle_and_zero_by_rounding_and_have_no_gradient_there():
    for decay, modulus in ((-17.0, 1.0), (-16.0, None), (88.0, None), (105.0, 0.0)):
        blocks = RotationDecayBlocks(2, modulus=0.5)
        with torch.no_grad():
            blocks.decay.fill_(decay)
            blocks.phases.zero_()
        found = blocks.multipliers.real
        found.sum().backward()
        if modulus is None:
            assert 0 < found.item() < 1
            assert blocks.decay.grad.item() < 0
        else:
            assert (found.item(), blocks.decay.grad.item()) == (modulus, 0.0)


@each_kind
def test_the_eigenvalues_of_every_kind_are_those_of_its_matrix(kind):
    with seeded_modules(torch.Generator().manual_seed(15)):
        operator = kind.built(6)
    assert distance_of_spectra(operator.eigenvalues, torch.linalg.eigvals(operator.matrix)) < 1e-3


def test_the_eigenvalues_of_a_semigroup_are_those_of_its_whole_step():
    with seeded_modules(torch.Generator().manual_seed(16)):
        semigroup = Semigroup(5, intervals=2)
    assert distance_of_spectra(semigroup.eigenvalues, torch.linalg.eigvals(semigroup.matrix)) < 1e-3


def model_with(kind, normalisation):
    network = ResidualMLPConfig(width=8, blocks=1)
    architecture = Architecture(
        latent=4, noise_encoder=network, data_encoder=network, decoder=network, operator=kind,
        normalisation=normalisation,
    )  # fmt: skip
    config = ModelConfig(architecture=architecture, shape=(2,), scaling=Scaling(noise=1.0, data_mean=0.0, data=1.0))
    return built_model(config, generator=torch.Generator().manual_seed(17)).eval()


@each_kind
def test_a_model_with_any_kind_of_operator_is_fit_for_the_analysis(kind):
    model = model_with(kind, RMSNormalisationConfig())
    rng = np.random.default_rng(18)
    pairs = SnapshotPairs(before=rng.standard_normal((80, 2)), after=rng.standard_normal((80, 2)))
    seen = KDMLatentModel(model)
    require_latent_model(seen, pairs)
    advanced = seen.encode_noise(pairs.before) @ seen.matrix
    with torch.no_grad():
        expected = model.generate(torch.from_numpy(pairs.before).float()).double().numpy()
    np.testing.assert_allclose(seen.decode(advanced), expected, atol=1e-4)


def change_coordinates(model, columns) -> None:
    """Puts z P in the place of the latents z: in the last layers of the encoders, and the first of the decoder."""
    with torch.no_grad():
        for encoder in (model.noise_encoder, model.data_encoder):
            encoder.outward.weight.copy_(columns.T @ encoder.outward.weight)
            encoder.outward.bias.copy_(encoder.outward.bias @ columns)
        model.decoder.inward.weight.copy_(torch.linalg.solve(columns, model.decoder.inward.weight.T).T)


@pytest.mark.parametrize(
    ("normalisation", "orthogonal", "same"),
    [
        (NoNormalisationConfig(), False, True),
        (RMSNormalisationConfig(), True, True),
        (RMSNormalisationConfig(), False, False),
    ],
)
def test_linear_ends_absorb_every_basis_of_bare_latents_and_the_orthogonal_ones_of_normalised(
    normalisation, orthogonal, same
):
    kind = SpectralConfig(basis=OrthogonalBasisConfig() if orthogonal else FreeBasisConfig())
    in_a_basis = model_with(kind, normalisation)
    columns = in_a_basis.operator.basis.linear.weight if orthogonal else in_a_basis.operator.basis.columns
    columns = columns.detach()
    if not orthogonal:
        columns += 0.3 * torch.randn(4, 4, generator=torch.Generator().manual_seed(19))
        assert torch.linalg.cond(columns) > 1.5, "the premise: not orthogonal"
    in_blocks = model_with(SpectralConfig(basis=IdentityBasisConfig()), normalisation)
    in_blocks.load_state_dict(
        {name: value for name, value in in_a_basis.state_dict().items() if "basis" not in name}
    )  # fmt: skip
    noise = torch.randn(20, 2, generator=torch.Generator().manual_seed(20))
    expected = in_a_basis.generate(noise).detach()
    assert not torch.allclose(in_blocks.generate(noise), expected, atol=1e-3), "the premise: the basis matters"
    change_coordinates(in_blocks, columns)
    assert torch.allclose(in_blocks.generate(noise), expected, atol=1e-4) == same
