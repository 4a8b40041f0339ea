"""Networks: maps between flat features, which know nothing of Koopman."""

from kdm.networks.mlp import PlainMLP, ResidualMLP, ResidualMLPConfig

__all__ = ["PlainMLP", "ResidualMLP", "ResidualMLPConfig"]
