"""What a finite dimension costs: of named families, of polynomials without any sample, and of trained latents.

Left, four nested families on the flow of ẋ = x − x³ over time 1, from x uniform on [−2, 2]: the share of the state's
variance that no linear map predicts from the first m functions, with bands that hold at all m at once. The dashed line
is the better of a power law and an exponential for the polynomials.

Middle, the same flow from x ~ N(0, 1), in Hermite polynomials: the best polynomial of each degree in closed form, by
quadrature, and the held-out error of least squares on samples, as the median over draws with quartiles. It explodes
from a degree on that grows slowly with the sample.

Right, distilled checkerboards whose operator is truncated to rank r in white, decoder-weighted coordinates: the paired
error over that of the untruncated model. With the data published with the paper at hand (the folder that
KDM_REFERENCE_DATA names) the authors' model stands beside ours; it was trained on all of these pairs.
"""

import os
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from kdm.ablations import latent_dimensions
from kdm.evaluation import pairs_in_rows
from kdm.importing.checkpoints import published_checkerboard
from kdm.latent_model import KDMLatentModel
from kdm.training.distillation import DistillationConfig
from kdm.trajectories import collect
from koopman_analysis import Coordinates, Legendre, SnapshotPairs
from koopman_analysis.dimension import (
    Curve,
    DimensionSweep,
    HermiteCurve,
    SampledHermiteCurve,
    decoder_weighted_directions,
    dimension_sweep,
    fitted_rates,
    hermite_curve,
    operator_truncations,
    polynomial_family,
    radial_family,
    rank_sweep,
    sampled_hermite_curve,
    wave_family,
)
from koopman_analysis.estimators import EDMD
from koopman_analysis.figures import draw_hermite_curve, draw_rank_sweep, draw_sweep
from koopman_analysis.systems import DoubleWell
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

COUNTS = (2, 4, 8, 16, 32)
DEGREES = (1, 3, 5, 7, 9, 11, 13, 15)
RANKS = (1, 2, 3, 4, 5, 6, 8, 16)
LATENTS = 64
SHARE = "state error (share of variance)"
WELL = DoubleWell(lag=1.0)
STEPS = 500
"""Steps of the model that is trained here: a thirteenth of the preset's."""


def family_sweeps(profile: Profile) -> dict[str, DimensionSweep]:
    """The four families on the double well."""
    rng = np.random.default_rng(profile.seed)
    n = 2000 if profile.fast else 20_000
    x, other = rng.uniform(-2, 2, (2, n, 1))
    pairs, others = (SnapshotPairs(before=states, after=WELL.flow(states)) for states in (x, other))
    polynomials = partial(Legendre, low=-2.0, high=2.0)
    largest = EDMD(polynomials(15), outputs=polynomials(15)).fit(others)
    families = (
        polynomial_family(polynomials, DEGREES),
        wave_family(pairs.before, COUNTS, rng=rng),
        radial_family(pairs.before, COUNTS, overlap=2.0, rng=rng),
        operator_truncations(largest, (1, 2, 4, 8, 14)),
    )
    seed = int(rng.integers(2**63))
    return {
        family.name.partition(",")[0]: dimension_sweep(
            pairs, family=family, outputs=Coordinates(), rng=np.random.default_rng(seed)
        )
        for family in families
    }


def hermite_curves(profile: Profile) -> tuple[HermiteCurve, dict[str, SampledHermiteCurve]]:
    """The limit of Hermite polynomials, and what samples of two sizes reach."""
    rng = np.random.default_rng(profile.seed)
    draws = 9 if profile.fast else 51
    sampled = {
        f"least squares, n = {n:,}": sampled_hermite_curve(WELL.flow, DEGREES, pairs=n, draws=draws, rng=rng)
        for n in (200, 2000)
    }
    return hermite_curve(WELL.flow, DEGREES, nodes=1000), sampled


def rank_curves(profile: Profile) -> dict[str, Curve]:
    """Paired error against the rank: ours, and the published model where its data are at hand."""
    curves = {"ours": _ours(profile)}
    folder = os.environ.get("KDM_REFERENCE_DATA")
    source = None if folder is None else Path(folder) / "checkerboard_flow_matching.npy"
    if source is not None and source.is_file():
        states = np.load(source, mmap_mode="r")
        pairs = SnapshotPairs(before=states[0].astype(float), after=states[-1].astype(float))
        model = published_checkerboard(source.with_name("published_checkerboard_model.pt"))
        curves["published"] = _swept(KDMLatentModel(model), pairs, profile)
    return curves


def drawn(profile: Profile) -> Figure:
    """The three panels."""
    sweeps, (exact, sampled), ranks = family_sweeps(profile), hermite_curves(profile), rank_curves(profile)
    errors = {name: sweep.state_error for name, sweep in sweeps.items()}
    rates = fitted_rates(errors["Legendre"])
    width = profile.width_or(6.75)
    narrow = width < 4
    with styled_for_print():
        figure = Figure(figsize=(width, 2.1 * width if narrow else 0.4 * width + 0.3), layout="constrained")
        left, middle, right = figure.subplots(*((3, 1) if narrow else (1, 3)))
        draw_sweep(left, errors, laws={"Legendre": rates.better or rates.power_law})
        draw_hermite_curve(middle, exact, sampled)
        draw_rank_sweep(right, ranks)
        left.set(title="families", xlabel="dimension", ylabel=SHARE)
        middle.set(title="polynomials", ylabel=SHARE)
        right.set(title="truncated models", xlabel="rank of K", ylabel="paired error / untruncated")
    return figure


def _ours(profile: Profile) -> Curve:
    preset = profile.preset("checkerboard")
    data = collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(profile.seed),
        steps=preset.solver_steps, out=profile.work / "checkerboard" / "data", progress=True,
    )  # fmt: skip
    steps = 100 if profile.fast else STEPS
    config = _with_steps(preset.distillation, steps)
    (wide,) = latent_dimensions((LATENTS,)).values()
    folder = profile.work / "latents" / str(profile.seed)
    training = wide.train(config.seeded(profile.seed), data, folder, device=torch.device("cpu"))
    deque(tqdm(training, total=steps, desc="training", unit="step"), maxlen=0)
    return _swept(KDMLatentModel(wide.load(folder, data)), pairs_in_rows(data.heldout()), profile)


def _with_steps(config: DistillationConfig, steps: int) -> DistillationConfig:
    return replace(config, training=replace(config.training, steps=steps, evaluate_every=steps))


def _swept(model: KDMLatentModel, pairs: SnapshotPairs, profile: Profile) -> Curve:
    """Directions from a fifth of the pairs, quality on the others."""
    rng = np.random.default_rng(profile.seed)
    most = 2000 if profile.fast else 10_000
    split = pairs.subset(np.arange(min(pairs.n, most))).split(held_out=0.8, rng=rng)
    directions = decoder_weighted_directions(model, split.fit, rng=rng)
    return rank_sweep(model, split.held_out, directions=directions, ranks=RANKS, resamples=499, rng=rng).ratio
