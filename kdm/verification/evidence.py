"""What is measured before any claim is made: predictions from held-out noise, samples from fresh noise."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from kdm.evaluation import FreshSamples, fresh_samples, generated, labels_of, pairs_in_rows, rows
from kdm.flows import integrate
from kdm.shared_encoder import SharedEncoderModel
from kdm.training.distillation import noise_scale
from kdm.trajectories import Trajectories
from kdm.verification.baselines import Baselines, fitted_baselines
from kdm.verification.coordinates import Predictor
from kdm.verification.experiment import Experiment, Subject, asked
from koopman_analysis import SnapshotPairs, SnapshotTrajectories

DIRECT = "direct regression"
NO_TRAINING = "the model was trained elsewhere, so that there is no training whose samples and steps to match"
"""Why nothing is said of direct regression where there is none."""
SOLVER_STEPS = (1, 2, 4, 8)
"""Coarse solvers of the teacher that stand beside the model."""
TRAJECTORY_NUMBERS = 20_000_000
"""Numbers of training trajectories held in memory at most."""
FRESH_NUMBERS = 2**24
"""Numbers that the fresh samples of one rival have at most: those of all are held at once."""
FEWEST_PER_FEATURE = 10
"""Trajectories for each feature below which a linear flow is not fitted."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Flat float64 rows, one a sample.

    Attributes:
        heldout: Held-out pairs.
        classes: What each held-out data point is; None where nobody knows.
        prediction: One step from held-out noise.
        baselines: The fitted baselines.
        predictions: Each baseline's, direct regression's and each other model's, from the same noise.
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
    """Fits the baselines and takes every sample; `count` fresh ones of a known teacher, fewer of wide states."""
    data, subject = experiment.data, experiment.subject
    count = affordable(count, width=math.prod(data.shape))
    heldout = data.heldout()
    baselines = fitted_baselines(
        pairs_in_rows(data.training()), dimension=subject.latent, noise=noise_scale(data), rng=rng,
        trajectories=trajectories_in_rows(data),
    )  # fmt: skip
    fresh = fresh_samples(data, count=count, generator=generator)
    predictors = {**baselines.equal, **baselines.larger, **_others(experiment)}
    rivals = {name: predict(rows(fresh.noise)) for name, predict in predictors.items() if name != "mean"}
    classes = labels_of(data, heldout.data)
    return Evidence(
        heldout=pairs_in_rows(heldout),
        classes=None if classes is None else classes.numpy(),
        prediction=subject.one_step(rows(heldout.noise)),
        baselines=baselines,
        predictions={name: predict(rows(heldout.noise)) for name, predict in predictors.items()},
        samples=subject.one_step(rows(fresh.noise)),
        reference=rows(fresh.reference),
        second=rows(fresh.second),
        rivals=rivals,
        coarse=_coarse(data, fresh),
        fresh=data.teacher is not None and data.teacher.exact,
        latent_trajectories=_latent_trajectories(subject, data),
    )


def affordable(count: int, *, width: int) -> int:
    """So many fresh samples of this width, or as many as have `FRESH_NUMBERS` numbers."""
    return min(count, max(1, FRESH_NUMBERS // width))


def _others(experiment: Experiment) -> dict[str, Predictor]:
    """Direct regression where it was trained, and the models beside."""
    others: dict[str, Predictor] = {subject.name: subject.one_step for subject in experiment.beside}
    if experiment.training is None:
        return others
    direct, shape, label = experiment.training.direct, experiment.data.shape, experiment.label
    parameter = next(direct.parameters())

    def regression(noise: np.ndarray) -> np.ndarray:
        return rows(generated(direct, *asked(noise, shape=shape, label=label, like=parameter)).cpu())

    return {DIRECT: regression, **others}


def _coarse(data: Trajectories, fresh: FreshSamples) -> dict[int, np.ndarray]:
    """The teacher's samples at few solver steps; none where it is not known."""
    teacher = data.teacher
    if teacher is None:
        return {}
    noise = fresh.noise.to(teacher.precision)
    return {
        steps: rows(integrate(teacher, noise, steps=steps, labels=fresh.labels).data) for steps in SOLVER_STEPS
    }  # fmt: skip


def _latent_trajectories(subject: Subject, data: Trajectories) -> SnapshotTrajectories | None:
    """Those of a model with one encoder for all times; None of another."""
    module = None if subject.network is None else subject.network.module
    return latent_trajectories(module, data) if isinstance(module, SharedEncoderModel) else None


@torch.no_grad()
def latent_trajectories(model: SharedEncoderModel, data: Trajectories) -> SnapshotTrajectories:
    """Held-out trajectories as the one encoder sees them, at all stored times."""
    states = data.heldout(whole=True).states
    assert states is not None  # as asked for
    latents = model.encode_along(model.scaled(states.to(next(model.parameters()).device)))
    return SnapshotTrajectories(states=latents.cpu().double().numpy(), times=np.asarray(data.manifest.times))


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
