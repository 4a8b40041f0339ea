"""Moments of features that somebody stored, so that a published distance can be compared with."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kdm.storage import digest_of
from koopman_analysis.twosample import NormalMoments

COUNTS = ("n", "num_samples", "count")
"""Names under which files hold the number of images; most hold none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceStatistics:
    """The moments of a file, and which file that was.

    Attributes:
        file: Its name.
        digest: Its SHA-256.
        moments: μ and Σ, and the number of images where the file says it.
    """

    file: str
    digest: str
    moments: NormalMoments

    @classmethod
    def of_file(cls, path: str | Path) -> "ReferenceStatistics":
        """The `mu` and `sigma` of an .npz file; nothing in it is executed.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no such archive, its arrays are not a mean and a covariance of real numbers, or what it
                tells as the number of images is none.
        """
        path = Path(path)
        try:
            # What cannot be read without running a pickle is refused.
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in ("mu", "sigma", *COUNTS) if name in archive}
        except FileNotFoundError:
            raise
        except (ValueError, OSError, AttributeError, TypeError, zipfile.BadZipFile) as error:
            raise ValueError(f"expected an .npz archive of plain arrays, got '{path}': {error}") from error
        found = {name: array.shape for name, array in arrays.items()}
        width = arrays["mu"].size if "mu" in arrays else 0
        if not width or found["mu"] != (width,) or found.get("sigma") != (width, width):
            raise ValueError(
                f"expected arrays mu (d,) and sigma (d, d) in '{path}', got {found or 'neither'}: compute them from "
                "features of the reference images, with NormalMoments.of"
            )
        for name in ("mu", "sigma"):
            if arrays[name].dtype.kind not in "iuf":
                raise ValueError(f"expected real numbers in {name} of '{path}', got {arrays[name].dtype}")
        moments = NormalMoments.of_covariance(
            arrays["mu"].astype(np.float64), _symmetric(arrays["sigma"].astype(np.float64)), n=_count(arrays, path)
        )
        return cls(file=path.name, digest=digest_of(path), moments=moments)

    def to_json(self) -> dict[str, Any]:
        """What names it in a result; n is null where the file does not say it."""
        return {"file": self.file, "sha256": self.digest, "n": self.moments.n or None}


def _count(arrays: Mapping[str, np.ndarray], path: Path) -> int:
    """The number of images that a file tells, 0 where it tells none."""
    for name in COUNTS:
        if name in arrays:
            told = arrays[name]
            whole = told.dtype.kind in "iu" or (told.dtype.kind == "f" and bool((told == np.floor(told)).all()))
            if told.size != 1 or not whole or told.item() < 1:
                raise ValueError(
                    f"expected one whole number of images in {name} of '{path}', got {told.dtype} of shape "
                    f"{told.shape}: leave it out where it is not known"
                )
            return int(told.item())
    return 0


def _symmetric(covariance: np.ndarray) -> np.ndarray:
    """Its symmetric part, where what it lacks is rounding of single precision; itself otherwise."""
    middle = (covariance + covariance.T) / 2.0
    return middle if np.abs(covariance - middle).max() <= 1e-5 * np.abs(middle).max() else covariance
