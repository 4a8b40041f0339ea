"""What 3,600 points of a residual pseudospectrum cost, beside the singular values of as many stacked matrices.

Pairs of a stable linear map with noise, n = 20 m of them, so that no function is an eigenfunction. Ours reads every
point from the compressed pencil (`koopman_analysis.pseudospectrum`), one of a conjugate pair; the bare cost is that of
LAPACK's singular values of [S − z; C] at as many points as differ, measured at some and multiplied. Both see the same
points, and the largest relative difference of the values is told.
"""

import time

import numpy as np

from koopman_analysis.claims import Side
from koopman_analysis.dictionaries import Coordinates
from koopman_analysis.moments import FactorMoments
from koopman_analysis.pseudospectrum import Pencil, window
from koopman_analysis.snapshots import SnapshotPairs

from .experiments import Profile
from .page import Goal, Page, Row, Table

POINTS = 60
"""Along a side."""
SIZES, FAST_SIZES = (21, 60, 300), (4, 45)
BARE = 24
"""Points at which the bare cost is measured."""
COLUMNS = {
    "functions m": ",", "points": ",", "different": ",", "compression, s": ".2f", "points, s": ".2f",
    "bare singular values, s": ".2f", "ours / bare": ".2f", "largest relative difference": ".1e",
}  # fmt: skip
BOUNDS = {21: 0.5, 300: 60.0}


def measured(profile: Profile) -> Page:
    """Each size in turn."""
    rows = [_row(size, 6 if profile.fast else POINTS) for size in (FAST_SIZES if profile.fast else SIZES)]
    seconds = {row["functions m"]: float(str(row["points, s"])) for row in rows}
    return Page(
        title="Residual pseudospectra",
        about="Least residual of any function of m at every point of a square grid about the unit disc.",
        tables=[Table(columns=COLUMNS, rows=rows)],
        goals=[
            Goal(
                quantity=f"seconds for {POINTS**2:,} points, m = {size}", measured=seconds[size], side=Side.AT_MOST,
                bound=bound,
            )
            for size, bound in BOUNDS.items()
            if size in seconds
        ],
        notes=("The compression is made once for all points.",),
    )  # fmt: skip


def _row(size: int, side: int) -> Row:
    moments = _moments(size)
    start = time.perf_counter()
    pencil = Pencil.of_moments(moments)
    compressed = time.perf_counter() - start
    points = window(np.diag(pencil.triangle), resolution=side).ravel()
    different = np.unique(points.real + 1j * np.abs(points.imag))
    start = time.perf_counter()
    values = pencil.residuals(points)
    ours = time.perf_counter() - start
    some = np.random.default_rng(0).choice(len(points), min(BARE, len(points)), replace=False)
    start = time.perf_counter()
    exact = np.array([_bare(pencil, point) for point in points[some]])
    bare = (time.perf_counter() - start) * len(different) / len(some)
    return {
        "functions m": size, "points": len(points), "different": len(different), "compression, s": compressed,
        "points, s": ours, "bare singular values, s": bare, "ours / bare": ours / bare,
        "largest relative difference": float(np.abs(values[some] / exact - 1.0).max()),
    }  # fmt: skip


def _moments(size: int) -> FactorMoments:
    rng = np.random.default_rng(size)
    K = 0.9 * rng.standard_normal((size, size)) / np.sqrt(size)
    before = rng.standard_normal((20 * size, size))
    after = before @ K + 0.3 * rng.standard_normal(before.shape)
    return FactorMoments.of(SnapshotPairs(before=before, after=after), Coordinates())


def _bare(pencil: Pencil, point: complex) -> float:
    assert pencil.rest is not None  # that of moments
    shifted = pencil.triangle - point * np.eye(len(pencil.triangle))
    return float(np.linalg.svd(np.concatenate([shifted, pencil.rest]), compute_uv=False)[-1])
