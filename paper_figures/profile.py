"""How large the experiments behind the figures are, and how wide the figures."""

from dataclasses import dataclass
from pathlib import Path

from kdm.presets import Preset, preset_named

WIDTHS = {"neurips": 5.5, "neurips-half": 2.7, "icml": 6.75, "icml-column": 3.25, "page": 6.5}
"""Widths in inches, by the name of the column."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What all figures of one call share.

    Attributes:
        fast: Few pairs and little training: to see that everything runs, not to be believed.
        width: Width of each figure in inches; each figure's own where None.
        work: Folder of the experiments; what is finished there is used again.
        seed: Seed of everything random.
    """

    fast: bool
    width: float | None
    work: Path
    seed: int = 0

    def preset(self, name: str) -> Preset:
        """The preset at the size of this profile."""
        return preset_named(name).fast() if self.fast else preset_named(name)

    def width_or(self, own: float) -> float:
        """The width that was asked for, or else the figure's own, in inches."""
        return own if self.width is None else self.width
