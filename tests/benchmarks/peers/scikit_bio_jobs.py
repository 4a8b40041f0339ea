"""scikit-bio's part: the Mantel test of matrices that it has already taken and checked, which is not counted."""

from pathlib import Path
from typing import Any

import arrays
from skbio.stats.distance import DistanceMatrix, mantel
from worker import Task, serve, settings


def _mantel(folder: Path) -> Task:
    first, second = (DistanceMatrix(matrix) for matrix in arrays.distances(folder))
    chosen = settings(folder)

    def work() -> Any:
        return mantel(first, second, permutations=chosen["permutations"], seed=chosen["seed"])

    return Task(work, lambda result: {"statistic": float(result[0]), "p_value": float(result[1])})


if __name__ == "__main__":
    serve({"mantel": _mantel}, distributions=("scikit-bio",))
