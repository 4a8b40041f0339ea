"""How far a map carries near states apart: certified everywhere, measured over pairs, differentiated at a state."""

from koopman_analysis.sensitivity.certificates import (
    ATTENTION,
    GELU,
    RELU,
    RMS_NORMALISATION,
    SWISH,
    TANH,
    Activation,
    Uncertified,
    decoder_certificate,
    largest_pair_ratio,
    lipschitz_certificate,
)
from koopman_analysis.sensitivity.differentiation import KnownFlow, Linearisation, model_linearised
from koopman_analysis.sensitivity.fields import ExponentField, exponent_field
from koopman_analysis.sensitivity.lyapunov import (
    LyapunovExponents,
    leading_lyapunov_exponents,
    lyapunov_exponents,
)
from koopman_analysis.sensitivity.pairs import PairBounds, UnboundedPairs, all_pairs, demanded_constant, near_pairs

__all__ = [
    "ATTENTION",
    "Activation",
    "ExponentField",
    "GELU",
    "KnownFlow",
    "Linearisation",
    "LyapunovExponents",
    "PairBounds",
    "RELU",
    "RMS_NORMALISATION",
    "SWISH",
    "TANH",
    "UnboundedPairs",
    "Uncertified",
    "all_pairs",
    "decoder_certificate",
    "demanded_constant",
    "exponent_field",
    "largest_pair_ratio",
    "leading_lyapunov_exponents",
    "lipschitz_certificate",
    "lyapunov_exponents",
    "model_linearised",
    "near_pairs",
]
