"""What is measured before any claim is made: predictions from held-out noise, samples from fresh noise."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from kdm.configuration import built_model
from kdm.evaluation import fresh_samples, generated, labels_of, pairs_in_rows, rows
from kdm.flows import integrate
from kdm.latent_model import KDMLatentModel
from kdm.shared_encoder import SharedEncoderModel
from kdm.trajectories import Trajectories
from kdm.verification.baselines import Baselines, Predictor, fitted_baselines
from kdm.verification.experiment import Experiment
from koopman_analysis import SnapshotPairs, SnapshotTrajectories

DIRECT = "direct regression"
SOLVER_STEPS = (1, 2, 4, 8)
"""Coarse solvers of the teacher that stand beside the model."""
RANDOM_ENCODERS = 19
TRAJECTORY_NUMBERS = 20_000_000
"""Numbers of training trajectories held in memory at most."""
FEWEST_PER_FEATURE = 10
"""Trajectories for each feature below which a linear flow is not fitted."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Flat float64 rows, one a sample.

    Attributes:
        heldout: Held-out pairs.
        classes: What each held-out data point is; None where nobody knows.
        model: The model, as arrays.
        prediction: One step from held-out noise.
        baselines: The fitted baselines.
        predictions: Each baseline's, and direct regression's, from the same noise.
        samples: One step from fresh noise.
        reference: A sample of the data, to compare with.
        second: Another, disjoint one: the floor.
        rivals: Each rival's samples from the same fresh noise.
        coarse: The teacher's from the same fresh noise, by number of solver steps; empty where it is not known.
        fresh: Whether noise and data are fresh ones of the teacher; otherwise they are stored pairs.
        latent_trajectories: Latents of held-out trajectories; None where the ends have an encoder each.
    """

    heldout: SnapshotPairs
    classes: np.ndarray | None
    model: KDMLatentModel
    prediction: np.ndarray
    baselines: Baselines
    predictions: dict[str, np.ndarray]
    samples: np.ndarray
    reference: np.ndarray
    second: np.ndarray
    rivals: dict[str, np.ndarray]
    coarse: dict[int, np.ndarray]
    fresh: bool
    latent_trajectories: SnapshotTrajectories | None

    @property
    def hermite(self) -> str:
        """The name of the EDMD-Hermite baseline."""
        return next(name for name in self.baselines.equal if name.startswith("EDMD-Hermite"))


def evidence_of(
    experiment: Experiment, *, count: int, rng: np.random.Generator, generator: torch.Generator
) -> Evidence:  # fmt: skip
    """Fits the baselines and takes every sample; `count` fresh ones where the teacher is known."""
    data, model = experiment.data, experiment.model
    device = next(model.parameters()).device
    training, heldout = pairs_in_rows(data.training()), data.heldout()
    baselines = fitted_baselines(
        training, dimension=experiment.model_config.architecture.latent, noise=model.scaling.noise, rng=rng,
        trajectories=trajectories_in_rows(data),
    )  # fmt: skip
    fresh = fresh_samples(data, count=count, generator=generator)
    noise = fresh.noise
    predictors: dict[str, Predictor] = {**baselines.equal, **baselines.larger}
    predictions = {name: predict(rows(heldout.noise)) for name, predict in predictors.items()}
    predictions[DIRECT] = rows(generated(experiment.direct, heldout.noise.to(device)).cpu())
    rivals = {name: predict(rows(noise)) for name, predict in predictors.items() if name != "mean"}
    rivals[DIRECT] = rows(generated(experiment.direct, noise.to(device)).cpu())
    teacher = data.teacher
    coarse = {} if teacher is None else {
        steps: rows(integrate(teacher, noise.to(teacher.precision), steps=steps).data) for steps in SOLVER_STEPS
    }  # fmt: skip
    classes = labels_of(data, heldout.data)
    return Evidence(
        heldout=pairs_in_rows(heldout),
        classes=None if classes is None else classes.numpy(),
        model=KDMLatentModel(model),
        prediction=rows(generated(model, heldout.noise.to(device)).cpu()),
        baselines=baselines,
        predictions=predictions,
        samples=rows(generated(model, noise.to(device)).cpu()),
        reference=rows(fresh.reference),
        second=rows(fresh.second),
        rivals=rivals,
        coarse=coarse,
        fresh=teacher is not None,
        latent_trajectories=latent_trajectories(model, data) if isinstance(model, SharedEncoderModel) else None,
    )


@torch.no_grad()
def latent_trajectories(model: SharedEncoderModel, data: Trajectories) -> SnapshotTrajectories:
    """Held-out trajectories as the one encoder sees them, at all stored times."""
    states = data.heldout(whole=True).states
    assert states is not None  # as asked for
    latents = model.encode_along(model.scaled(states.to(next(model.parameters()).device)))
    return SnapshotTrajectories(states=latents.cpu().double().numpy(), times=np.asarray(data.manifest.times))


def random_encoders(
    experiment: Experiment, *, generator: torch.Generator
) -> list[Callable[[np.ndarray], np.ndarray]]:  # fmt: skip
    """Noise encoders of the model's architecture with fresh random weights."""
    models = [built_model(experiment.model_config, generator=generator) for _ in range(RANDOM_ENCODERS)]
    return [KDMLatentModel(model).encode_noise for model in models]


def trajectories_in_rows(data: Trajectories) -> SnapshotTrajectories | None:
    """Training trajectories as the analysis takes them, as many as fit in memory; None where there are too few.

    Their clock is t, or log σ, in which the flow of Gaussian data between noise levels far from its own is autonomous.
    """
    if data.trajectory is None:
        return None
    times = np.asarray(data.manifest.times)
    width = math.prod(data.shape)
    count = min(len(data) - data.manifest.heldout, TRAJECTORY_NUMBERS // (len(times) * width))
    if count < FEWEST_PER_FEATURE * width:
        return None
    states = np.asarray(data.trajectory[:count], dtype=np.float64).reshape(count, len(times), width)
    return SnapshotTrajectories(states=states, times=np.log(times) if data.manifest.time_name == "sigma" else times)
