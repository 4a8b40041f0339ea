"""Builds the figures of the paper: PDF and PNG, into `paper_figures/results` or a folder of choice."""

from importlib import import_module
from pathlib import Path

import tyro
from tyro.conf import FlagCreatePairsOff, Positional

from koopman_analysis.figures import save_figure
from paper_figures.profile import WIDTHS, Profile

NAMES = ("checkerboard", "defect_against_dimension")


def build(
    names: Positional[tuple[str, ...]] = NAMES, *, fast: FlagCreatePairsOff[bool] = False, width: str | None = None,
    out: Path = Path("paper_figures/results"), work: Path = Path("runs/paper_figures"), seed: int = 0,
) -> None:  # fmt: skip
    """Build figures of the paper.

    Args:
        names: Which; all of them without a name.
        fast: Few pairs and little training: to see that everything runs.
        width: neurips, neurips-half, icml, icml-column or page; each figure's own without it.
        out: Where the figures go.
        work: Where the experiments behind them are kept; what is finished there is used again.
        seed: Seed of everything random.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown or (width is not None and width not in WIDTHS):
        raise SystemExit(f"expected figures among {NAMES} and a width among {tuple(WIDTHS)}, got {unknown or width}")
    profile = Profile(fast=fast, width=WIDTHS.get(width or ""), work=work / ("fast" if fast else "full"), seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        figure = import_module(f"paper_figures.{name}").drawn(profile)
        print(*save_figure(figure, out / name), sep="\n")


if __name__ == "__main__":
    tyro.cli(build, prog="python -m paper_figures")
