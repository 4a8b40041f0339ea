"""Published models as ours, read without executing their pickles.

Which layout a file has, its names tell: that of the checkerboard model (`checkerboard_model`), saved as a module or as
a dictionary of tensors, or that of the image models (`image_model`), saved as a dictionary of tensors.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kdm.configuration import ModelConfig, built_model
from kdm.importing.archive import CheckpointError, tensors_in
from kdm.importing.checkerboard_model import PUBLISHED_CLASSES, converted_checkerboard
from kdm.importing.image_model import converted_images, is_of_images
from kdm.model import KoopmanDistillationModel

NOISE_SCALE = 80.0
"""Standard deviation of the noise of the published image sets, where nobody says another one."""


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """A model of another library, as one of ours.

    Attributes:
        config: What it is made of.
        model: The model, in evaluation mode.
        layout: The name of the layout that it was read from.
    """

    config: ModelConfig
    model: KoopmanDistillationModel
    layout: str


def published_checkerboard(path: str | Path) -> KoopmanDistillationModel:
    """The published checkerboard model in a file, in evaluation mode.

    Raises:
        CheckpointError: As `published_model`.
    """
    return published_model(path).model


def published_model(path: str | Path, *, noise_scale: float = NOISE_SCALE) -> PublishedModel:
    """The published model in a file.

    Args:
        path: The file.
        noise_scale: Standard deviation of the noise that an image model takes, which its weights do not tell; the
            checkerboard's is 1.

    Raises:
        CheckpointError: If the file is none of these models, or is damaged or dangerous.
    """
    arrays = tensors_in(Path(path), classes=PUBLISHED_CLASSES)
    if not all(np.isfinite(values).all() for values in arrays.values()):
        raise CheckpointError(f"expected finite weights in '{path}', got NaN or Inf: damaged")
    tensors = {name: torch.tensor(values, dtype=torch.float32) for name, values in arrays.items()}
    if is_of_images(tensors):
        found = converted_images(tensors, noise_scale=noise_scale, path=Path(path))
    else:
        found = converted_checkerboard(tensors, path=Path(path))
    model = built_model(found.config, generator=torch.Generator())
    model.load_state_dict(found.weights)
    return PublishedModel(config=found.config, model=model.eval(), layout=found.layout)
