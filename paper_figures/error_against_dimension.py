"""What predicts where a noise ends: classical methods against their size and their cost, and the distilled model.

All are fitted to the same pairs and judged on the same held-out ones by their relative paired error. The families are
DMD on pairs and through all times (PyDMD), EDMD in polynomials, radial basis functions and random waves, and kernel
ridge regression, whose functions are as many as its pairs. Stars are the models whose latent space is their dictionary.

With the data published with the paper at hand (the folder that KDM_REFERENCE_DATA names), these are its trajectories,
and the authors' own model stands beside ours: it was trained on all of these pairs, the held-out ones included, for a
time that is not known here. Without them, the pairs are those of the exact checkerboard.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from kdm.evaluation import OneStepGenerator, generated
from kdm.importing.checkpoints import published_checkerboard
from kdm.importing.layouts import CHECKERBOARD, pack
from kdm.training.distillation import DistillationConfig, begun, model_config_of
from kdm.training.loop import train
from kdm.trajectories import Trajectories, collect, open_trajectories
from kdm.verification.baselines import fourier_edmd
from koopman_analysis import (
    EDMD,
    Constant,
    Coordinates,
    Dictionary,
    Hermite,
    KernelRidgeRegression,
    Predictor,
    PyDMDForecast,
    PyDMDRegression,
    RadialBasis,
    SnapshotPairs,
    SnapshotTrajectories,
    Split,
)
from koopman_analysis.estimators.pydmd import HigherOrderDMD, OptimisedDMD
from koopman_analysis.figures import draw_error_against_cost, draw_error_against_dimension
from koopman_analysis.studies import Candidate, MeasuredPredictor, measured_predictors, relative_error
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

REFERENCE = "KDM_REFERENCE_DATA"
TRAJECTORIES, CHECKPOINT = "checkerboard_flow_matching.npy", "published_checkerboard_model.pt"
DEGREES = (1, 2, 3, 4, 5, 6, 8, 10)
FUNCTIONS = (16, 64, 256, 1024)
KERNEL_PAIRS = (500, 2000, 8000)
OURS, PUBLISHED = "KDM, this library", "KDM, published"


@dataclass(frozen=True, kw_only=True)
class Material:
    """The pairs of one checkerboard.

    Attributes:
        data: As stored.
        split: The pairs to fit to, and the held-out tenth.
        trajectories: Whole trajectories of the pairs to fit to, where there are any.
        checkpoint: The published model of these data, where it is at hand.
    """

    data: Trajectories
    split: Split
    trajectories: SnapshotTrajectories | None
    checkpoint: Path | None


class _Fitted:
    """A predictor that is made by fitting: `fit` calls the maker."""

    def __init__(self, make: Callable[[SnapshotPairs], Predictor]) -> None:
        self._make = make

    def fit(self, pairs: SnapshotPairs) -> "_Fitted":
        self.predict = self._make(pairs).predict
        return self


def material(profile: Profile) -> Material:
    """The published trajectories where they are at hand, otherwise pairs of the exact checkerboard."""
    folder = os.environ.get(REFERENCE)
    source = None if folder is None else Path(folder) / TRAJECTORIES
    if source is not None and source.is_file():
        where = profile.work / "published"
        data = open_trajectories(where) if where.exists() else pack(source, layout=CHECKERBOARD, out=where)
    else:
        preset = profile.preset("checkerboard")
        data = collect(
            preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(profile.seed),
            steps=preset.solver_steps, out=profile.work / "checkerboard" / "data", progress=True,
        )  # fmt: skip
        source = None
    pairs = SnapshotPairs(before=data.noise.astype(np.float64), after=data.data.astype(np.float64))
    heldout = len(data) - data.manifest.heldout
    fit = np.arange(min(heldout, 3000) if profile.fast else heldout)
    trajectories = None
    if data.trajectory is not None:
        times = np.array(data.manifest.times)
        trajectories = SnapshotTrajectories(states=data.trajectory[fit].astype(np.float64), times=times)
    return Material(
        data=data,
        split=Split(fit=pairs.subset(fit), held_out=pairs.subset(np.arange(heldout, pairs.n))),
        trajectories=trajectories,
        checkpoint=None if source is None else source.with_name(CHECKPOINT),
    )


def candidates(board: Material, profile: Profile) -> list[Candidate]:
    """The classical methods, from the affine map to a thousand functions."""
    split, rng = board.split, np.random.default_rng(profile.seed)
    noise = float(split.fit.before.std())
    some = slice(0, 2) if profile.fast else slice(None)

    def in_functions(name: str, dictionary: Callable[[SnapshotPairs], Dictionary], size: int) -> Candidate:
        fitted = partial(_Fitted, lambda pairs: EDMD(dictionary(pairs), outputs=Coordinates()).fit(pairs))
        return Candidate(name=f"{name}, m = {size}", family=name, dimension=size, unfitted=fitted)

    def polynomials(degree: int) -> Candidate:
        size = (degree + 1) * (degree + 2) // 2
        return in_functions("EDMD, Hermite", lambda _: Hermite(degree, scale=noise), size)

    def radial(size: int) -> Candidate:
        seed = int(rng.integers(2**32))

        def dictionary(pairs: SnapshotPairs) -> Dictionary:
            centres = RadialBasis.fitted(
                pairs.before, count=size - 3, overlap=2.0, rng=np.random.default_rng(seed)
            )  # fmt: skip
            return Constant() + Coordinates() + centres

        return in_functions("EDMD, radial basis", dictionary, size)

    def waves(size: int) -> Candidate:
        seed = int(rng.integers(2**32))
        fitted = partial(
            _Fitted, lambda pairs: fourier_edmd(pairs, size, noise=noise, rng=np.random.default_rng(seed))
        )  # fmt: skip
        return Candidate(name=f"EDMD, waves, m = {size}", family="EDMD, random waves", dimension=size, unfitted=fitted)

    def kernel(size: int) -> Candidate:
        seed = int(rng.integers(2**32))
        unfitted = lambda: KernelRidgeRegression(most=size, rng=np.random.default_rng(seed))  # noqa: E731
        return Candidate(name=f"kernel ridge, n = {size}", family="kernel ridge", dimension=size, unfitted=unfitted)

    listed = [Candidate(name="DMD", family="DMD (PyDMD)", dimension=3, unfitted=PyDMDRegression)]
    if board.trajectories is not None:
        for name, method in (("OptDMD", OptimisedDMD()), ("HODMD", HigherOrderDMD(delays=3))):
            fitted = partial(_Fitted, lambda _, method=method: PyDMDForecast(method).fit(board.trajectories))
            listed.append(Candidate(name=name, family="DMD, all times (PyDMD)", dimension=3, unfitted=fitted))
    listed += [polynomials(degree) for degree in DEGREES[some]]
    listed += [radial(size) for size in FUNCTIONS[some]] + [waves(size) for size in FUNCTIONS[some]]
    return listed + [kernel(size) for size in KERNEL_PAIRS[some]]


def study(profile: Profile) -> tuple[MeasuredPredictor, ...]:
    """Every classical method, the distilled model, and the published one where it is at hand."""
    board = material(profile)
    rng = np.random.default_rng(profile.seed)
    PyDMDRegression().fit(board.split.fit.subset(np.arange(10)))  # so that importing PyDMD is not counted as its fit
    measured = [*measured_predictors(board.split, candidates(board, profile), rng=rng)]
    started = time.process_time()
    config = profile.preset("checkerboard").seeded(profile.seed).distillation
    model = _distilled(config, board.data)
    seconds = time.process_time() - started
    measured.append(_measured(OURS, model, config.architecture.latent, board, seconds))
    if board.checkpoint is not None:
        published = published_checkerboard(board.checkpoint)
        measured.append(_measured(PUBLISHED, published, published.operator.matrix.shape[0], board, np.nan))
    return tuple(measured)


def drawn(profile: Profile) -> Figure:
    """Error against the number of functions, and against the cost of the fit."""
    measured = study(profile)
    width = profile.width_or(6.75)
    marked = (OURS, PUBLISHED)
    with styled_for_print():
        figure = Figure(figsize=(width, 0.42 * width + 0.5), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        draw_error_against_dimension(left, measured, marked=marked)
        draw_error_against_cost(right, [m for m in measured if np.isfinite(m.fit_seconds)], marked=marked)
        right.set_ylabel("")
        for ax in (left, right):
            ax.get_legend().remove()
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3 if width > 4.5 else 2, fontsize="small")
    return figure


def _distilled(config: DistillationConfig, data: Trajectories) -> OneStepGenerator:
    training, heldout = data.training(), data.heldout()
    state, objective = begun(config, model_config_of(config, data), training, device=torch.device("cpu"))
    steps = train(state, objective, training, heldout)
    deque(tqdm(steps, total=config.training.steps, desc="training", unit="step"), maxlen=0)
    return cast(OneStepGenerator, state.result())


def _measured(
    name: str, model: OneStepGenerator, dimension: int, board: Material, seconds: float
) -> MeasuredPredictor:  # fmt: skip
    heldout, started = board.data.heldout(), time.process_time()
    predicted = generated(model, heldout.noise).double().numpy()
    took = 1000 * (time.process_time() - started) / len(heldout)
    error = relative_error(predicted, board.split.held_out, rng=np.random.default_rng(0))
    return MeasuredPredictor(
        name=name, family=name, dimension=dimension, error=error, fit_seconds=seconds, predict_seconds=took
    )
