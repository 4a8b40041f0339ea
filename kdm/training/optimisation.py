"""Optimisers as frozen configurations, and the learning rate along training.

With warm-up over the first w steps and a linear way to zero at the last step S, step t (counted from 0) uses

    rate_t = rate · min( (t + 1) / w, (S − t) / (S − w) ).                                                  (1)
"""

from dataclasses import dataclass

import torch
from torch import nn

from kdm.training.soap import SOAP


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Adam (Kingma & Ba 2015); the learning rate is the paper's.

    Attributes:
        learning_rate: The largest rate.
        betas: Decay of the two moments.
    """

    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)

    def built(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the module's parameters."""
        return torch.optim.Adam(module.parameters(), lr=self.learning_rate, betas=self.betas, fused=True)


@dataclass(frozen=True, kw_only=True)
class SOAPConfig:
    """SOAP (`kdm.training.soap`), for small networks.

    Attributes:
        learning_rate: The largest rate.
        betas: Decay of the two moments.
        refresh_every: Steps between two turns of the preconditioner's bases.
    """

    learning_rate: float = 3e-3
    betas: tuple[float, float] = (0.95, 0.95)
    refresh_every: int = 10

    def built(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the module's parameters."""
        return SOAP(module.parameters(), lr=self.learning_rate, betas=self.betas, refresh_every=self.refresh_every)


OptimiserConfig = AdamConfig | SOAPConfig


def rate_factor(step: int, *, steps: int, warmup: int) -> float:
    """The share of the largest learning rate that step `step` of `steps` uses: equation (1)."""
    rising = (step + 1) / warmup if warmup else 1.0
    return min(rising, (steps - step) / max(steps - warmup, 1), 1.0)
