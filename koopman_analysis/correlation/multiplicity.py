"""Several p-values reported together: what each is worth, given that there are k of them.

**Holm** (1979). For p₍₁₎ ≤ … ≤ p₍ₖ₎, whatever their dependence,

    p̃₍ⱼ₎ = max_{i ≤ j} min(1, (k − i + 1) p₍ᵢ₎),                                                           (1)

and calling significant what has p̃ ≤ α is wrong about any true null hypothesis in at most a share α of cases. The share
of false ones among those called significant (FDR) is bounded by `scipy.stats.false_discovery_control`, which has the
same form and may be given in its place.

**Max-t** (Westfall & Young 1993), where all statistics are known under the same B relabellings: with t₍₁₎ ≥ … ≥ t₍ₖ₎,

    p̃₍ⱼ₎ = max_{i ≤ j} (1 + #{ π : max_{l ≥ i} t₍ₗ₎π ≥ t₍ᵢ₎ }) / (1 + B),                                    (2)

which knows how the statistics depend on each other, and so is never more cautious than it must be: of k copies of one
statistic each has its own p-value, not k times it.
"""

from collections.abc import Callable, Mapping

import numpy as np

from koopman_analysis.shapes import Float


def holm(p_values: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """Equation (1), in the order given.

    Raises:
        ValueError: If one is not in [0, 1].
    """
    if not ((p_values >= 0.0) & (p_values <= 1.0)).all():
        raise ValueError(f"expected p-values between 0 and 1, got {p_values.tolist()}")
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * p_values[order]))
    return adjusted


def adjusted_p_values(
    p_values: Mapping[str, float], *, adjustment: Callable[[np.ndarray], np.ndarray] = holm
) -> dict[str, float]:
    """What each named p-value is when all of them are reported.

    Args:
        p_values: By name.
        adjustment: Takes p-values to adjusted ones: `holm`, or `scipy.stats.false_discovery_control`.

    Raises:
        ValueError: If one is not in [0, 1].
    """
    adjusted = adjustment(np.array(list(p_values.values()), dtype=np.float64))
    return dict(zip(p_values, adjusted.tolist(), strict=True))


def max_t_p_values(
    observed: Float[np.ndarray, " k"], permuted: Float[np.ndarray, "b k"]
) -> Float[np.ndarray, " k"]:  # fmt: skip
    """Equation (2), in the order given.

    Args:
        observed: The statistics, on one scale, large where their null hypothesis fails.
        permuted: The same under each relabelling, a row each.
    """
    order = np.argsort(-observed, kind="stable")
    # Of each statistic and all that are smaller.
    largest = np.maximum.accumulate(permuted[:, order[::-1]], axis=1)[:, ::-1]
    counts = (largest >= observed[order]).sum(axis=0)
    adjusted = np.empty(len(observed))
    adjusted[order] = np.maximum.accumulate((1 + counts) / (1 + len(permuted)))
    return adjusted
