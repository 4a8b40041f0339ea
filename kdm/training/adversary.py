"""A critic that is trained beside a model: what it is made of, and what it remembers between two steps.

From the step on at which the game begins, it takes the steps of the model, with an optimiser of its own and the same
course of the learning rate; before, it stays as it was drawn. It is part of the state of a training and of no model: a
finished RUN does not need it.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from kdm.adversarial_objective import AdversarialObjective, Game, NonSaturatingGame, PairedGame
from kdm.configuration import seeded_modules
from kdm.networks.discriminator import CriticConfig
from kdm.objectives import Objective, SampleObjective
from kdm.training.optimisation import AdamConfig
from kdm.versions import ADDED_LATER

__all__ = ["Adversary", "NonSaturatingGame", "PairedGame", "Rival"]


@dataclass(frozen=True, kw_only=True)
class Adversary:
    """A critic, the game against it, and its optimiser.

    The defaults are the paper's, but for what normalises its layers (`kdm.networks.discriminator`). With γ > 0 a larger
    weight can be borne; from fresh weights too large a one ends with one picture for every noise. On digits of 8 × 8
    pixels none of those measured made samples sharper (`tests/benchmarks/results/adversary.md`).

    Attributes:
        critic: Size of the critic.
        game: What model and critic pay.
        weight: How that weighs for the model; the paper's by default.
        smoothness: γ: how much the critic pays for its slope at real samples.
        optimiser: The critic's; with Radford et al.'s (2016) decay of the first moment.
        start: Steps that the model learns alone before the game begins; none by default, as in the paper.

    Raises:
        ValueError: If the weight is not positive, or γ or the start is negative.
    """

    critic: CriticConfig = field(default_factory=CriticConfig)
    game: Game = field(default_factory=NonSaturatingGame)
    weight: float = 0.01
    smoothness: float = 0.0
    optimiser: AdamConfig = field(default_factory=lambda: AdamConfig(learning_rate=3e-4, betas=(0.5, 0.99)))
    start: int = field(default=0, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if not 0.0 < self.weight < math.inf:
            raise ValueError(f"expected a weight > 0 of the adversary, got {self.weight}: train without one instead")
        if not 0.0 <= self.smoothness < math.inf:
            raise ValueError(f"expected a smoothness >= 0 of the critic, got {self.smoothness}")
        if self.start < 0:
            raise ValueError(f"expected a step >= 0 at which the adversary begins, got {self.start}")

    def built(
        self, shape: tuple[int, ...], objective: SampleObjective, *, generator: torch.Generator, device: torch.device
    ) -> tuple[AdversarialObjective, "Rival"]:
        """The objective with a fresh critic beside it, and what is trained with the model.

        Args:
            shape: Of one sample.
            objective: The objective.
            generator: Draws the critic's weights.
            device: Where the critic is trained.

        Raises:
            ValueError: If the samples are no pictures.
        """
        with seeded_modules(generator):
            critic = self.critic.built(shape).to(device)
        adversarial = AdversarialObjective(
            objective=objective, rival=critic, game=self.game, weight=self.weight, smoothness=self.smoothness,
            start=self.start,
        )  # fmt: skip
        return adversarial, Rival(critic, self.optimiser)


class Rival:
    """What is trained beside a module, with its optimiser.

    Attributes:
        module: The rival.
        optimiser: Its optimiser, with its moments.
    """

    def __init__(self, module: nn.Module, config: AdamConfig) -> None:
        self.module, self._largest_rate = module, config.learning_rate
        self.optimiser = config.built(module)

    def step(self, share: float) -> None:
        """One step along the gradient that the rival holds, which it then forgets.

        Args:
            share: Of the largest learning rate.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = share * self._largest_rate
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and primitives that restore it."""
        return {"module": self.module.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])


def played(
    objective: Objective, adversary: Adversary | None, shape: tuple[int, ...], *, generator: torch.Generator,
    device: torch.device,
) -> tuple[Objective, Rival | None]:  # fmt: skip
    """The objective, and where there is an adversary, with a fresh critic beside it, and what is trained with it.

    Raises:
        ValueError: If there is one, and the samples are no pictures.
    """
    if adversary is None:
        return objective, None
    assert isinstance(objective, SampleObjective)  # as configurations say of what has an adversary
    return adversary.built(shape, objective, generator=generator, device=device)
