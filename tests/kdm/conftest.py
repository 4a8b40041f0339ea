"""Small experiments that the trainer's tests share."""

from tiny_experiments import config, data, generator

__all__ = ["config", "data", "generator"]
