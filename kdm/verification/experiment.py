"""What a verification looks at: data, the model in question, and what stands beside it.

Whoever trained a model, it is looked at as arrays (`LatentModel`). What only a training here leaves, its curves and a
direct regression of its parameters on its samples, is there for a model that was trained here, and for no other.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from kdm.ablations import DirectRegression
from kdm.configuration import ModelConfig
from kdm.model import KoopmanDistillationModel
from kdm.shapes import Labels, Samples, Tensor
from kdm.training.distillation import DistillationConfig
from kdm.training.runs import RunFolder
from kdm.trajectories import Trajectories
from koopman_analysis import LatentModel
from koopman_analysis.estimators.latent import carried_latents


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """The model of ours that stands behind arrays.

    Attributes:
        module: The model.
        config: What it is made of.
    """

    module: KoopmanDistillationModel
    config: ModelConfig


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model, and what is known of it.

    Attributes:
        name: What it is called on the page.
        model: The model, as arrays.
        history: What it was trained on, and whether it has seen the held-out pairs: the end of a sentence, "was …".
        network: The model behind the arrays, None where nobody knows of what it is made.
    """

    name: str
    model: LatentModel
    history: str
    network: Network | None = None

    @property
    def latent(self) -> int:
        """Its latent dimension."""
        return int(self.model.matrix.shape[0])

    @property
    def description(self) -> str:
        """What it is, for the middle of a sentence."""
        if self.network is None:
            return f"a Koopman autoencoder of latent dimension {self.latent}"
        count = parameters(self.network.module)
        return f"a Koopman Distillation Model of latent dimension {self.latent} and {count:,} parameters"

    def one_step(self, noise: np.ndarray) -> np.ndarray:
        """ŷ = D(E_noise(x) K + c), shape (n, d)."""
        return np.asarray(self.model.decode(carried_latents(self.model, noise)), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a training here leaves beside its model.

    Attributes:
        run: The folder that the model was trained in.
        config: What was trained and how.
        direct: Direct regression with its parameters, samples and loss.
    """

    run: RunFolder
    config: DistillationConfig
    direct: DirectRegression


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment:
    """Everything that a verification measures.

    Attributes:
        subject: The model in question.
        data: The pairs, with their held-out tenth.
        training: Its training, None where it was trained elsewhere.
        beside: Other models, measured on the same held-out pairs.
        label: The class that the data are of, where the model is told classes: each has a flow of its own.
    """

    subject: Subject
    data: Trajectories
    training: Training | None = None
    beside: tuple[Subject, ...] = ()
    label: int | None = None


def asked(
    noise: np.ndarray, *, shape: tuple[int, ...], label: int | None, like: Tensor
) -> tuple[Samples, Labels | None]:
    """Rows of noise as samples, and the class that each is asked for, on the device and in the dtype of `like`."""
    samples = torch.from_numpy(noise).to(like).unflatten(1, shape)
    return samples, None if label is None else torch.full((len(samples),), label, device=like.device)


def parameters(module: nn.Module) -> int:
    """The number of its parameters."""
    return sum(parameter.numel() for parameter in module.parameters())
