"""The arrays that contestants read, and numbers that belong to them, in a folder."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from koopman_analysis.systems import System

from .peers.worker import SETTINGS


def written(folder: Path, arrays: Mapping[str, np.ndarray], **settings: float | str) -> Path:
    """The folder with these in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    (folder / SETTINGS).write_text(json.dumps(settings))
    return folder


def written_pairs(folder: Path, system: System, count: int, *, seed: int, **settings: float | str) -> Path:
    """The folder with this many pairs of a system in it."""
    pairs = system.pairs(count, rng=np.random.default_rng(seed))
    return written(folder, {"before": pairs.before, "after": pairs.after}, **settings)
