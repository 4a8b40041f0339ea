"""Builds the figures of the paper: PDF and PNG, into `paper_figures/results` or a folder of choice."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import tyro
from matplotlib.figure import Figure
from tyro.conf import FlagCreatePairsOff, Positional

from paper_figures import (
    ablations,
    checkerboard,
    defect_against_dimension,
    error_against_dimension,
    images,
    neighbours,
    outliers,
    quality_against_dimension,
    semantics,
    spectrum,
)
from paper_figures.printing import save_for_print
from paper_figures.profile import WIDTHS, Profile

FIGURES: dict[str, Callable[[Profile], Figure]] = {
    "ablations": ablations.drawn,
    "checkerboard": checkerboard.drawn,
    "defect_against_dimension": defect_against_dimension.drawn,
    "error_against_dimension": error_against_dimension.drawn,
    "images": images.drawn,
    "neighbours": neighbours.drawn,
    "outliers": outliers.drawn,
    "quality_against_dimension": quality_against_dimension.drawn,
    "semantics": semantics.drawn,
    "spectrum": spectrum.drawn,
}
Name = Literal[*FIGURES]
Width = Literal[*WIDTHS]


def build(
    names: Positional[tuple[Name, ...]] = tuple(FIGURES), *, fast: FlagCreatePairsOff[bool] = False,
    width: Width | None = None, out: Path = Path("paper_figures/results"), work: Path = Path("runs/paper_figures"),
    seed: int = 0,
) -> None:  # fmt: skip
    """Build figures of the paper.

    Args:
        names: Which; all of them without a name.
        fast: Few pairs and little training: to see that everything runs.
        width: The column that the figures are for; each figure's own width without it.
        out: Where the figures go.
        work: Where the experiments behind them are kept; what is finished there is used again.
        seed: Seed of everything random.
    """
    inches = None if width is None else WIDTHS[width]
    profile = Profile(fast=fast, width=inches, work=work / ("fast" if fast else "full"), seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        print(*save_for_print(FIGURES[name](profile), out / name), sep="\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command."""
    tyro.cli(build, prog="python -m paper_figures", args=sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    main()
