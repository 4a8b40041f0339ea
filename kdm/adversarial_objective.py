"""An objective with a critic beside it, which learns to tell what the model gives from what the teacher gives.

With a critic C, the teacher's sample y of a pair and the model's x̂ of its noise, and s(t) = log(1 + eᵗ),

    game                 the critic minimises the mean of                the model minimises the mean of
    each by itself       ½ s(−C(y)) + ½ s(C(x̂))                          s(−C(x̂))                             (1)
    in pairs             s(C(x̂) − C(y))                                  s(C(y) − C(x̂))                       (2)

(1) is the non-saturating game of Goodfellow et al. 2014. Where y has the law p and x̂ the law q, no critic costs less
than C = log p/q, and that one costs

    log 2 − JSD(p, q),                                                                                      (3)

the Jensen–Shannon divergence: log 2 where the laws are equal, which is what a critic costs that gives zero to all. (2)
is the relativistic pairing game (Jolicoeur-Martineau 2019; Huang et al. 2024), each sample of the model against the
teacher's of the same noise; it, too, costs log 2 where nothing is told apart. The critic further pays

    ½ γ mean ‖∇_y C(y)‖²,                                                                                   (4)

without which a game need not converge where it should (R1 of Mescheder et al. 2018).

What the model pays for (1) or (2) has one weight, beside 1 for its distance to y in standardised units; the paper's is
0.01 (Berman et al. 2025). Esser et al. (2021, eq. 7) balance the two gradients over a batch at the decoder's last
layer, which depends on how the batch is divided. To balance them at each sample does not, and fails: where the model
gives a mean of what a noise may stand for, the pulls of the targets cancel and the critic's, alike for most samples,
does not. On digits that ended with one picture for every noise.

The game may begin late, when the model gives pictures that are worth a judgement (`disc_start` of Esser et al.'s code).
Before, the critic neither judges nor learns, as there, and the losses are those of the objective alone.

The total is the model's part, in which C is a constant, and the critic's, in which x̂ is one. Its gradient is therefore
the vector field of the game: each player's own, both at the same point.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import softplus

from kdm.distances import PerSample
from kdm.draws import Draws
from kdm.objectives import Losses, Predicted, SampleObjective, Scalar, Weights, weighted_mean
from kdm.shapes import Float, Samples, Tensor
from kdm.trajectories import Pairs

Logits: TypeAlias = Float[Tensor, " n"]


@dataclass(frozen=True)
class NonSaturatingGame:
    """Equation (1)."""

    def of_critic(self, real: Logits, generated: Logits) -> PerSample:
        """What the critic pays."""
        return 0.5 * (softplus(-real) + softplus(generated))

    def of_model(self, real: Logits, generated: Logits) -> PerSample:
        """What the model pays."""
        return softplus(-generated)


@dataclass(frozen=True)
class PairedGame:
    """Equation (2)."""

    def of_critic(self, real: Logits, generated: Logits) -> PerSample:
        """What the critic pays."""
        return softplus(generated - real)

    def of_model(self, real: Logits, generated: Logits) -> PerSample:
        """What the model pays."""
        return softplus(real - generated)


Game = NonSaturatingGame | PairedGame


@dataclass(frozen=True, kw_only=True, eq=False)
class AdversarialObjective:
    """An objective on pairs, and a game of the model's samples against a critic's judgement.

    Attributes:
        objective: The objective.
        rival: C.
        game: What both pay.
        weight: How that weighs for the model.
        smoothness: γ of (4).
        start: The step of a training, counted from 0, at which the game begins.
    """

    objective: SampleObjective
    rival: nn.Module
    game: Game
    weight: float
    smoothness: float
    start: int = 0

    def __call__(
        self, module: nn.Module, pairs: Pairs, weights: Weights | None = None, *, draws: Draws | None = None
    ) -> Losses:
        """The losses of one batch: the objective's, and from `start` on what the model and the critic pay in the game.

        Which step it is, the draws say; without draws, as outside of training, the game is on.
        """
        forward = self.objective.passed(module, pairs, draws)
        losses = self.objective.of_forward(forward, module, weights)
        if draws is not None and draws.step < self.start:
            return losses
        real, critic, roughness = self._paid_by_critic(forward, weights)
        paid = weighted_mean(self.game.of_model(real, self._judged(forward.predicted)), weights)
        return replace(
            losses,
            total=losses.total + self.weight * paid + critic + 0.5 * self.smoothness * roughness,
            parts={**losses.parts, "adversarial": paid, "critic": critic, "critic_roughness": roughness},
        )

    def _judged(self, samples: Samples) -> Logits:
        """C of them, with the critic as a constant."""
        constant = {name: parameter.detach() for name, parameter in self.rival.named_parameters()}
        logits: Logits = functional_call(self.rival, constant, (samples,))
        return logits

    def _paid_by_critic(self, forward: Predicted, weights: Weights | None) -> tuple[Logits, Scalar, Scalar]:
        """C(y), and with the samples as constants the game and the mean squared slope at y, (4) without ½ γ."""
        data = forward.data.detach().requires_grad_(self.smoothness > 0.0)
        real, generated = self.rival(torch.cat([data, forward.predicted.detach()])).chunk(2)
        paid = weighted_mean(self.game.of_critic(real, generated), weights)
        if self.smoothness == 0.0:
            return real.detach(), paid, torch.zeros_like(paid)
        (slope,) = torch.autograd.grad(real.sum(), data, create_graph=True)
        return real.detach(), paid, weighted_mean(slope.flatten(1).square().sum(dim=1), weights)
