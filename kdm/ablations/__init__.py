"""What the parts of the model buy: the same data, samples seen, training and seed, one part changed.

A linear last layer of E_noise can absorb K, up to the length of each latent vector where latents are normalised, so
that a learned operator by itself proves nothing. Beside the model, x̂_data = D( E_noise(x_noise) K + c ), stand:

    plain               the model                                      what the others are compared with
    identity            K = I                                          is a learned operator needed?
    isometric           K Kᵀ = I                                       does it have to change lengths?
    refitted operator   K by least squares on the trained latents      did training find its own linear map?
    random encoders     E_noise, E_data as drawn, K by least squares   do the functions have to be learned?
    no bottleneck       one network of as many parameters              does the latent space help or hurt?
    one shared encoder  E_noise = E_data, one semigroup exp(s A)       what does one law for all times cost?

An ablation has `train` and `load` (`kdm.ablations.base`); one that is the model in another configuration says only what
it changes (`ChangedConfiguration`), as does a model with another number of latents (`latent_dimensions`) or another
kind of operator (`operator_kinds`).
`kdm.ablations.study` compares all of them over data sets and seeds.
"""

from collections.abc import Mapping

from kdm.ablations.base import Ablation, ChangedConfiguration, OperatorAblation
from kdm.ablations.direct import DirectRegression, NoBottleneck, load_direct, regress_directly
from kdm.ablations.latent_dimension import LatentDimension, latent_dimensions
from kdm.ablations.least_squares import RandomEncoders, RefittedOperator
from kdm.ablations.operators import BareLatents, HalfRank, operator_kinds
from kdm.ablations.shared_encoder import SharedEncoder
from kdm.operators import DenseConfig, IdentityConfig, IsometricConfig

PLAIN = "plain"
"""The name of what is not changed."""
SHARED = "one shared encoder"
"""The name of the one that needs times between the ends."""
_MODEL = OperatorAblation(run="plain", operator=DenseConfig())
ABLATIONS: Mapping[str, Ablation] = {
    PLAIN: _MODEL,
    "identity": OperatorAblation(run="identity", operator=IdentityConfig()),
    "isometric": OperatorAblation(run="isometric", operator=IsometricConfig()),
    "refitted operator": RefittedOperator(of=_MODEL),
    "random encoders": RandomEncoders(),
    "no bottleneck": NoBottleneck(),
    SHARED: SharedEncoder(),
}
"""Every ablation by its name, the plain model first."""

__all__ = [
    "ABLATIONS",
    "Ablation",
    "BareLatents",
    "ChangedConfiguration",
    "DirectRegression",
    "HalfRank",
    "LatentDimension",
    "NoBottleneck",
    "OperatorAblation",
    "PLAIN",
    "RandomEncoders",
    "RefittedOperator",
    "SHARED",
    "SharedEncoder",
    "latent_dimensions",
    "load_direct",
    "operator_kinds",
    "regress_directly",
]
