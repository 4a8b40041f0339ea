"""The model with each kind of operator: what a kind costs in quality, and what spectrum training gives it.

    plain                every entry of K is free
    isometric            K Kᵀ = I
    low rank             K = U V through half as many directions as there are latents
    spectral, …          K = P B P⁻¹ by its eigenvalues, |λ| < 1, with P the identity, orthogonal or free

What a basis adds depends on the ends (`kdm.operators.bases`). Latents are normalised here unless said otherwise, and
the encoders of all presets end linearly, so that the identity stands for every orthogonal basis. It stands for every
basis where latents are bare, which is the fair place to ask what eigenvalues within the circle, in conjugate pairs,
leave out. There the plain model is another one, too, and stands beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from kdm.ablations.base import Ablation, ChangedConfiguration, OperatorAblation
from kdm.model import NoNormalisationConfig
from kdm.operators import DenseConfig, IsometricConfig, LowRankConfig
from kdm.presets import OPERATORS
from kdm.training.distillation import DistillationConfig


@dataclass(frozen=True, kw_only=True)
class HalfRank(ChangedConfiguration):
    """The model with an operator of half as many directions as it has latents, and at least one.

    Attributes:
        run: Name of its RUN.
    """

    run: str = "low-rank"

    def changed(self, config: DistillationConfig) -> DistillationConfig:
        """The configuration with this operator."""
        return config.with_operator(LowRankConfig(rank=max(config.architecture.latent // 2, 1)))


@dataclass(frozen=True, kw_only=True)
class BareLatents(OperatorAblation):
    """The model with an operator of this kind, and latents as the encoders give them."""

    def changed(self, config: DistillationConfig) -> DistillationConfig:
        """The configuration with this operator and without normalisation."""
        changed = super().changed(config)
        return replace(changed, architecture=replace(changed.architecture, normalisation=NoNormalisationConfig()))


def operator_kinds() -> Mapping[str, Ablation]:
    """Every kind by its name, the plain one first."""
    in_basis = {
        "identity": OPERATORS["spectral-identity"],
        "orthogonal": OPERATORS["spectral"],
        "free": OPERATORS["spectral-free"],
    }
    return {
        "plain": OperatorAblation(run="plain", operator=DenseConfig()),
        "isometric": OperatorAblation(run="isometric", operator=IsometricConfig()),
        "low rank": HalfRank(),
        **{
            f"spectral, {basis} basis": OperatorAblation(run=f"spectral-{basis}", operator=kind)
            for basis, kind in in_basis.items()
        },
        "bare latents": BareLatents(run="bare", operator=DenseConfig()),
        "spectral, identity basis, bare latents": BareLatents(
            run="bare-spectral-identity", operator=in_basis["identity"]
        ),
    }
