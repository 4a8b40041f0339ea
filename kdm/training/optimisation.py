"""Optimisers as frozen configurations, and the learning rate along training.

With warm-up over the first w steps of S, step t (counted from 0) uses the share min( (t + 1) / w, f_t ) of the largest
rate, with

    linear to zero    f_t = (S − t) / (S − w)                                                               (1)
    constant          f_t = 1                                                                               (2)
    cosine            f_t = ( 1 + cos( π (t − w) / (S − w) ) ) / 2  from step w on, 1 before                  (3)

The paper's is constant; (3) is that of Loshchilov & Hutter 2017 without restarts. All are bounded by 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from kdm.training.soap import SOAP


@dataclass(frozen=True, kw_only=True)
class AdamConfig:
    """Adam (Kingma & Ba 2015) with decoupled decay of matrices (Loshchilov & Hutter 2019); the rate is the paper's.

    Attributes:
        learning_rate: The largest rate.
        betas: Decay of the two moments.
        weight_decay: Decay of matrices, the operator's included, in units of the learning rate; vectors do not decay.
    """

    learning_rate: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0

    def built(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the module's parameters."""
        matrices = [parameter for parameter in module.parameters() if parameter.ndim >= 2]
        vectors = [parameter for parameter in module.parameters() if parameter.ndim < 2]
        groups = [{"params": matrices, "weight_decay": self.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, lr=self.learning_rate, betas=self.betas, fused=True)


@dataclass(frozen=True, kw_only=True)
class SOAPConfig:
    """SOAP (`kdm.training.soap`), for small networks.

    Attributes:
        learning_rate: The largest rate.
        betas: Decay of the two moments.
        refresh_every: Steps between two turns of the preconditioner's bases.
        smallest_side: Matrices with a shorter side get Adam.
    """

    learning_rate: float = 3e-3
    betas: tuple[float, float] = (0.95, 0.95)
    refresh_every: int = 10
    smallest_side: int = 32

    def built(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimiser of the module's parameters."""
        return SOAP(
            module.parameters(), lr=self.learning_rate, betas=self.betas, refresh_every=self.refresh_every,
            smallest_side=self.smallest_side,
        )  # fmt: skip


OptimiserConfig = AdamConfig | SOAPConfig


@dataclass(frozen=True)
class LinearDecay:
    """Equation (1)."""

    def factor(self, step: int, *, steps: int, warmup: int) -> float:
        """The share of the largest learning rate that step `step` of `steps` uses."""
        return min(_rising(step, warmup), (steps - step) / max(steps - warmup, 1), 1.0)


@dataclass(frozen=True)
class ConstantRate:
    """Equation (2)."""

    def factor(self, step: int, *, steps: int, warmup: int) -> float:
        """The share of the largest learning rate that step `step` of `steps` uses."""
        return min(_rising(step, warmup), 1.0)


@dataclass(frozen=True)
class CosineDecay:
    """Equation (3)."""

    def factor(self, step: int, *, steps: int, warmup: int) -> float:
        """The share of the largest learning rate that step `step` of `steps` uses."""
        passed = max(step - warmup, 0) / max(steps - warmup, 1)
        return min(_rising(step, warmup), (1.0 + math.cos(math.pi * passed)) / 2.0)


ScheduleConfig = LinearDecay | ConstantRate | CosineDecay


def _rising(step: int, warmup: int) -> float:
    return (step + 1) / warmup if warmup else 1.0
