"""The derivative of a map at a state: a flow's, where somebody can differentiate it, and a model's.

In rows, δy = δx DΦ(x), so row a of a Jacobian is the derivative along axis a, that of x ↦ xA is A, and a composition
has the product of the Jacobians in the order of the maps,

    D(Ψ∘Φ)(x) = DΦ(x) DΨ(Φ(x)).                                                                                     (1)

A model x ↦ D(E_noise(x) K + c) may bring its own derivative, as `jacobians(noise, labels)`; of any other it is taken by
central differences of width h times the spread of each feature,

    ( ŷ(x + h s_a e_a) − ŷ(x − h s_a e_a) ) / 2 h s_a,                                                              (2)

whose error is of order h² where the model is smooth, and of order ε/h by rounding: h = ε^(1/3) balances them, for the
precision ε that the model computes in.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.shapes import Float, Labels, States

SINGLE = float(np.finfo(np.float32).eps)
"""Networks compute in single precision, and models do not say in which."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Linearisation:
    """A map and its derivative at n states.

    Attributes:
        states: x.
        images: Φ(x).
        jacobians: DΦ(x) of equation (1); row a is the derivative along axis a.

    Raises:
        ValueError: If there is another number of images or Jacobians than of states, or an image or a Jacobian is not
            finite.
    """

    states: States
    images: Float[np.ndarray, "..."]
    jacobians: Float[np.ndarray, "_ _ _"]

    def __post_init__(self) -> None:
        if self.images.ndim != 2 or not np.isfinite(self.images).all():
            raise ValueError(
                f"expected finite images of shape (states, features), got shape {self.images.shape}"
                + (" with NaN or ∞" if self.images.ndim == 2 else ": one feature is an axis too")
            )
        expected = (*self.states.shape, self.images.shape[1])
        if self.jacobians.shape != expected or len(self.images) != len(self.states):
            raise ValueError(
                f"expected an image for each of {len(self.states)} states and Jacobians of shape {expected}, got "
                f"{len(self.images)} images and shape {self.jacobians.shape}: row a is the derivative along axis a"
            )
        if not np.isfinite(self.jacobians).all():
            where = int(np.flatnonzero(~np.isfinite(self.jacobians).all(axis=(1, 2)))[0])
            raise ValueError(f"expected finite Jacobians, got one that is not at state {where}: is the flow smooth?")


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownFlow:
    """A flow Φ that somebody can differentiate, and what its images are.

    Attributes:
        linearised: States at the noise end, (n, d), to the flow and its derivative there.
        classes: States at the data end, (n, d), to the class of each; None where there are none.
        description: Which flow it is: its ends, its solver and what its exponents are right to.
        affordable: States at which it can be differentiated without much ado.

    Raises:
        ValueError: If it can be differentiated nowhere.
    """

    linearised: Callable[[States], Linearisation]
    classes: Callable[[States], Labels] | None = None
    description: str = ""
    affordable: int = 2000

    def __post_init__(self) -> None:
        if self.affordable < 1:
            raise ValueError(f"expected at least one affordable state, got {self.affordable}: leave the flow out")


def model_linearised(model: LatentModel, noise: States, labels: Labels | None = None) -> Linearisation:
    """A model and its derivative: its own where it brings one, else equation (2).

    Args:
        model: The model.
        noise: States at the noise end, at least two of them.
        labels: The label of each, where the model takes labels.

    Raises:
        ValueError: If differences are to be taken, and there are fewer than two states or a feature is constant.
    """
    own = getattr(model, "jacobians", None)
    jacobians = _differences(model, noise, labels) if own is None else own(noise, labels)
    return Linearisation(states=noise, images=_one_step(model, noise, labels), jacobians=jacobians)


def _one_step(model: LatentModel, noise: States, labels: Labels | None) -> np.ndarray:
    return np.asarray(model.decode(carried_latents(model, noise, labels), labels), dtype=np.float64)


def _differences(model: LatentModel, noise: States, labels: Labels | None) -> np.ndarray:
    if len(noise) < 2:
        raise ValueError(f"expected two or more states, whose spread is the unit of differences, got {len(noise)}")
    if (constant := np.flatnonzero(np.ptp(noise, axis=0) == 0)).size:
        raise ValueError(
            f"expected features that vary, whose spread is the unit of differences, got constant features "
            f"{constant.tolist()}: leave them out, or give the model its own `jacobians`"
        )
    widths = SINGLE ** (1 / 3) * noise.std(axis=0)
    rows = []
    for axis, width in zip(np.eye(noise.shape[1]), widths, strict=True):
        ahead, behind = (_one_step(model, noise + sign * width * axis, labels) for sign in (1.0, -1.0))
        rows.append((ahead - behind) / (2 * width))
    return np.stack(rows, axis=1)
