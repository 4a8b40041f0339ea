# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Is it finite-dimensional?
#
# "Diffusion dynamics admit a finite-dimensional Koopman representation." As a statement of existence this is true of
# every flow, and so of no interest. What can be true or false is that *these* functions of the noise predict *those*
# functions of the data by one matrix,
#
# $$\Psi_{\rm out}(y) \approx \Psi_{\rm in}(x)\,K ,$$
#
# up to a stated share of variance, on pairs that nothing was fitted to. This notebook asks that question of flows whose
# answer is known, of flows that must fail, and of trained models.

# %%
# %matplotlib inline
import os
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

import kdm
from kdm.latent_model import KDMLatentModel
from koopman_analysis import Coordinates, Hermite, Monomials, SnapshotPairs, checks, closure_report
from koopman_analysis.autonomy import autonomy_report
from koopman_analysis.closure import decoder_weighted_defect, mean_closure_report
from koopman_analysis.dictionaries import EncoderDictionary, Gaussian, RadialBasis
from koopman_analysis.dimension import (
    decoder_weighted_directions,
    dimension_sweep,
    fitted_rates,
    hermite_curve,
    minimal_dimension,
    polynomial_family,
    radial_family,
    rank_sweep,
    sampled_hermite_curve,
    wave_family,
)
from koopman_analysis.figures import (
    draw_autonomy,
    draw_closure_spectra,
    draw_hermite_curve,
    draw_rank_sweep,
    draw_sweep,
    figure_of,
)
from koopman_analysis.figures.style import styled
from koopman_analysis.snapshots import SnapshotTrajectories
from koopman_analysis.systems import (
    DoubleWell,
    GaussianFlow,
    LinearMap,
    LogisticMap,
    Lorenz,
    OrnsteinUhlenbeck,
    PartlyUnrelated,
    QuantileFlow,
    Rotation,
    SlowManifold,
    Unrelated,
)

FAST = os.environ.get("KDM_FAST") == "1"  # small enough to see that it runs; the pictures are those of the full size
work = Path(os.environ.get("KDM_WORK", "../runs/notebooks")) / "02_is_it_finite_dimensional"
n = 2_000 if FAST else 20_000


def rng(seed=0):
    """Randomness is an argument."""
    return np.random.default_rng(seed)


# %% [markdown]
# ## Two ways to find what is not there
#
# **Any flow, any dimension.** Take functions of the data, and as functions of the noise the same ones *after the flow*:
# $\Psi_{\rm in} = \Psi_{\rm out}\circ\Phi$ with $K = I$ is exact. The flow of a two-peaked law, which no polynomial
# tells, is "exactly linear" in two functions that know it already:

# %%
flow = QuantileFlow(noise_scale=5.0, data_scale=0.1)
pairs = flow.pairs(n, rng=rng())
psi = Monomials(2)
knowing = closure_report(pairs, inputs=lambda x: psi(flow.flow(x)), outputs=psi, rng=rng(1))
plain = closure_report(pairs, inputs=psi, rng=rng(1))
print("functions that know the flow:", checks.closed(knowing).because)
print("the same functions, plain:   ", checks.closed(plain).because)

# %% [markdown]
# **Any pairs, many functions.** With as many functions as pairs, least squares leaves no residual, whether or not there
# is anything to find. Here $x$ and $y$ have nothing to do with each other; the fitted pairs say "linear", new ones do
# not:

# %%
unrelated, fresh = (Unrelated().pairs(300, rng=rng(seed)) for seed in (2, 3))
bumps = RadialBasis(unrelated.before, Gaussian(0.1))
K = np.linalg.lstsq(bumps(unrelated.before), unrelated.after)[0]
for name, some in {"fitted pairs": unrelated, "new pairs": fresh}.items():
    error = np.linalg.norm(some.after - bumps(some.before) @ K) / np.linalg.norm(some.after)
    print(f"{name:13} relative error {error:.1e}")

# %% [markdown]
# So verdicts here are about a *named* pair of dictionaries, on held-out pairs, with intervals.
#
# ## Flows whose answer is known
#
# In whitened coordinates the finite section of the Koopman operator has singular values $\sigma_i \in [0, 1]$: the
# canonical correlations of $\Psi_{\rm in}(x)$ and $\Psi_{\rm out}(y)$. The share $1-\sigma_i^2$ of a direction's
# variance is what no linear map can predict. Closed means that all of them are 1.

# %%
closed = {
    "affine flow, degree 3": GaussianFlow(degree=3),
    "slow manifold": SlowManifold(),
    "Jordan block, degree 2": LinearMap.jordan_block(degree=2),
    "rotation": Rotation(),
}
reports = {
    name: closure_report(system.pairs(n, rng=rng(4)), inputs=system.dictionary, rng=rng(5))
    for name, system in closed.items()
}
with styled():
    figure, axes = plt.subplots(1, 4, figsize=(11.5, 2.9), sharey=True, layout="constrained")
    draw_closure_spectra(list(axes), reports, exact={name: np.ones(r.dimension) for name, r in reports.items()})
for name, report in reports.items():
    print(f"{name:24} {checks.closed(report).because}")

# %% [markdown]
# ## Flows that must fail
#
# A check that cannot say no is worth nothing. The logistic map doubles the degree of each Chebyshev polynomial, so half
# of any finite set is lost; the double well has three equilibria, and polynomials on all of them are not closed; noise
# cannot be predicted; one draw of a random process looks like noise, too. Rings are exact values, where they are known.

# %%
open_ = {
    "logistic map": LogisticMap(degree=6),
    "double well, $t = 1$": DoubleWell(lag=1.0),
    "a column of noise": PartlyUnrelated(),
    "Ornstein-Uhlenbeck": OrnsteinUhlenbeck(integrated_rates=(0.5,), degree=5),
}
others = {"two peaks, degree 5": (QuantileFlow(), Monomials(5)), "Lorenz, degree 2": (Lorenz(), Monomials(2))}
failing = {name: (system, system.dictionary) for name, system in open_.items()} | others
reports = {
    name: closure_report(system.pairs(n, rng=rng(6)), inputs=psi, rng=rng(7)) for name, (system, psi) in failing.items()
}
with styled():
    figure, axes = plt.subplots(2, 3, figsize=(9.5, 5.4), sharey=True, layout="constrained")
    exact = {name: system.closure_spectrum for name, system in open_.items()}
    draw_closure_spectra(list(axes.flat), reports, exact=exact)

# %% [markdown]
# Shuffling the pairs of a closed system must spoil it, too. This control stands beside every verdict of the package:

# %%
manifold = SlowManifold().pairs(n, rng=rng(8))
shuffled = manifold.shuffled(rng=rng(9))
true, spoilt = (closure_report(some, inputs=SlowManifold().dictionary, rng=rng(10)) for some in (manifold, shuffled))
claim = checks.closed(true, shuffled=spoilt)
print(f"slow manifold: {claim.verdict.value}; {claim.controls[0].name}: {claim.controls[0].verdict.value}")

# %% [markdown]
# ## Random, and yet closed
#
# Of the Ornstein-Uhlenbeck process the *mean* of every Hermite polynomial is carried to itself, exactly. One draw of
# each state cannot see it; of two draws $y, y'$ the noise averages out,
#
# $$ \mathbb E\langle \Psi(y)-\Psi(x)K,\; \Psi(y')-\Psi(x)K'\rangle
# = \mathbb E\,\lVert \mathbb E[\Psi(y)\,|\,x]-\Psi(x)\bar K\rVert^2 . $$

# %%
process = OrnsteinUhlenbeck(integrated_rates=(0.5,), degree=3)
draws = process.double_pairs(n, rng=rng(11))
sines = EncoderDictionary(lambda x: np.column_stack([np.sin(2 * x), np.cos(3 * x)]))
for name, psi in {"Hermite polynomials": process.dictionary, "two waves": sines}.items():
    report = mean_closure_report(draws, inputs=psi, rng=rng(12))
    claim = checks.closed_in_the_mean(report)
    share = report.share_missed
    print(
        f"{name:20} one draw: {report.one_draw.estimate:.2f} of the variance not predicted; two draws: "
        f"[{share.low:.3f}, {share.high:.3f}] of what is predictable ({claim.verdict.value})"
    )

# %% [markdown]
# ## What a dimension costs
#
# For flows that are not closed in a handful of functions the question becomes: how many, for which accuracy? The curve
# belongs to the *named family*, never to the flow. Bands hold for all dimensions at once.

# %%
peaks = QuantileFlow.of_equal_modes(3, noise_scale=5.0, data_scale=0.3)
pairs = peaks.pairs(n, rng=rng(13))
counts = (2, 4, 8, 16) if FAST else (2, 4, 8, 16, 32, 64)
families = [
    polynomial_family(partial(Hermite, scale=5.0), (1, 3, 5, 7)),
    wave_family(pairs.before, counts, rng=rng(14)),
    radial_family(pairs.before, counts, overlap=2.0, rng=rng(15)),
]
sweeps = {
    family.name.partition(",")[0]: dimension_sweep(pairs, family=family, outputs=Coordinates(), rng=rng(16))
    for family in families
}
curves = {name: sweep.state_error for name, sweep in sweeps.items()}
for name, sweep in sweeps.items():
    print(f"{name:18} {fitted_rates(curves[name]).conclusion}")
    print(f"{'':18} {minimal_dimension(sweep).because}")

# %%
best = hermite_curve(peaks.flow, range(1, 16, 2), nodes=400, scale=peaks.noise_scale)
sampled = {
    f"least squares, n = {size:,}": sampled_hermite_curve(
        peaks.flow, range(1, 16, 2), pairs=size, draws=9 if FAST else 51, scale=peaks.noise_scale, rng=rng(17)
    )
    for size in (200, 2000)
}
figure_of(
    partial(draw_sweep, curves=curves, tolerance=0.01),
    partial(draw_hermite_curve, exact=best, sampled=sampled),
    size=(9.8, 3.8),
)

# %% [markdown]
# Left: of waves, larger members of the family read the state better until their functions are so nearly dependent that
# a few held-out states carry the whole residual: the interval, not the estimate, says that nothing is known there.
# Functions that rounding cannot tell apart count once, so that a member may have fewer dimensions than functions. A
# rate is fitted to where a curve falls, and a fit that neither form describes says so.
#
# Right: for normal noise the error of the best polynomial of each degree is known in closed form, with no sample at
# all. What least squares reaches on samples parts from it early and then explodes: high polynomials have tails that no
# sample covers. A small residual on the *fitted* pairs hides that completely.
#
# ## Learned dictionaries
#
# A distilled model chooses its functions. Whitening would give weight to latent directions that its decoder never
# reads, so closure is measured through the decoder:
# $\mathbb E\lVert D(E_{\rm data}(y)) - D(E_{\rm noise}(x)K+c)\rVert^2$ as a share of the data's variance, which no
# change of latent coordinates alters. First a flow that *is* affine, then the checkerboard:


# %%
def trained(name):
    """A short training of the preset: enough for the question."""
    preset = kdm.preset_named("checkerboard").fast() if FAST else kdm.preset_named("checkerboard")
    data = kdm.collect(
        kdm.teacher(name), preset.pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps
    )
    training = replace(preset.distillation.training, steps=300 if FAST else 2000)
    config = replace(preset.distillation, training=training)
    deque(kdm.distil(config, data, work / name, device=torch.device("cpu")), maxlen=0)
    held = data.heldout()
    states = {"before": held.noise.double().numpy(), "after": held.data.double().numpy()}
    return KDMLatentModel(kdm.load(work / name)), SnapshotPairs(**states)


models = {name: trained(name) for name in ("gaussian", "checkerboard")}
for name, (model, held) in models.items():
    measured = decoder_weighted_defect(model, held, rng=rng(18))
    encoders = {"inputs": EncoderDictionary(model.encode_noise), "outputs": EncoderDictionary(model.encode_data)}
    report = closure_report(held, **encoders, rng=rng(19))
    defect, state = measured.defect.estimate, measured.state_error.estimate
    print(f"{name:13} decoder-weighted defect {defect:.1e}, state error {state:.1e}")
    print(f"{'':13} all latent directions alike: {checks.closed(report).because}")

# %% [markdown]
# How many of the latent directions matter? Truncating the operator to rank $r$, in white directions ordered by what the
# decoder makes of them, until the paired error suffers. The error is held against the whole model's own: one that
# is nearly exact, as of an affine flow, feels the loss of directions that hardly count.

# %%
ranks = {}
for name, (model, held) in models.items():
    split = held.split(held_out=0.8, rng=rng(20))
    directions = decoder_weighted_directions(model, split.fit, rng=rng(21))
    sweep = rank_sweep(model, split.held_out, directions=directions, ranks=range(1, 9), rng=rng(22))
    ranks[name] = sweep.ratio
    print(f"{name:13} rank {sweep.sufficient_rank()} of 8 is within a tenth of the whole model")
figure_of(partial(draw_rank_sweep, curves=ranks), size=(5.6, 3.4))

# %% [markdown]
# ## One law for all times?
#
# A matrix from end to end says nothing about the times between. *Autonomy* asks more: one generator $A$ and one clock
# for the whole path, $\Psi(x_t) \approx \Psi(x_T)\,e^{s(t)A}$, in one dictionary. The flow of Gaussian data is linear
# at every time; with equal variances it is a semigroup, with three different ones it is not, whatever the clock:

# %%
levels = np.linspace(80.0 ** (1 / 7), 0.002 ** (1 / 7), 9) ** 7


def autonomy_of(variances):
    """Autonomy of the flow of Gaussian data with these variances."""
    gaussian = GaussianFlow(mean=np.zeros(len(variances)), covariance=np.diag(variances))
    return autonomy_report(gaussian.trajectories(400, scales=levels, rng=rng(23)), rng=rng(24))


board = kdm.collect(
    kdm.teacher("checkerboard"), 400 if FAST else 2000, generator=torch.Generator().manual_seed(1), steps=64,
    keep=range(0, 65, 8),
)  # fmt: skip
times = np.asarray(board.manifest.times)
scale = np.sqrt(times**2 + board.data.var())  # a declared unit for each time: the states' own size shrinks by forty
paths = SnapshotTrajectories(states=board.trajectory.astype(float) / scale[:, None], times=times)
autonomous = {
    "variances 1, 1, 1": autonomy_of([1.0, 1.0, 1.0]),
    "variances 9, 1, 0.09": autonomy_of([9.0, 1.0, 0.09]),
    "checkerboard": autonomy_report(paths, dictionary=Monomials(3), rng=rng(25)),
}


def titled(ax, name, report):
    """One panel, with the verdict in its title."""
    draw_autonomy(ax, report, bound=0.05)
    ax.set_title(f"{name}: {checks.autonomous(report).verdict.value}")
    return ax


figure_of(*(partial(titled, name=name, report=report) for name, report in autonomous.items()), size=(12.5, 3.6))

# %% [markdown]
# A model with two encoders cannot even be asked: it fixes only the endpoints. `kdm verify checkerboard-trajectory`
# trains one encoder for all times, and asks.
#
# ## What may be said
#
# Not that diffusion *has* a finite-dimensional representation, for that is true of everything. But: this model's eight
# functions predict what its decoder reads to a known share of variance on new pairs; the number of directions that
# carry it can be counted; and the same checks say no to noise, to shuffled pairs and to too few functions. Whether
# fixed functions of that number do as well is a question of its own, which `kdm verify` asks with DMD and EDMD at the
# model's dimension.
