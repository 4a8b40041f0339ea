"""Networks: maps between flat features, which know nothing of Koopman."""

from kdm.networks.mlp import ResidualMLP, ResidualMLPConfig

__all__ = ["ResidualMLP", "ResidualMLPConfig"]
