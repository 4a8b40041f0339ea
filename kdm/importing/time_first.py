"""Trajectories in one array, time first."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kdm.importing.ends import EndMoments, Ends
from kdm.importing.layout import Layout
from kdm.teachers import CheckerboardSupport
from kdm.trajectories import DataError, Trajectories, save_trajectories
from kdm.trajectories.storage import require_finite


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

    @property
    def reversed(self) -> "TimeFirstArray":
        """The same with the noise where the data are."""
        return replace(self, name=f"{self.name}, reversed", noise_index=-1 - self.noise_index)

    def require_fit(self, source: Path, *, seed: int) -> None:
        """Holds the ends of the whole file to this layout."""
        self._states(source)

    def packed(self, source: Path, *, out: Path, seed: int, progress: bool) -> Trajectories:
        """The file as a data set with its whole trajectory."""
        states = self._states(source)
        return save_trajectories(
            out,
            noise=states[:, 0],
            data=states[:, -1],
            trajectory=states,
            labels=self.support.cells(torch.tensor(states[:, -1])).numpy(),
            times=np.linspace(0, 1, states.shape[1]).tolist(),
            time_name="t",
            source={"kind": "packed", "layout": self.name, "file": source.name, "support": asdict(self.support)},
        )

    def _states(self, source: Path) -> np.ndarray:
        """The file's array as (sample, time, 2), noise first."""
        array = _mapped(source)
        if array.ndim != 3 or array.shape[2] != 2 or len(array) < 2 or not array.shape[1] or array.dtype.kind != "f":
            raise DataError(
                f"'{source}' is {array.shape} of {array.dtype}: the layout {self.name} is (time, sample, 2), floating."
            )
        require_finite(array, name=f"'{source}'")
        states = np.moveaxis(array if self.noise_index == 0 else array[::-1], 0, 1)
        ends = Ends(noise_scale=1.0, data_at_most=self.support.half_width)
        if why := ends.mismatch(EndMoments.of(states[:, 0]), EndMoments.of(states[:, -1])):
            raise DataError(f"'{source}' does not have the layout {self.name}: {why}.")
        return states


def _mapped(source: Path) -> np.ndarray:
    if not source.is_file():
        raise DataError(f"'{source}' is not a file: expected a single .npy file.")
    try:
        array: Any = np.load(source, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"'{source}' is not an array that NumPy can map ({error}).") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise DataError(f"'{source}' holds several arrays: expected a single .npy file.")
    return array
