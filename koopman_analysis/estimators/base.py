"""What every estimator made from moments shares: fitting in one piece or as a stream, prediction, spectrum.

    Ψ_out(y) ≈ Ψ_in(x) K,                                                                                      (1)
    ŷ(x) = Ψ_in(x) K B,          B = argmin Σ w ‖y − Ψ_out(y) B‖²,                                              (2)

where B selects the coordinates if Ψ_out holds them. How K follows from the moments is what estimators differ in.
"""

from abc import ABC, abstractmethod
from typing import Any, Protocol, TypeVar, runtime_checkable

import array_api_compat
import numpy as np

from koopman_analysis.dictionaries import Dictionary
from koopman_analysis.moments import FactorMoments, GramMoments, Lift
from koopman_analysis.shapes import Array, Inexact, Operator
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.spectrum import Eigenpairs, EigenvalueIntervals, eigenpairs_of, eigenvalue_intervals

Moments = FactorMoments | GramMoments
Estimator = TypeVar("Estimator", bound="MomentEstimator")


class NotFitted(RuntimeError):
    """An estimator was asked for a result before it saw data."""


@runtime_checkable
class Predictor(Protocol):
    """What a baseline is: fitted to pairs, it takes states to the states after."""

    def fit(self, pairs: SnapshotPairs) -> "Predictor":
        """Fits to these pairs alone, and returns itself."""
        ...

    def predict(self, states: Array) -> Array:
        """The state after each of these, in the row convention."""
        ...


class MomentEstimator(ABC):
    """Equations (1) and (2), from moments of pairs.

    Args:
        inputs: Ψ_in, a dictionary or any function from states (n, d) to features (n, m_in).
        outputs: Ψ_out; Ψ_in where None.
        moments: What is kept of the pairs: `FactorMoments`, accurate to rounding, or `GramMoments`, several times
            faster, on any device, and blind to what a condition number above 1e7 hides.
    """

    def __init__(self, inputs: Lift, outputs: Lift | None, moments: type[FactorMoments] | type[GramMoments]) -> None:
        for lift in (inputs, outputs or inputs):
            if not callable(lift) or isinstance(lift, type):
                raise TypeError(f"expected a dictionary, or a function of states, got {lift!r}")
        if moments not in (FactorMoments, GramMoments):
            raise TypeError(f"expected moments=FactorMoments or GramMoments, the class, got {moments!r}")
        self.inputs, self.outputs, self.moments = inputs, outputs, moments
        self._seen: Moments | None = None
        self._operator_found: Operator | None = None
        self._step: np.ndarray | None = None

    @classmethod
    def from_moments(
        cls: type[Estimator], moments: Moments, inputs: Lift, outputs: Lift | None = None, **settings: Any
    ) -> Estimator:
        """An estimator fitted to moments taken elsewhere, in these dictionaries, with these further settings.

        What it sees later it summarises by moments of the same kind.

        Raises:
            ValueError: If the moments are not of dictionaries of these sizes.
        """
        for lift, size in zip((inputs, outputs or inputs), moments.sizes, strict=False):
            if isinstance(lift, Dictionary) and lift.dimension is not None and lift.size != size:
                raise ValueError(
                    f"expected moments of a dictionary of {lift.size} functions, got {size}: pass the one they are of"
                )
        return cls(inputs, outputs, moments=type(moments), **settings)._refitted(moments)

    def fit(self: Estimator, pairs: SnapshotPairs) -> Estimator:
        """Fits to these pairs alone.

        Raises:
            ConstantData: If the input features do not vary.
            ValueError: If there are fewer than two pairs, or the rank exceeds the number of input features.
        """
        return self._refitted(self.moments.of(pairs, self.inputs, self.outputs))

    def partial_fit(self: Estimator, pairs: SnapshotPairs) -> Estimator:
        """Adds these pairs to those seen before; K is solved for when it is next asked for."""
        new = self.moments.of(pairs, self.inputs, self.outputs)
        self._seen = new if self._seen is None else self._seen + new  # type: ignore[operator]
        self._operator_found = self._step = None
        return self

    @property
    def matrix_(self) -> Operator:
        """K of equation (1), shape (m_in, m_out)."""
        if self._operator_found is None:
            self._operator_found = self._operator(self.moments_)
        return self._operator_found

    @property
    def moments_(self) -> Moments:
        """The moments of the pairs seen."""
        if self._seen is None:
            raise NotFitted(f"expected a fitted {type(self).__name__}, got one that has seen no pairs: call fit(pairs)")
        return self._seen

    @property
    def readout_(self) -> Inexact[np.ndarray, "m_out d"]:
        """B of equation (2)."""
        return _readout(self.outputs or self.inputs, self.moments_)

    def predict(self, states: Array) -> Array:
        """ŷ of equation (2), in the library, precision and device of the states; real where the states are."""
        if self._step is None:
            self._step = self.matrix_ @ self.readout_
        xp = array_api_compat.array_namespace(states)
        whole = xp.isdtype(states.dtype, ("integral", "bool"))
        features = self.inputs(xp.astype(states, xp.float64) if whole else states)
        dtype = xp.result_type(features.dtype, xp.complex64) if np.iscomplexobj(self._step) else features.dtype
        operator = xp.asarray(self._step, dtype=dtype, device=array_api_compat.device(features))
        predicted = xp.astype(features, dtype, copy=False) @ operator
        kinds = [xp.isdtype(array.dtype, "complex floating") for array in (states, predicted)]
        # Complex functions of real states leave rounding in the imaginary part.
        return xp.real(predicted) if kinds == [False, True] else predicted

    def eigenpairs(self, heldout: SnapshotPairs | None = None) -> Eigenpairs:
        """The eigenpairs of K, those that the data bear out first (`koopman_analysis.spectrum`).

        Args:
            heldout: Pairs that K was not fitted to, for the residuals; without them residuals are in sample, or, where
                the moments are a Gram matrix, absent.

        Raises:
            ValueError: If the dictionaries differ: K then maps one space into another, and has no eigenvalues.
        """
        self._require_one_dictionary()
        fitted = self.moments_
        factor = fitted if isinstance(fitted, FactorMoments) else fitted.factor_moments()
        judge: FactorMoments | None = factor
        if heldout is not None:
            judge, remark = FactorMoments.of(heldout, self.inputs), "residuals on held-out pairs"
        elif isinstance(fitted, FactorMoments):
            remark = "residuals in sample: they vanish once there are as many functions as pairs; pass heldout="
        else:
            judge, remark = None, "a Gram matrix floors residuals at 2e-8: pass heldout=, or fit with FactorMoments"
        return eigenpairs_of(self.matrix_, factor, judge=judge, held_out=heldout is not None, remark=remark)

    def eigenvalue_intervals(
        self, pairs: SnapshotPairs, *, resamples: int = 199, groups: int = 100, rng: np.random.Generator
    ) -> EigenvalueIntervals:
        """Bootstrap intervals of the eigenvalues, in the order of `eigenpairs()`.

        Args:
            pairs: The pairs that this estimator was fitted to.
            resamples: Number of resamples.
            groups: Number of groups of whole units that are resampled.
            rng: Draws groups and resamples.

        Raises:
            ValueError: If the dictionaries differ, or there are fewer than two units.
        """
        return eigenvalue_intervals(
            pairs, self.inputs, self._operator, eigenpairs=self.eigenpairs(), resamples=resamples, groups=groups,
            rng=rng,
        )  # fmt: skip

    @abstractmethod
    def _operator(self, moments: Moments) -> Operator: ...

    def _refitted(self: Estimator, moments: Moments) -> Estimator:
        self._seen, self._step = moments, None
        self._operator_found = self._operator(moments)
        return self

    def _require_one_dictionary(self) -> None:
        if self.outputs is not None and self.outputs is not self.inputs:
            raise ValueError(
                "expected one dictionary at both ends, got two: K then maps one space into another, and its "
                "eigenvalues change with the basis of either"
            )


def require_one_space(pairs: SnapshotPairs) -> None:
    """Refuses pairs that determine no operator on one space.

    Raises:
        ValueError: If there are fewer than two, or the states before and after are of different width.
    """
    if pairs.n < 2:
        raise ValueError(f"expected at least two pairs to fit an operator, got {pairs.n}")
    if pairs.before.shape[1] != pairs.after.shape[1]:
        raise ValueError(
            f"expected states of one width before and after, got {pairs.before.shape[1]} and {pairs.after.shape[1]}: "
            "DMD maps a space to itself"
        )


def require_width(states: Array, width: int) -> None:
    """Refuses states of another width than the fitted ones.

    Raises:
        ValueError: If they are, or are not rows.
    """
    if states.ndim != 2 or states.shape[1] != width:
        raise ValueError(f"expected states of {width} features, as those fitted, got shape {tuple(states.shape)}")


def _readout(outputs: Lift, moments: Moments) -> np.ndarray:
    _, m_out, features = moments.sizes
    if isinstance(outputs, Dictionary) and outputs.dimension is None:
        outputs(np.ones((1, features)))  # moments taken elsewhere know the width of the states
    positions = getattr(outputs, "coordinates", None)
    if positions is None:
        return moments.readout()
    selection = np.zeros((m_out, features))
    selection[list(positions), np.arange(features)] = 1.0
    return selection
