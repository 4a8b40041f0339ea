"""Small sets of files in each published layout, of noise and of smooth images."""

from pathlib import Path

import numpy as np

from kdm.importing.layouts import LAYOUTS
from kdm.importing.sample_folder import SampleFolder

FOLDERS = {name: layout for name, layout in LAYOUTS.items() if isinstance(layout, SampleFolder)}


def written(
    folder: Path, layout: SampleFolder, count: int, *, seed: int = 0, times: int = 3, save=np.savez
) -> dict[str, np.ndarray]:
    """Writes so many files of straight lines from noise to images; the noise, the data and the labels in file order."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    noise = (layout.ends.noise_scale * rng.standard_normal((count, *layout.shape))).astype(np.float32)
    # Each image has one value in each colour, different for each sample: neighbours are equal.
    data = np.broadcast_to(rng.uniform(-1, 1, (count, layout.shape[0], 1, 1)), noise.shape).astype(np.float32)
    labels = rng.integers(layout.label.classes, size=count) if layout.label else np.zeros(count, dtype=int)
    t = np.linspace(0, 1, times, dtype=np.float32)[:, None, None, None]
    for i in range(count):
        states = (1 - t) * noise[i] + t * data[i]
        arrays = {layout.key: states if layout.noise_index == 0 else states[::-1]}
        if layout.label:
            arrays[layout.label.key] = np.eye(layout.label.classes)[labels[i]]
        save(folder / f"{i}.npz", **arrays)
    return {"noise": noise, "data": data, "labels": labels}
