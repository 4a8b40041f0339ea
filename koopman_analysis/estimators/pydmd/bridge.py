"""How PyDMD is imported, silenced where we know better, and read.

A fitted PyDMD object holds modes Φ, in columns, and their multipliers λ. Applied once to a state in a row it is

    x ↦ x K,      Kᵀ = Φ diag(λ) Φ⁺,                                                                           (1)

which is what PyDMD itself predicts with: amplitudes of the state by least squares on the modes, one step of each mode.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from koopman_analysis.shapes import Inexact, Operator

ROUNDING = 1e-12
"""Share of the largest singular value below which one is rounding: that of subtracting the mean, with some to spare."""


def imported_pydmd() -> ModuleType:
    """PyDMD, imported when it is first needed: that takes seconds."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    import pydmd

    # PyDMD configures the root logger of the whole program, so that a later `logging.basicConfig` would do nothing.
    root.handlers[:] = handlers
    return pydmd


@contextmanager
def expected_warnings_ignored() -> Iterator[None]:
    """Ignores what PyDMD warns of although it is as it should be."""
    with warnings.catch_warnings():
        # Any data conditioned worse than 1e5: least squares by SVD is accurate well beyond.
        warnings.filterwarnings("ignore", message="Input data condition number", category=UserWarning)
        # Any residual above the tolerance: data that are not linear have one, at the minimum as everywhere.
        warnings.filterwarnings("ignore", message="Initial trial of Optimized DMD", category=UserWarning)
        yield


def spanned_directions(rows: Inexact[np.ndarray, "n d"]) -> int:
    """The number of directions that centred rows span, those of rounding left out."""
    values = np.linalg.svd(rows, compute_uv=False)
    return int(np.count_nonzero(values > ROUNDING * values[0]))


def modal_operator(modes: Inexact[np.ndarray, "d r"], multipliers: Inexact[np.ndarray, " r"]) -> Operator:
    """K of equation (1)."""
    return (np.linalg.pinv(modes).T * multipliers) @ modes.T


def real_where(operator: Operator, *states: Any) -> Operator:
    """The operator, without its imaginary part where the states are real: that takes x K no further from any y."""
    return operator if any(np.iscomplexobj(each) for each in states) else np.ascontiguousarray(operator.real)
