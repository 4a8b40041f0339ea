"""Small experiments for tests of what interrupts them."""

from tiny_experiments import config, data

__all__ = ["config", "data"]
