"""What lies nearest to a digit: in the latent space, in that of the noise, in that of the pixels.

The queries are the first held-out digit of each class; beside each stand its nearest neighbours among 2,000 held-out
digits, and an orange frame marks those of another class. Every neighbour is shown as what it becomes, in the space of
the noise too, where the picture itself would show nothing. The share of neighbours alike above each block is over all
2,000 digits, with its interval by resampling digits. Neighbours among pixels are the ceiling of an exact model.
"""

import numpy as np
from matplotlib.figure import Figure

from koopman_analysis.figures import draw_gallery
from koopman_analysis.retrieval import Retrieval, nearest_objects
from paper_figures.experiments import distilled
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

OBJECTS, FEW = 2000, 400
ROOMY = 4.5
"""Inches from which five neighbours in each of three spaces can be told apart."""


def found(profile: Profile) -> tuple[Retrieval, np.ndarray]:
    """The neighbours, and the image of every digit."""
    digits = distilled("digits", profile)
    some = slice(0, FEW if profile.fast else OBJECTS)
    noise, data = digits.heldout.before[some], digits.heldout.after[some]
    spaces = {"latent space": digits.subject.model.encode_noise(noise), "noise": noise, "pixels": data}
    result = nearest_objects(
        spaces, digits.classes[some], neighbours=5, resamples=199 if profile.fast else 999,
        rng=np.random.default_rng(profile.seed),
    )  # fmt: skip
    return result, data.reshape(-1, *digits.data.shape)


def drawn(profile: Profile) -> Figure:
    """A row for each class."""
    result, images = found(profile)
    width = profile.width_or(5.5)
    most = 5 if width > ROOMY else 3
    across = 1.0 + 3 * (0.75 + most * 1.18 - 0.18)
    down = 1.62 * len(result.queries)
    with styled_for_print():
        figure = Figure(figsize=(width, width * down / across + 0.35), layout="constrained")
        draw_gallery(figure.subplots(), result, images, most=most)
    return figure
