"""The classifier two-sample test: equation (5) of the package."""

import math
from typing import Any

import numpy as np
import scipy.special

from koopman_analysis.resampling import Interval
from koopman_analysis.twosample.draws import Sample, require_samples


def classifier_accuracy(
    x: Sample, y: Sample, *, classifier: Any = None, folds: int = 5, rng: np.random.Generator
) -> Interval:
    """Held-out balanced accuracy of telling two samples apart: equation (5).

    Args:
        x: One sample.
        y: The other.
        classifier: Anything of the scikit-learn contract; gradient-boosted trees where None.
        folds: Folds of the cross-validation; every object is held out once.
        rng: Deals the folds and seeds the trees.

    Raises:
        TypeError: If a sample is not an array of real numbers.
        ValueError: If a sample has fewer than two points, the widths differ, or a value is not finite.
    """
    require_samples({"x": x, "y": y})
    # scikit-learn takes seconds to import and serves only this function.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    seed = int(rng.integers(2**31))
    chosen = HistGradientBoostingClassifier(random_state=seed) if classifier is None else classifier
    origin = np.repeat([0, 1], [len(x), len(y)])
    dealt = StratifiedKFold(folds, shuffle=True, random_state=seed)
    right = cross_val_predict(chosen, np.concatenate([x, y]), origin, cv=dealt) == origin
    shares = np.array([right[origin == side].mean() for side in (0, 1)])
    variance = (shares * (1.0 - shares) / [len(x), len(y)]).sum() / 4.0
    width = float(scipy.special.ndtri(0.975)) * math.sqrt(variance)
    estimate = float(shares.mean())
    return Interval(
        estimate=estimate, low=estimate - width, high=estimate + width,
        n=len(origin), method=f"normal over held-out objects, {folds} folds",
    )  # fmt: skip
