"""How a step is computed, which moves its result by rounding alone.

The networks of a module are its parts with parameters but the operator and the control, which are linear, take 0.02 %
of the arithmetic at image scale, and stay as they are: in single precision, uncompiled. So do losses and weights.

    precision      autocast (Micikevicius et al. 2018): the networks' products in bfloat16, 8 bits of mantissa; what a
                   network takes and returns, its weights and their gradients are in single precision
    compilation    torch.compile, each network by itself
    layout         channels last, in memory, which convolutions on tensor cores want
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import nn

from kdm.control import Control
from kdm.operators import KoopmanOperator
from kdm.trajectories import Pairs


@dataclass(frozen=True)
class SinglePrecision:
    """Networks compute in the precision of their weights."""

    def prepare(self, network: nn.Module) -> None:
        """Leaves the network as it is."""


@dataclass(frozen=True)
class BFloat16Autocast:
    """Networks multiply in bfloat16."""

    def prepare(self, network: nn.Module) -> None:
        """Has the network compute so from now on; its state is as it was."""
        network.forward = _Autocast(network.forward)


Precision = SinglePrecision | BFloat16Autocast


class _Autocast:
    """A function with its products in bfloat16, and its result in the precision of its first argument."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        self._function = function

    def __call__(self, features: torch.Tensor, *others: Any) -> torch.Tensor:
        with torch.autocast(features.device.type, dtype=torch.bfloat16):
            return self._function(features, *others).to(features.dtype)


@dataclass(frozen=True)
class Eager:
    """Networks run as they are written."""

    def prepare(self, network: nn.Module) -> None:
        """Leaves the network as it is."""


@dataclass(frozen=True)
class Compiled:
    """Networks run as torch.compile translates them, in its default mode; the first step waits for it.

    For every number of rows anew: a training has two or three, and one translation for all of them fails on U-Nets.
    """

    def prepare(self, network: nn.Module) -> None:
        """Has the network translated at its first call; its state is as it was."""
        network.compile(dynamic=False)


Compilation = Eager | Compiled


@dataclass(frozen=True)
class RowMajor:
    """The last axis of every weight is contiguous."""

    def prepare(self, network: nn.Module) -> None:
        """Leaves the network as it is."""


@dataclass(frozen=True)
class ChannelsLast:
    """The channels of a pixel stand together: a convolution whose weight is so gives pictures that are, too."""

    def prepare(self, network: nn.Module) -> None:
        """Rearranges the network's weights; their values and its state are as they were."""
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stubs


Layout = RowMajor | ChannelsLast


def networks_of(module: nn.Module) -> list[nn.Module]:
    """The networks among the parts of a module."""
    return [
        part
        for part in module.children()
        if not isinstance(part, KoopmanOperator | Control) and next(part.parameters(), None) is not None
    ]


def brought(pairs: Pairs, device: torch.device) -> Pairs:
    """The pairs on a device, which nobody waits for; where they are there, they are not copied."""
    tensors = {field.name: getattr(pairs, field.name) for field in fields(pairs)}
    return replace(
        pairs,
        **{name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items() if tensor is not None},
    )
