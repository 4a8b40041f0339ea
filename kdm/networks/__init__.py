"""Networks: maps between flat features, which know nothing of Koopman."""

from kdm.networks.mlp import NetworkConfig, PlainMLP, PlainMLPConfig, ResidualMLP, ResidualMLPConfig

__all__ = ["NetworkConfig", "PlainMLP", "PlainMLPConfig", "ResidualMLP", "ResidualMLPConfig"]
