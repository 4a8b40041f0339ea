"""Teachers: diffusion models whose denoiser is known, most of them in closed form."""

from collections.abc import Callable, Mapping
from typing import Any

from kdm.teachers.base import Teacher
from kdm.teachers.checkerboard import Checkerboard, CheckerboardSupport
from kdm.teachers.empirical import Digits, Empirical
from kdm.teachers.gaussian import Gaussian
from kdm.teachers.mixture import GaussianMixture

KINDS: Mapping[str, type[Teacher]] = {
    family.kind: family for family in (Gaussian, GaussianMixture, Checkerboard, Empirical, Digits)
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


def named(name: str) -> Teacher:
    """The teacher that the command line calls by this name, with its default parameters.

    Raises:
        ValueError: if there is none of this name.
    """
    defaults: dict[str, Callable[[], Teacher]] = {
        "gaussian": Gaussian.correlated,
        "mixture": GaussianMixture.ring,
        "mixture-10": lambda: GaussianMixture.ring(10),
        "checkerboard": Checkerboard,
        "digits": Digits,
    }
    if name not in defaults:
        raise ValueError(f"no teacher is called {name!r}: expected one of {', '.join(defaults)}.")
    return defaults[name]()


__all__ = [
    "Checkerboard",
    "CheckerboardSupport",
    "Digits",
    "Empirical",
    "Gaussian",
    "GaussianMixture",
    "KINDS",
    "Teacher",
    "named",
    "teacher_from_config",
]
