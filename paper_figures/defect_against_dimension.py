"""How much of the data's quadratic functions is linear in a dictionary of the noise, against its dimension.

A flow of Gaussian data is affine: polynomials of degree 2 are closed at dimension 6, and the defect falls to the
solver's error there. The checkerboard's flow is not: its defect falls slowly, in Hermite polynomials as in Fourier
features. Unrelated pairs have defect 1 at every dimension, whatever their in-sample residual says.
"""

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdm.teachers import named
from kdm.trajectories import Trajectories, collect
from koopman_analysis import Constant, Coordinates, Hermite, RandomFourier, SnapshotPairs
from koopman_analysis.closure import closure_sweep
from koopman_analysis.figures import draw_defect_against_dimension, figure_of
from paper_figures.profile import Profile

DEGREES = (1, 2, 3, 4, 6, 8, 11)
COUNTS = (4, 8, 16, 32, 64)
NOISE = 80.0


def drawn(profile: Profile) -> Figure:
    """The defect of four nested families, with their intervals and the tolerance."""
    n = 2000 if profile.fast else 20_000
    rng = np.random.default_rng(profile.seed)
    board, gaussian = (pairs_of(name, n, profile) for name in ("checkerboard", "gaussian"))
    hermite = [Hermite(degree, scale=NOISE) for degree in DEGREES]
    waves = [
        Constant() + Coordinates() + RandomFourier(count, 0.3 * NOISE, rng=np.random.default_rng(0)) for count in COUNTS
    ]
    families = {
        "Gaussian flow, Hermite": (gaussian, hermite),
        "checkerboard, Hermite": (board, hermite),
        "checkerboard, Fourier": (board, waves),
        "unrelated pairs, Hermite": (board.shuffled(rng=rng), hermite),
    }

    def draw(ax: Axes) -> Axes:
        for label, (pairs, family) in families.items():
            outputs = Hermite(2).fitted(pairs.after)
            reports = closure_sweep(pairs, family=family, outputs=outputs, rng=np.random.default_rng(profile.seed))
            sizes = [member(pairs.before[:1]).shape[1] for member in family]
            draw_defect_against_dimension(ax, sizes, [report.defect for report in reports], tolerance=0.01, label=label)
        ax.legend()
        return ax

    return figure_of(draw, size=profile.size(5.0, 0.62))


def pairs_of(name: str, n: int, profile: Profile) -> SnapshotPairs:
    """Pairs of a teacher's flow at 128 solver steps."""
    data: Trajectories = collect(
        named(name), n, generator=torch.Generator().manual_seed(profile.seed), steps=128,
        out=profile.work / f"{name}-{n}", progress=True,
    )  # fmt: skip
    return SnapshotPairs(before=data.noise.astype(np.float64), after=data.data.astype(np.float64))
