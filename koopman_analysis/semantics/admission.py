"""What may enter a study: real rows of the same objects, each representation under a name of its own.

Names are compared after every control stands there with its principal components, so that none is measured in the place
of another.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from koopman_analysis.semantics.features import PrincipalComponents
from koopman_analysis.semantics.measures import Objects
from koopman_analysis.semantics.questions import Question
from koopman_analysis.twosample import Sample

LATENT, RANDOM = "latent", "best of the random encoders"
LEAST_RANDOM_ENCODERS = 19
"""With 19, a latent space that is one more random encoder comes out above all of them in 1 of 20 cases."""


def admitted(
    latents: Sample, objects: Objects, questions: Sequence[Question], controls: Mapping[str, Sample],
    random: Sequence[Sample], references: Mapping[str, Sample],
) -> dict[str, Sample]:  # fmt: skip
    """The controls, each larger than the latent space with its components in the latent dimension.

    Raises:
        ValueError: If there are no questions or controls, some but too few random encoders, a name is taken twice, or a
            representation is not finite real rows, one for each object.
    """
    if not questions or not (controls or random):
        raise ValueError(
            f"expected questions and controls, got {len(questions)} questions, {len(controls)} controls and "
            f"{len(random)} random encoders: a statistic without a control says nothing"
        )
    if 0 < len(random) < LEAST_RANDOM_ENCODERS:
        raise ValueError(
            f"expected at least {LEAST_RANDOM_ENCODERS} random encoders, got {len(random)}: "
            "with fewer, one more random encoder exceeds all of them too often"
        )
    numbered = [(f"random {place}", rows) for place, rows in enumerate(random)]
    for name, points in [(LATENT, latents), *controls.items(), *references.items(), *numbered]:
        _require_rows(name, points, len(objects))
    must = [both for name, points in controls.items() for both in _twice(name, points, latents.shape[1])]
    _require_distinct([LATENT, RANDOM, *(name for name, _ in must), *references], [each.name for each in questions])
    return dict(must)


def described(given: object) -> str:
    """An array by its shape, anything else by its type."""
    return f"shape {given.shape}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"


def _require_distinct(*families: Sequence[str]) -> None:
    taken = sorted({name for names in families for name in names if names.count(name) > 1})
    if taken:
        raise ValueError(f"expected names of their own for controls, references and questions, got {taken} twice")


def _require_rows(name: str, points: Sample, objects: int) -> None:
    if np.iscomplexobj(points):
        raise ValueError(f"expected real rows in {name!r}, got complex ones: give real and imaginary parts as columns")
    if points.ndim == 2 and not points.shape[1]:
        raise ValueError(f"expected at least one coordinate in {name!r}, got shape {points.shape}")
    if points.ndim != 2 or len(points) != objects or not np.isfinite(points).all():
        raise ValueError(
            f"expected finite rows for {objects} objects in {name!r}, got shape {points.shape} with "
            f"{np.count_nonzero(~np.isfinite(points))} values that are not finite"
        )


def _twice(name: str, points: Sample, dimension: int) -> list[tuple[str, Sample]]:
    """A control, and its principal components in this dimension where it has more and there are as many."""
    if points.shape[1] <= dimension or len(points) <= dimension:
        return [(name, points)]
    reduced = PrincipalComponents.fitted(points, count=dimension)(points)
    return [(name, points), (f"{name}, {dimension} components", reduced)]
