"""Small experiments and pipelines that the trainer's tests share."""

from tiny_experiments import config, data, generator
from tiny_pipelines import conditional, copied, ddim

__all__ = ["conditional", "config", "copied", "data", "ddim", "generator"]
