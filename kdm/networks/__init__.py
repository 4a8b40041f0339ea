"""Networks: maps between flat features, told a class or not, which know nothing of Koopman."""

from kdm.networks.mlp import PlainMLP, PlainMLPConfig, ResidualMLP, ResidualMLPConfig
from kdm.networks.published_unet import PublishedUNetConfig
from kdm.networks.unet import UNet, UNetConfig

NetworkConfig = ResidualMLPConfig | PlainMLPConfig | UNetConfig | PublishedUNetConfig
"""The size of a network of any kind; `built` makes it."""
Network = ResidualMLP | PlainMLP | UNet
"""A network of any kind."""

__all__ = [
    "Network",
    "NetworkConfig",
    "PlainMLP",
    "PlainMLPConfig",
    "PublishedUNetConfig",
    "ResidualMLP",
    "ResidualMLPConfig",
    "UNet",
    "UNetConfig",
]
