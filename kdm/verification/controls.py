"""What the latent distance of a distilled model must exceed before it is called semantic.

Representations of the noise, none of which needed the latent space:

    noise                       x itself (the analysis adds it)
    random encoders             the model's architecture with fresh weights
    DMD, EDMD                   canonical coordinates of linear methods, in the model's latent dimension;
                                and their predictions, which weigh these by what they are worth in the data
    direct regression           its last hidden layer: the same task, optimiser and samples without a latent space
    the middle of the way       the teacher's own state where noise and data have one variance,
                                σ² = tr Cov(y)/d, or half of a time without a level                         (1)

A state on the way has all that the noise has, in clearer order: it is what one gets for integrating half of the flow.
A lead over it says that the encoder does in one step more than the teacher in half of its steps; a lag, that the latent
space orders objects no better than an unfinished sample does. Near the data end the state is the answer itself; the
whole way is shown, and only its middle must be exceeded.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch

from kdm.ablations import DirectRegression
from kdm.configuration import built_model
from kdm.evaluation import pairs_in_rows, rows
from kdm.flows import integrate
from kdm.latent_model import KDMLatentModel
from kdm.schedules import edm_sigmas
from kdm.teachers import Teacher
from kdm.trajectories import Trajectories
from kdm.verification.baselines import RIDGE, Baselines
from kdm.verification.experiment import Experiment, Subject, asked
from koopman_analysis import EDMD, Hermite, SnapshotPairs
from koopman_analysis.semantics import StatesOnTheWay, canonical_coordinates

Encoder = Callable[[np.ndarray], np.ndarray]

RANDOM_ENCODERS = 19
PAIRS = 10_000
"""Training pairs that canonical coordinates are found on, at most."""
OCTAVES = (3, 2, 1, 0, -1, -2, -3)
"""Powers of two by which the noise levels shown differ from the middle."""
TIMES = 7
"""Times shown of a flow without noise levels, at most."""


def random_encoders(subject: Subject, *, label: int | None = None, generator: torch.Generator) -> list[Encoder]:
    """Noise encoders of the model's architecture with fresh random weights; none where that is not known."""
    if subject.network is None:
        return []
    config = subject.network.config
    models = [built_model(config, generator=generator) for _ in range(RANDOM_ENCODERS)]
    return [KDMLatentModel(model, label=label).encode_noise for model in models]


def semantic_controls(experiment: Experiment, baselines: Baselines) -> dict[str, Encoder]:
    """The linear methods and, where it was trained, direct regression, by name."""
    pairs = pairs_in_rows(experiment.data.training())
    some = SnapshotPairs(before=pairs.before[:PAIRS], after=pairs.after[:PAIRS])
    seen, dimension = baselines.coordinates, experiment.subject.latent
    linear = linear_coordinates(seen.of_pairs(some), baselines.edmd, dimension=dimension)
    controls = {name: seen.before(encode) for name, encode in linear.items()} | linear_predictions(baselines)
    if experiment.training is not None:
        direct = last_hidden_layer(experiment.training.direct, experiment.data.shape, label=experiment.label)
        controls["direct regression, last layer"] = direct
    return controls


def linear_coordinates(pairs: SnapshotPairs, edmd: Mapping[str, EDMD], *, dimension: int) -> dict[str, Encoder]:
    """Canonical coordinates of DMD and of each EDMD, in at most this many dimensions.

    The output dictionary of EDMD are the Hermite polynomials of the data of the smallest degree with so many functions.
    """
    width, degree = pairs.after.shape[1], 1
    while math.comb(width + degree, degree) - 1 < dimension:
        degree += 1
    outputs = Hermite(degree).fitted(pairs.after)
    found: dict[str, Encoder] = {"DMD": canonical_coordinates(pairs, dimension=dimension)}
    for name, estimator in edmd.items():
        found[name] = canonical_coordinates(
            pairs, inputs=estimator.inputs, outputs=outputs, dimension=dimension, ridge=RIDGE
        )  # fmt: skip
    return found


def linear_predictions(baselines: Baselines) -> dict[str, Encoder]:
    """What DMD and each EDMD among the baselines predict."""
    every = baselines.equal | baselines.larger
    named = {"DMD": every["DMD (affine)"], **{name: every[name] for name in baselines.edmd}}
    return {f"{name}, prediction": predict for name, predict in named.items()}


def last_hidden_layer(direct: DirectRegression, shape: tuple[int, ...], *, label: int | None = None) -> Encoder:
    """What the last layer of a direct regression reads, a row of noise at a time."""
    parameter = next(direct.parameters())

    @torch.no_grad()
    def features(noise: np.ndarray) -> np.ndarray:
        return rows(direct.last_hidden(*asked(noise, shape=shape, label=label, like=parameter)).cpu())

    return features


def states_on_the_way(data: Trajectories) -> StatesOnTheWay | None:
    """The teacher's states between its ends, integrated or as stored; None where neither is possible."""
    spread = math.sqrt(float(rows(data.heldout().data).var(axis=0).mean()))
    if data.teacher is not None and not data.teacher.conditional:  # which noise alone does not determine
        return _integrated(data.teacher, data, spread)
    times = np.asarray(data.manifest.times)
    if data.trajectory is None or len(times) < 3:
        return None
    if data.manifest.time_name == "sigma":
        chosen, middle = _levels(times, spread)
        clock = "noise level σ"
    else:
        inner = np.arange(1, len(times) - 1)
        chosen = inner[np.unique(np.linspace(0, len(inner) - 1, min(TIMES, len(inner))).round().astype(int))]
        middle = int(np.abs(times[chosen] - (times[0] + times[-1]) / 2).argmin())
        clock = f"time {data.manifest.time_name}"
    states = data.heldout(whole=True).states
    assert states is not None  # as asked for
    return StatesOnTheWay(
        positions=tuple(times[chosen].tolist()), middle=middle, clock=clock,
        states=states[:, chosen].flatten(2).double().numpy(),
    )  # fmt: skip


def _integrated(teacher: Teacher, data: Trajectories, spread: float) -> StatesOnTheWay:
    steps = int(data.manifest.solver["steps"])
    sigmas = edm_sigmas(steps, sigma_noise=teacher.sigma_noise, sigma_data=teacher.sigma_data).numpy()
    chosen, middle = _levels(sigmas, spread)

    def states(noise: np.ndarray) -> np.ndarray:
        start = torch.from_numpy(noise).to(teacher.precision).unflatten(1, data.shape)
        flow = integrate(teacher, start, steps=steps, keep=chosen.tolist())
        return flow.states[:, 1:-1].flatten(2).double().numpy()

    return StatesOnTheWay(positions=tuple(sigmas[chosen].tolist()), middle=middle, states=states)


def _levels(sigmas: np.ndarray, spread: float) -> tuple[np.ndarray, int]:
    """The times between the ends nearest in log σ to the middle of (1) and to octaves from it, and the middle's."""
    inner = np.log(sigmas[1:-1])
    nearest = [1 + int(np.abs(inner - math.log(spread * 2.0**octave)).argmin()) for octave in OCTAVES]
    chosen = np.unique(nearest)
    return chosen, int(np.flatnonzero(chosen == nearest[OCTAVES.index(0)])[0])
