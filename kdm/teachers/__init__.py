"""Teachers: diffusion models whose denoiser is known, most of them in closed form, or learned by someone else."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kdm.teachers.base import NoisedLaw, Teacher
from kdm.teachers.checkerboard import Checkerboard, CheckerboardSupport
from kdm.teachers.conditional import ClassConditional
from kdm.teachers.empirical import Digits, Empirical
from kdm.teachers.gaussian import Gaussian
from kdm.teachers.mixture import GaussianMixture
from kdm.teachers.patches import Patches
from kdm.teachers.pipeline import Pipeline
from kdm.teachers.pipeline_folder import MODEL_INDEX, PipelineError

KINDS: Mapping[str, type[Teacher]] = {
    family.kind: family
    for family in (Gaussian, GaussianMixture, Checkerboard, Empirical, Digits, Patches, ClassConditional, Pipeline)
}
"""Every family of teachers, by the name it has in a configuration."""


def teacher_from_config(config: Mapping[str, Any]) -> Teacher:
    """The teacher whose `config()` this is.

    Raises:
        ValueError: if the configuration names no known kind of teacher.
    """
    kind = str(config.get("kind"))
    if kind not in KINDS:
        raise ValueError(f"no teacher of kind {kind!r}: expected one of {', '.join(KINDS)}.")
    return KINDS[kind].from_parameters({name: value for name, value in config.items() if name != "kind"})


def named(name: str, *, classes: int | None = None) -> Teacher:
    """The teacher that the command line calls by this name, with its default parameters.

    Args:
        name: of a family, or the folder of a diffusers pipeline.
        classes: how many of its classes a pipeline is asked for, the first ones; all of them unless given.

    Raises:
        ValueError: if there is none of this name, the folder holds no pipeline that can be a teacher, or a number of
            classes is given for another teacher.
    """
    defaults: dict[str, Callable[[], Teacher]] = {
        "gaussian": Gaussian.correlated,
        "mixture": GaussianMixture.ring,
        "mixture-10": lambda: GaussianMixture.ring(10),
        "checkerboard": Checkerboard,
        "digits": Digits,
        "digits-conditional": lambda: ClassConditional(of=Digits()),
        "patches32": Patches,
    }
    if name not in defaults:
        if Path(name).is_dir():
            return Pipeline.opened(Path(name), classes=classes)
        raise ValueError(
            f"no teacher is called {name!r}: expected one of {', '.join(defaults)}, or the folder of a diffusers "
            f"pipeline, with its {MODEL_INDEX}."
        )
    if classes is not None:
        raise ValueError(f"expected a number of classes for a pipeline only, got {classes} for {name!r}: leave it out")
    return defaults[name]()


__all__ = [
    "Checkerboard",
    "CheckerboardSupport",
    "ClassConditional",
    "Digits",
    "Empirical",
    "Gaussian",
    "GaussianMixture",
    "KINDS",
    "NoisedLaw",
    "Patches",
    "Pipeline",
    "PipelineError",
    "Teacher",
    "named",
    "teacher_from_config",
]
