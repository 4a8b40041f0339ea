"""What a layout of published trajectories has to do."""

from abc import ABC, abstractmethod
from pathlib import Path

from kdm.trajectories import Trajectories


class Layout(ABC):
    """How one published set of trajectories is laid out."""

    name: str

    @abstractmethod
    def require_fit(self, source: Path, *, seed: int) -> None:
        """Holds a sample of the source to this layout, quickly.

        Raises:
            DataError: if the source does not have this layout.
        """

    @abstractmethod
    def packed(self, source: Path, *, out: Path, seed: int, progress: bool) -> Trajectories:
        """The source as a data set in the folder `out`.

        Raises:
            DataError: if the source does not have this layout, or holds a value that is not finite.
        """

    @property
    @abstractmethod
    def reversed(self) -> "Layout":
        """The same with the noise where the data are."""
