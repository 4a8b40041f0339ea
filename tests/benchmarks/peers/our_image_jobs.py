"""This library's part in the training of images: one step, and one-step samples."""

from itertools import product
from pathlib import Path

import image_task
import torch
from worker import Job, Task, serve

from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.control import ConstantControlConfig
from kdm.model import NoNormalisationConfig, Scaling
from kdm.networks import UNetConfig
from kdm.objectives import KoopmanObjective
from kdm.sampling import sample
from kdm.training.ema import PowerLawAverage
from kdm.training.execution import BFloat16Autocast, ChannelsLast, Layout, Precision, networks_of
from kdm.training.optimisation import AdamConfig
from kdm.trajectories import Pairs


def _model(size: image_task.Size) -> torch.nn.Module:
    """The published configuration: bare latents of one plane, a bias beside the operator."""
    network = UNetConfig(
        channels=size.channels, multipliers=size.multipliers, blocks=size.blocks, attention_at=(size.side // 2,)
    )
    architecture = Architecture(
        latent=size.side**2, noise_encoder=network, data_encoder=network, decoder=network,
        control=ConstantControlConfig(), normalisation=NoNormalisationConfig(),
    )  # fmt: skip
    scaling = Scaling(noise=image_task.NOISE, data_mean=0.0, data=1.0)
    config = ModelConfig(architecture=architecture, shape=(3, size.side, size.side), scaling=scaling)
    return built_model(config, generator=torch.Generator().manual_seed(0))


def _step(*made_ready: Precision | Layout) -> Job:
    def job(folder: Path) -> Task:
        size = image_task.size(folder)
        model = _model(size).train()
        for how, network in product(made_ready, networks_of(model)):
            how.prepare(network)
        optimiser, average, objective = (
            AdamConfig().built(model),
            PowerLawAverage(model, gamma=16.0),
            KoopmanObjective(),
        )
        noise, data = image_task.pairs(size)
        batch = Pairs(noise=noise, data=data)

        def work() -> None:
            objective(model, batch).total.backward()
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            average.update(model)

        return Task(work, lambda _: {"parameters": sum(each.numel() for each in model.parameters())})

    return job


def _sample(folder: Path) -> Task:
    size = image_task.size(folder)
    model, generator = _model(size).eval(), torch.Generator().manual_seed(0)
    return Task(lambda: sample(model, size.samples, generator=generator), lambda found: {"shape": list(found.shape)})


if __name__ == "__main__":
    serve(
        {
            "step": _step(),
            "step_channels_last": _step(ChannelsLast()),
            "step_bf16": _step(BFloat16Autocast()),
            "sample": _sample,
        },
        distributions=("torch", "diffusers"),
    )
