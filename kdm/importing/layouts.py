"""The layouts in which trajectories were published, and packing them into a data set.

No published file says which of its ends is noise, and the conventions differ. A layout states it, and the file is held
to that statement: the noise end must have the moments of N(0, s² I) and the data end must not. For n samples of d
numbers with s known, the statistics

    max_j |mean_j| / (s / √n)        and        max_jk |cov_jk − s² δ_jk| / (s² √((1 + δ_jk) / n))                  (1)

are maxima of about standard normal variables; an end is called noise iff both are at most 6, which noise exceeds with
probability about 2e-9 per number. Ends far from it (a trained teacher's data, an image) exceed it by orders of
magnitude.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from kdm.teachers import CheckerboardSupport
from kdm.trajectories import DataError, Trajectories, save_trajectories
from kdm.trajectories.storage import require_finite

NOISE_BOUND = 6.0


class Layout(ABC):
    """How one published set of trajectories is laid out."""

    @abstractmethod
    def packed(self, source: Path, *, out: Path) -> Trajectories:
        """The source as a data set in the folder `out`.

        Raises:
            DataError: if the source does not have this layout.
        """


@dataclass(frozen=True, kw_only=True)
class TimeFirstArray(Layout):
    """One .npy file (time, sample, 2) of flow matching, whose time t runs evenly from 0 at its noise to 1 at its data.

    Samples are taken to be independent already: their order is kept.

    Attributes:
        name: of the layout.
        noise_index: of the noise on the first axis, 0 or −1; the data are at the other end.
        support: the cells on which the data lie; it gives the labels.
    """

    name: str
    noise_index: int
    support: CheckerboardSupport

    def packed(self, source: Path, *, out: Path) -> Trajectories:
        """The file as a data set with its whole trajectory."""
        array = _mapped(source)
        if array.ndim != 3 or array.shape[2] != 2 or len(array) < 2 or array.dtype.kind != "f":
            raise DataError(
                f"'{source}' is {array.shape} of {array.dtype}: the layout {self.name} is (time, sample, 2), floating."
            )
        require_finite(array, name=f"'{source}'")
        states = np.moveaxis(array if self.noise_index == 0 else array[::-1], 0, 1)
        _require_ends(states[:, 0], states[:, -1], source=source, layout=self.name)
        return save_trajectories(
            out,
            noise=states[:, 0],
            data=states[:, -1],
            trajectory=states,
            labels=self.support.cells(torch.tensor(states[:, -1])).numpy(),
            times=np.linspace(0, 1, len(array)).tolist(),
            time_name="t",
            source={"kind": "packed", "layout": self.name, "file": source.name, "support": asdict(self.support)},
        )


CHECKERBOARD = TimeFirstArray(
    name="checkerboard", noise_index=0, support=CheckerboardSupport(cell=20 / 9, half_width=40 / 9)
)
"""The checkerboard published with the KDM paper (Berman et al. 2025): ten times, cells of 20/9 on ±40/9."""

LAYOUTS: Mapping[str, Layout] = {CHECKERBOARD.name: CHECKERBOARD}
"""Every layout, by the name that the command line uses."""


def pack(source: str | Path, *, layout: Layout, out: str | Path) -> Trajectories:
    """The published trajectories in `source` as a data set in the folder `out`.

    Raises:
        DataError: if there is no source, it does not have the layout, or `out` holds something.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(f"nothing to pack at '{source}': expected the published file or folder.")
    return layout.packed(source, out=Path(out))


def excess_over_noise(states: Float[np.ndarray, "n d"], *, scale: float = 1.0) -> float:
    """The larger of the statistics (1): how far the moments of states are from those of N(0, scale² I)."""
    unit = states.astype(np.float64) / scale
    n, d = unit.shape
    mean = unit.mean(0)
    centred = unit - mean
    deviation = np.abs(centred.T @ centred / n - np.eye(d)) / np.sqrt((1 + np.eye(d)) / n)
    return float(max(np.abs(mean).max() * np.sqrt(n), deviation.max()))


def _require_ends(
    noise: Float[np.ndarray, "n d"], data: Float[np.ndarray, "n d"], *, source: Path, layout: str
) -> None:
    """Refuse ends that are not the ones the layout says they are."""
    excess = {"noise": excess_over_noise(noise), "data": excess_over_noise(data)}
    if not excess["noise"] <= NOISE_BOUND:
        swapped = ", but its other end does: time runs the other way" if excess["data"] <= NOISE_BOUND else ""
        raise DataError(
            f"'{source}' does not have the layout {layout}: the end that should be noise does not have the moments of "
            f"N(0, I) ({excess['noise']:.3g} standard errors away, at most {NOISE_BOUND:g} expected){swapped}."
        )
    if excess["data"] <= NOISE_BOUND:
        raise DataError(
            f"'{source}' does not have the layout {layout}: both of its ends have the moments of N(0, I), "
            "so which one is noise cannot be told, and no flow is needed between them."
        )


def _mapped(source: Path) -> np.ndarray:
    try:
        array: Any = np.load(source, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"'{source}' is not an array that NumPy can map ({error}).") from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"'{source}' holds several arrays: expected a single .npy file.")
    return array
