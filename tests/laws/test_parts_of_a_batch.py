"""A step is what its whole batch asks for, whoever computes which part of it.

With parts p of b_p of the B pairs, L = Σ_p (b_p / B) L_p and ∇L = Σ_p (b_p / B) ∇L_p (`kdm.training.gradients`), and
the random number of a row and a column is a function of its place (`kdm.draws`).
"""

import copy

import torch
from hypothesis import given
from hypothesis import strategies as st
from processes import in_threads

from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.draws import Draws
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
from kdm.objectives import KoopmanObjective, Losses
from kdm.training.batches import Batch
from kdm.training.distributed import Alone, Processes, own_rows
from kdm.training.gradients import StepGradient
from kdm.trajectories import Pairs

# Sums of a few hundred products of order one, in double precision, in another order.
CLOSE = {"rtol": 1e-9, "atol": 1e-11}
OBJECTIVE = KoopmanObjective(latent_noise=0.4, spectral_weight=0.1)
seeds = st.integers(0, 2**31)


class Asked:
    """A step on weighted pairs, which some of them may be more than once."""

    def __init__(self, *, batch: int, seed: int) -> None:
        self.seed = seed
        tiny = ResidualMLPConfig(width=5, blocks=1)
        architecture = Architecture(latent=3, noise_encoder=tiny, data_encoder=tiny, decoder=tiny)
        scaling = Scaling(noise=2.0, data_mean=0.1, data=1.5)
        config = ModelConfig(architecture=architecture, shape=(2,), scaling=scaling)
        generator = torch.Generator().manual_seed(seed)
        # Here, and not in threads: modules draw their weights from torch's one random state.
        self.model = built_model(config, generator=generator).double()
        noise, data = torch.randn(2, 30, 2, generator=generator, dtype=torch.float64)
        self.pairs = Pairs(noise=noise, data=data)
        weights = 3 * torch.rand(batch, generator=generator, dtype=torch.float64)
        indices = torch.randint(30, (batch,), generator=generator)
        self.dealt = Batch(indices=indices, weights=weights)

    def answer(self, processes: Processes, *, micro_batch: int | None = None) -> tuple[Losses, torch.Tensor]:
        """Its losses and its gradient."""
        model = copy.deepcopy(self.model)
        gradient = StepGradient(
            module=model, objective=OBJECTIVE, seed=self.seed, micro_batch=micro_batch, processes=processes
        )  # fmt: skip
        losses = gradient.losses(self.pairs.__getitem__, self.dealt, step=self.seed % 7)
        return losses, torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def assert_same_step(found: tuple[Losses, torch.Tensor], expected: tuple[Losses, torch.Tensor]) -> None:
    (losses, gradient), (whole, all_at_once) = found, expected
    assert all_at_once.abs().max() > 1e-3
    torch.testing.assert_close(gradient, all_at_once, **CLOSE)
    torch.testing.assert_close(losses.errors, whole.errors, **CLOSE)
    torch.testing.assert_close(losses.total, whole.total, **CLOSE)
    assert losses.parts.keys() == whole.parts.keys() == {"latent_linearity", "reconstruction", "prediction", "spectrum"}
    for name, part in losses.parts.items():
        torch.testing.assert_close(part, whole.parts[name], **CLOSE)


@given(batch=st.integers(1, 20), micro_batch=st.integers(1, 25), seed=seeds)
def test_a_step_does_not_depend_on_micro_batches(batch, micro_batch, seed):
    asked = Asked(batch=batch, seed=seed)
    assert_same_step(asked.answer(Alone(), micro_batch=micro_batch), asked.answer(Alone()))


@given(data=st.data(), batch=st.integers(1, 20), micro_batch=st.none() | st.integers(1, 7), seed=seeds)
def test_a_step_does_not_depend_on_the_number_of_processes(data, batch, micro_batch, seed):
    count = data.draw(st.integers(1, min(batch, 4)))
    asked = Asked(batch=batch, seed=seed)
    found = in_threads(count, lambda each: asked.answer(each, micro_batch=micro_batch))
    assert_same_step(found[0], asked.answer(Alone()))
    for losses, gradient in found[1:]:  # to the bit, so that they never part
        assert torch.equal(gradient, found[0][1])
        assert torch.equal(losses.errors, found[0][0].errors)
        assert torch.equal(losses.total, found[0][0].total)


@given(batch=st.integers(1, 1000), count=st.integers(1, 64))
def test_processes_share_all_rows_evenly(batch, count):
    count = min(count, batch)
    shares = [own_rows(batch, Alone(rank, count)) for rank in range(count)]
    assert [row for rows in shares for row in rows] == list(range(batch))
    assert {len(rows) for rows in shares} <= {batch // count, -(-batch // count)}


@given(seed=seeds, step=seeds, stream=st.integers(0, 3), width=st.integers(1, 5), cut=st.integers(0, 12))
def test_what_is_drawn_for_a_row_belongs_to_its_place(seed, step, stream, width, cut):
    def drawn(first: int, last: int) -> torch.Tensor:
        return Draws(seed=seed, step=step, first=first).normal_like(torch.zeros(last - first, width), stream=stream)

    assert torch.equal(torch.cat([drawn(0, cut), drawn(cut, 12)]), drawn(0, 12))
