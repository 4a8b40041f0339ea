"""How far a map may carry two points apart: certified from above, measured from below.

    L = sup ‖D(z) − D(z')‖ / ‖z − z'‖                                                                             (1)

is at most the product over the factors of a composition: the spectral norm of a matrix, and for an activation applied
to each entry the largest slope,

    ReLU, tanh    1
    swish         max (x σ(x))' = σ(x) + x σ(x) σ(−x) at x tanh(x/2) = 2:  1.0998                                 (2)
    GELU          max (x Φ(x))' = Φ(√2) + √2 φ(√2):  1.1289,                                                      (3)

the slopes being largest where the second derivative vanishes, (x Φ)'' = (2 − x²) φ(x). Nothing is certified of a factor
without a largest slope: h / rms(h), whose derivative grows without bound towards h = 0, or dot-product attention, whose
entries are multiplied with each other. From below, the ratio of (1) over any pairs of points will do: their largest is
no certificate, for between the points the map may be steeper.

Products hold to rounding, and are enlarged by it.

Sources: Szegedy et al. 2014 (products of norms); Gouk et al. 2021; Kim, Papamakarios & Mnih 2021 (attention).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.special
from scipy.spatial.distance import pdist

from koopman_analysis.estimators.latent import Certificate, LatentModel
from koopman_analysis.sensitivity.pairs import ROUNDING
from koopman_analysis.shapes import Inexact, Latents


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A function of each entry.

    Attributes:
        name: What it is called.
        slope: Its largest slope.
    """

    name: str
    slope: float


@dataclass(frozen=True, kw_only=True)
class Uncertified:
    """A factor of which no Lipschitz constant is known.

    Attributes:
        name: What it is called.
        because: Why, in a few words.
    """

    name: str
    because: str


def _steepest_swish() -> float:
    x = scipy.optimize.brentq(lambda x: x * math.tanh(x / 2) - 2, 2.0, 3.0, xtol=1e-15)
    return float(scipy.special.expit(x) + x * scipy.special.expit(x) * scipy.special.expit(-x))


RELU = Activation(name="ReLU", slope=1.0)
TANH = Activation(name="tanh", slope=1.0)
SWISH = Activation(name="swish", slope=_steepest_swish())
GELU = Activation(name="GELU", slope=float(scipy.special.ndtr(2**0.5) + math.exp(-1) / math.pi**0.5))
RMS_NORMALISATION = Uncertified(
    name="RMS normalisation", because="h / rms(h) has no largest slope, as long as rms(h) has no least value"
)
ATTENTION = Uncertified(name="dot-product attention", because="its entries are multiplied with each other")


def lipschitz_certificate(factors: Sequence[Inexact[np.ndarray, "_ _"] | Activation | Uncertified]) -> Certificate:
    """An upper end of equation (1) for the composition of these factors, or why there is none.

    Args:
        factors: In the order in which they are applied; a matrix may be written for rows or for columns, and
            one of a single entry multiplies every entry.

    Raises:
        ValueError: If there are no factors, a matrix is not finite, or one cannot follow that before it.
    """
    if not factors:
        raise ValueError("expected at least one factor, got none: of which map?")
    _require_composition([factor for factor in factors if not isinstance(factor, Activation | Uncertified)])
    constant, matrices = 1.0, 0
    for factor in factors:
        if isinstance(factor, Uncertified):
            return Certificate(constant=None, because=f"no certificate through {factor.name}: {factor.because}")
        constant *= factor.slope if isinstance(factor, Activation) else _norm(factor)
        matrices += not isinstance(factor, Activation)
    names = sorted({factor.name for factor in factors if isinstance(factor, Activation)})
    return Certificate(
        constant=constant,
        because=f"the product of {matrices} spectral norms"
        + (f" and the slopes of {', '.join(names)}" if names else ""),
    )


def decoder_certificate(model: LatentModel) -> Certificate:
    """The certificate that a model brings of its decoder, or that it brings none."""
    found = getattr(model, "decoder_lipschitz", None)
    return found or Certificate(constant=None, because="the model brings no certificate of its decoder")


def largest_pair_ratio(points: Latents, images: Inexact[np.ndarray, "k d"]) -> float:
    """The largest of equation (1) over all pairs of these points: a lower end.

    Args:
        points: z, (n, m).
        images: D(z), (n, d).

    Raises:
        ValueError: If there are fewer than two different points, another number of images, one that is not finite, or
            a point with two different images.
    """
    if len(points) != len(images):
        raise ValueError(f"expected an image for each of {len(points)} points, got {len(images)}")
    if not (np.isfinite(points).all() and np.isfinite(images).all()):
        raise ValueError("expected finite points and images, got NaN or ∞: does the map overflow?")
    apart, images_apart = pdist(points), pdist(images)
    if not (apart > 0).any():
        raise ValueError(f"expected at least two different points, got {len(points)} that are one")
    torn = (apart == 0) & (images_apart > ROUNDING * np.abs(images).max())
    if torn.any():
        raise ValueError(f"expected one image of each point, got {int(torn.sum())} pairs of equal points with two")
    return float((images_apart[apart > 0] / apart[apart > 0]).max())


def _require_composition(matrices: Sequence[np.ndarray]) -> None:
    widths: set[int] | None = None
    for place, matrix in enumerate(matrices):
        if not np.isfinite(matrix).all():
            raise ValueError(f"expected finite matrices, got NaN or ∞ in matrix {place}")
        rows, columns = matrix.shape
        if rows == columns == 1:
            continue
        after = {out for into, out in ((rows, columns), (columns, rows)) if widths is None or into in widths}
        if not after:
            raise ValueError(
                f"expected matrices that can be composed, got matrix {place} of shape {matrix.shape} after "
                f"{matrices[place - 1].shape}: is one left out?"
            )
        widths = after


def _norm(matrix: np.ndarray) -> float:
    rounding = 10 * max(matrix.shape) * float(np.finfo(np.float64).eps)
    return float(np.linalg.norm(matrix.astype(np.float64), 2)) * (1 + rounding)
