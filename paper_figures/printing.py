"""Figures at the size of print: the style of the report, with the sizes of `paper.mplstyle` instead of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib import style
from matplotlib.figure import Figure

from koopman_analysis.figures import styled

SIZES = Path(__file__).with_name("paper.mplstyle")
SCREEN = 180
"""Dots per inch of the PNG, which is for the screen; those of what is rasterised in the PDF are the style's."""


@contextmanager
def styled_for_print() -> Iterator[None]:
    """Inside, figures are drawn and saved as they are to be printed."""
    with styled(), style.context(SIZES):
        yield


def save_for_print(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Writes a figure as PDF (fonts embedded) and PNG, without dates, and returns both paths."""
    pdf, png = stem.with_suffix(".pdf"), stem.with_suffix(".png")
    with styled_for_print():
        figure.savefig(pdf, metadata={"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None})
        figure.savefig(png, dpi=SCREEN, metadata={"Software": None})
    return pdf, png
