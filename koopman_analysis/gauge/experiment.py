"""One model in several gauges: which of its numbers change, and which are its own.

The experiment measures the same numbers of one model in this checkpoint's gauge and in random ones (`coordinates`), in
which no prediction changes. Those of K alone change. What stays is

    σ_i     singular values of S_noise^{1/2} K S_data^{−1/2} in what the decoder reads      (`modes`, equation (5))
    s_i     decoder-weighted singular values                    (`dimension.latent_rank`, equation (1))
    √( E‖y − ŷ‖² / tr Cov(y) ), the paired error, and all else that looks at outputs only.                         (1)

Beside them, ‖E_data(y) − z‖² / tr Cov E_data(y), the latent residual, changes: directions that nothing reads count in
it as much as their coordinates say.                                                                            (2)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.dimension import decoder_weighted_directions
from koopman_analysis.estimators.latent import LatentModel, carried_latents
from koopman_analysis.gauge.coordinates import (
    ThisGauge,
    nonnormality_in_gauge,
    random_gauge,
    spectrum_in_gauge,
    transformed,
)
from koopman_analysis.modes import whitened_singular_values
from koopman_analysis.regression import ConstantData
from koopman_analysis.shapes import Complex, Float, Labels, require_whole
from koopman_analysis.snapshots import SnapshotPairs

LEADING = 3
"""Singular values of each kind that are compared by name."""
SMALLEST = 1e-3
"""Share of the largest below which a singular value is not compared: differences of the decoder's values blur it."""


@dataclass(frozen=True, kw_only=True)
class InGauges:
    """A number in this checkpoint's gauge and in others.

    Attributes:
        name: What it is.
        here: In this checkpoint's.
        elsewhere: In each of the others.
    """

    name: str
    here: float
    elsewhere: tuple[float, ...]

    @property
    def change(self) -> float:
        """The largest relative change."""
        return max(abs(other - self.here) for other in self.elsewhere) / max(abs(self.here), np.finfo(float).tiny)


@dataclass(frozen=True, kw_only=True, eq=False)
class GaugeExperiment:
    """One model in several gauges.

    Attributes:
        condition: κ of each change of coordinates.
        largest_change: Largest change of a prediction, as a share of the data's standard deviation.
        eigenvalues: Of K, in this checkpoint's gauge.
        other_eigenvalues: Of K, in each of the others.
        dependent: Numbers that depend on the gauge.
        invariant: Numbers that do not.
    """

    condition: float
    largest_change: float
    eigenvalues: Complex[np.ndarray, " m"]
    other_eigenvalues: tuple[Complex[np.ndarray, " m"], ...]
    dependent: tuple[InGauges, ...]
    invariant: tuple[InGauges, ...]


def gauge_experiment(
    model: LatentModel,
    pairs: SnapshotPairs,
    *,
    gauges: int = 5,
    condition: float = 100.0,
    labels: Labels | None = None,
    rng: np.random.Generator,
) -> GaugeExperiment:
    """Looks at one model in its own gauge and in random ones.

    Args:
        model: The model.
        pairs: Pairs that it was not fitted to.
        gauges: Number of random gauges.
        condition: κ of the changes of coordinates.
        labels: The label of each pair, where the model takes labels.
        rng: Draws the gauges, and where the decoder is differentiated.

    Raises:
        ConstantData: If the latents, or the states after, do not vary.
        UndefinedDecoder: If the decoder has no finite values around them.
        ValueError: If there is no gauge to compare with, the condition is out of range, or K leads to a space of
            another dimension or is zero.
        TypeError: If the number of gauges is not whole.
    """
    require_whole("gauges", gauges)
    if gauges < 1:
        raise ValueError(f"expected at least one other gauge, got {gauges}")
    models = [model, *(_in_random_gauge(model, condition, rng) for _ in range(gauges))]
    seed = int(rng.integers(2**63))
    views = [_View.of(some, pairs, labels, np.random.default_rng(seed)) for some in models]
    change = max(float(np.linalg.norm(view.predicted - views[0].predicted, axis=1).max()) for view in views[1:])
    return GaugeExperiment(
        condition=condition,
        largest_change=change / float(np.sqrt(_variance(pairs.on_host().after, pairs))),
        eigenvalues=views[0].eigenvalues,
        other_eigenvalues=tuple(view.eigenvalues for view in views[1:]),
        dependent=_compared([view.dependent for view in views]),
        invariant=_compared([view.invariant for view in views]),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _View:
    """A model as it looks in one gauge."""

    predicted: Float[np.ndarray, "n d"]
    eigenvalues: Complex[np.ndarray, " m"]
    dependent: dict[str, float]
    invariant: dict[str, float]

    @classmethod
    def of(cls, model: LatentModel, pairs: SnapshotPairs, labels: Labels | None, rng: np.random.Generator) -> "_View":
        after, encoded = pairs.on_host().after, model.encode_data(pairs.after, labels)
        arrived = carried_latents(model, pairs.before, labels)
        predicted = np.asarray(model.decode(arrived, labels), dtype=np.float64)
        residual, error = (
            _mean(np.square(one - other), pairs) / _variance(one, pairs)
            for one, other in ((encoded, arrived), (after, predicted))
        )
        directions = decoder_weighted_directions(model, pairs, labels=labels, rng=rng)
        whitened = whitened_singular_values(model, pairs, directions=directions, labels=labels)
        return cls(
            predicted=predicted,
            eigenvalues=spectrum_in_gauge(model, gauge=ThisGauge()),
            dependent={**nonnormality_in_gauge(model, gauge=ThisGauge()), "latent residual / variance": residual},
            invariant={
                **_named("whitened singular value", whitened),
                **_named("decoder-weighted singular value", directions.singular_values),
                "paired error": float(np.sqrt(error)),
            },
        )


def _in_random_gauge(model: LatentModel, condition: float, rng: np.random.Generator) -> LatentModel:
    A = random_gauge(model.matrix.shape[1], condition=condition, rng=rng)
    B = A if model.shared_encoder else random_gauge(model.matrix.shape[0], condition=condition, rng=rng)
    return transformed(model, B, A)


def _named(name: str, values: np.ndarray) -> dict[str, float]:
    leading = values[:LEADING][values[:LEADING] > SMALLEST * values[0]]
    return {f"{name} {position}": float(value) for position, value in enumerate(leading, start=1)}


def _compared(numbers: Sequence[dict[str, float]]) -> tuple[InGauges, ...]:
    here, *others = numbers
    return tuple(
        InGauges(name=name, here=value, elsewhere=tuple(other[name] for other in others))
        for name, value in here.items()
        if all(name in other for other in others)
    )


def _variance(rows: np.ndarray, pairs: SnapshotPairs) -> float:
    variance = _mean(np.square(_centred(rows, pairs)), pairs)
    if not variance > 0:
        raise ConstantData("expected latents and states that vary at the data end, got one")
    return variance


def _centred(rows: np.ndarray, pairs: SnapshotPairs) -> np.ndarray:
    return rows - np.average(rows, axis=0, weights=pairs.on_host().weights)


def _mean(terms: np.ndarray, pairs: SnapshotPairs) -> float:
    """The mean over the pairs of a sum over columns."""
    return float(np.average(terms.sum(axis=1), weights=pairs.on_host().weights))
