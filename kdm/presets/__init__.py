"""Named experiments, and the names that the command line has for kinds of operators."""

from kdm.presets.base import Preset
from kdm.presets.choices import Choices
from kdm.presets.images import (
    afhqv2_64,
    cifar10,
    cifar10_conditional,
    cifar10_spectral,
    ffhq64,
    patches32,
)
from kdm.presets.operators import DENSE, LOW_RANK, OPERATORS, operator_named
from kdm.presets.small import digits, digits_conditional, digits_large, plane, trajectories

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        plane("checkerboard"),
        plane("mixture"),
        plane("mixture-10"),
        plane("gaussian"),
        digits(),
        digits_large(),
        digits_conditional(),
        patches32(),
        trajectories(),
        cifar10(),
        cifar10_conditional(),
        cifar10_spectral(),
        ffhq64(),
        afhqv2_64(),
    )
}


def preset_named(name: str) -> Preset:
    """The preset of this name.

    Raises:
        ValueError: If there is none.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise ValueError(f"expected one of the presets {', '.join(PRESETS)}, got {name!r}") from None


__all__ = ["Choices", "DENSE", "LOW_RANK", "OPERATORS", "PRESETS", "Preset", "operator_named", "preset_named"]
