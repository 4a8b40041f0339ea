"""Discrepancies D and H of samples, equations (1) and (2) of the package, with intervals and an exact test."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from koopman_analysis.resampling import Bootstrap, Interval, permutation_p_value
from koopman_analysis.twosample.draws import Sample, require_samples, resampled_multiplicities
from koopman_analysis.twosample.kernels import (
    CUBIC,
    ENERGY,
    GaussianKernel,
    Kernel,
    mean_between,
    mean_within,
    quadratic_forms,
)


@dataclass(frozen=True, kw_only=True)
class PermutationTest:
    """A statistic and how often relabelling the samples makes it as large, by (1 + b)/(1 + B)."""

    statistic: float
    p_value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Discrepancies:
    """The discrepancies of several samples from one reference, on the same resamples.

    Attributes:
        names: The samples, in the order of the columns.
        absolute: D of equation (1).
        relative: H of equation (2).
    """

    names: tuple[str, ...]
    absolute: Bootstrap
    relative: Bootstrap

    def distances(self) -> dict[str, Interval]:
        """D of each sample."""
        return dict(zip(self.names, self.absolute.intervals(), strict=True))

    def coefficients(self) -> dict[str, Interval]:
        """H of each sample."""
        return dict(zip(self.names, self.relative.intervals(), strict=True))

    def differences_from(self, name: str) -> dict[str, Interval]:
        """H of each other sample minus H of the named one: positive where the other is further from the reference."""
        here = self.names.index(name)
        others = [column for column in range(len(self.names)) if column != here]
        if not others:
            return {}
        intervals = self.relative.differences([(other, here) for other in others]).intervals()
        return dict(zip((self.names[column] for column in others), intervals, strict=True))


def discrepancies(
    samples: Mapping[str, Sample],
    reference: Sample,
    *,
    kernel: Kernel = ENERGY,
    resamples: int = 199,
    rng: np.random.Generator,
) -> Discrepancies:
    """The discrepancies of samples from one reference sample, with object-bootstrap replicates.

    Samples of one size are resampled alike, row by row, so that rows which came from one noise stay together and their
    differences are as sharp as the pairing allows; where rows are independent this changes nothing.

    Raises:
        TypeError: If a sample is not an array of real numbers.
        ValueError: If a sample has fewer than two points, another width than the reference, or is not finite.
    """
    require_samples({**samples, "reference": reference})
    draws: dict[int, np.ndarray] = {}
    for size in sorted({len(sample) for sample in samples.values()}):
        draws[size] = resampled_multiplicities(size, resamples, rng=rng)
    drawn = resampled_multiplicities(len(reference), resamples, rng=rng)
    within_reference = mean_within(kernel, reference, drawn)
    itself = drawn @ kernel.itself(reference) / len(reference)
    absolute, scale = [], []
    for sample in samples.values():
        counts = draws[len(sample)]
        between = mean_between(kernel, sample, reference, counts, drawn)
        absolute.append(mean_within(kernel, sample, counts) + within_reference - 2.0 * between)
        scale.append(counts @ kernel.itself(sample) / len(sample) + itself - 2.0 * between)
    objects = min(len(reference), *map(len, samples.values()))
    columns = np.stack(absolute, axis=1)
    return Discrepancies(
        names=tuple(samples),
        absolute=_bootstrap(columns, objects),
        relative=_bootstrap(columns / np.stack(scale, axis=1), objects),
    )


def energy_distance(x: Sample, y: Sample, *, resamples: int = 199, rng: np.random.Generator) -> Interval:
    """The energy distance of two samples, unbiased."""
    return discrepancies({"x": x}, y, resamples=resamples, rng=rng).distances()["x"]


def squared_mmd(
    x: Sample, y: Sample, *, kernel: Kernel | None = None, resamples: int = 199, rng: np.random.Generator
) -> Interval:
    """The squared MMD, unbiased; Gaussian with the median distance of y unless a kernel is given."""
    require_samples({"x": x, "y": y})
    chosen = GaussianKernel.of_median_distance(y, rng=rng) if kernel is None else kernel
    return discrepancies({"x": x}, y, kernel=chosen, resamples=resamples, rng=rng).distances()["x"]


def kernel_distance(x: Sample, y: Sample, *, resamples: int = 199, rng: np.random.Generator) -> Interval:
    """The kernel distance of features, unbiased: equation (7) of the package."""
    return squared_mmd(x, y, kernel=CUBIC, resamples=resamples, rng=rng)


def permutation_test(
    x: Sample, y: Sample, *, kernel: Kernel = ENERGY, permutations: int = 199, rng: np.random.Generator
) -> PermutationTest:
    """Tests by relabelling whether two samples are of one law: exact at any size.

    Raises:
        TypeError: If a sample is not an array of real numbers.
        ValueError: If a sample has fewer than two points, the widths differ, or a value is not finite.
    """
    require_samples({"x": x, "y": y})
    n, m = len(x), len(y)
    first = np.zeros((permutations + 1, n + m))
    first[0, :n] = 1.0
    for row in first[1:]:
        row[rng.permutation(n + m)[:n]] = 1.0
    together = np.concatenate([x, y])
    sums, itself = quadratic_forms(kernel, together, first), kernel.itself(together)
    within_first, row_sums = sums.forms, sums.row_sums
    between = first @ row_sums - within_first
    within_second = row_sums.sum() - within_first - 2.0 * between
    within_first -= first @ itself
    within_second -= (1.0 - first) @ itself
    statistics = within_first / (n * (n - 1)) + within_second / (m * (m - 1)) - 2.0 * between / (n * m)
    # Relabellings that tie with the observed one must not fall below it by the rounding of other summation orders.
    rounding = 1e-12 * np.abs(row_sums).sum() / (n * m)
    p_value = permutation_p_value(float(statistics[0]) - rounding, statistics[1:])
    return PermutationTest(statistic=float(statistics[0]), p_value=p_value)


def _bootstrap(columns: np.ndarray, objects: int) -> Bootstrap:
    return Bootstrap(estimate=columns[0], replicates=columns[1:], objects=objects)
