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
# # Read the spectrum
#
# Papers draw the eigenvalues of a Koopman matrix on the unit circle and read stability and meaning off the picture. A
# matrix has as many eigenvalues as rows, whatever it was made from. This notebook asks which of them are real: first
# where the answer is known, then for one model with two encoders and one model with a single encoder, and it ends with
# what may be read off a model whose eigenvalues mean nothing.

# %%
# %matplotlib inline
import os
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

import kdm
from kdm.evaluation import pairs_in_rows
from kdm.verification.subjects import subject_of_run
from koopman_analysis import EDMD, Monomials, checks, closure_report
from koopman_analysis.dimension import decoder_weighted_directions, rank_sweep
from koopman_analysis.figures import (
    draw_eigenvalues,
    draw_function,
    draw_gauge,
    draw_images,
    draw_pseudospectrum,
    draw_rank_sweep,
    draw_residuals,
    figure_of,
)
from koopman_analysis.gauge import GaugeDependent, ThisGauge, gauge_experiment, spectrum_in_gauge
from koopman_analysis.modes import operator_modes
from koopman_analysis.moments import FactorMoments
from koopman_analysis.nonnormality import henrici_departure, kreiss_constant, spectral_radius, transient_growth
from koopman_analysis.pseudospectrum import (
    matrix_pseudospectrum,
    residual_intervals,
    residual_pseudospectrum,
    window,
)
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.systems import DoubleWell, SlowManifold

FAST = os.environ.get("KDM_FAST") == "1"  # small enough to see that it runs; the pictures are those of the full size
work = Path(os.environ.get("KDM_WORK", "../runs/notebooks")) / "03_read_the_spectrum"


def rng(seed=0):
    """A generator of its own for each step, so that none depends on what ran before."""
    return np.random.default_rng(seed)


# %% [markdown]
# ## Where the answer is known
#
# The slow manifold $x_1' = a x_1$, $x_2' = b x_2 + (a^2-b) x_1^2$ is closed in three functions. In the 21 monomials up
# to degree 5, twelve eigenvalues are products of $a$ and $b$ and true, the others are made by the truncation. Residuals
# $\lVert\varphi(y)-\lambda\varphi(x)\rVert/\lVert\varphi(x)\rVert$ on pairs that the matrix has not seen tell them
# apart by ten orders of magnitude; the modulus does not:

# %%
system, psi = SlowManifold(), Monomials(5)
fit, heldout = (system.pairs(1000 if FAST else 4000, rng=rng(seed)) for seed in (0, 1))
edmd = EDMD(psi).fit(fit)
found = edmd.eigenpairs(heldout=heldout)
exact = system.eigenvalues_up_to(5)
true = np.abs(found.eigenvalues[:, None] - exact).min(axis=1) < 1e-6
print(
    f"{true.sum()} of {len(found)} are those that theory names, with residuals to {found.residuals[true].max():.1g}; "
    f"the others have residuals of {found.residuals[~true].min():.2g} up"
)
figure_of(
    partial(draw_eigenvalues, eigenpairs=found, exact=exact),
    partial(draw_residuals, eigenpairs=found, true=true),
    size=(9.4, 3.6),
)

# %% [markdown]
# The same question without any matrix: what is the *least* residual of any function of the dictionary, at any point of
# the plane? On the left the pseudospectrum of the matrix, which is zero at every eigenvalue, true or spurious. On the
# right the residual pseudospectrum, which is not. The system is the double well, whose flow no finite dictionary of
# polynomials carries.

# %%
well, polynomials = DoubleWell(lag=0.3), Monomials(7)
fit, heldout = (well.pairs(2000 if FAST else 20_000, rng=rng(seed)) for seed in (2, 3))
edmd, moments = EDMD(polynomials).fit(fit), FactorMoments.of(fit, polynomials)
found = edmd.eigenpairs(heldout=heldout)
points = window(found.eigenvalues, resolution=24 if FAST else 80)
trusted = found.residuals <= 0.05
maps = {
    "distance of K − z to singular": matrix_pseudospectrum(edmd.matrix_, points),
    "least residual": residual_pseudospectrum(moments, points),
}
figure_of(
    *[
        partial(draw_pseudospectrum, pseudospectrum=each, eigenvalues=found.eigenvalues, trusted=trusted, label=label)
        for label, each in maps.items()
    ],
    size=(10, 3.9),
)

# %% [markdown]
# In sample the least residual is too small; on held-out pairs the function that was found has one that is too large. At
# a few points, the two as a bracket, with the sampling error of the upper one:

# %%
few = np.array([1.0, 0.5, 0.25 + 0.25j, -0.5])
below = residual_pseudospectrum(moments, few[None, :]).values[0]
above = residual_intervals(few, fit, heldout, polynomials, resamples=99 if FAST else 499, rng=rng(4))
for point, low, interval in zip(few, below, above, strict=True):
    print(f"z = {point:.2f}:  {low:.3f}  to  {interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]")

# %% [markdown]
# ## A matrix that is far from normal
#
# Eigenvalues say how a matrix acts in the end. What happens before is another question. Two matrices with the same
# eigenvalues, and the largest that powers of each become:

# %%
size = 30
eigenvalues = np.linspace(0.5, 0.9, size)
normal, sheared = np.diag(eigenvalues), np.diag(eigenvalues) + np.diag(np.full(size - 1, 0.5), 1)
for name, A in {"normal": normal, "sheared": sheared}.items():
    growth, bracket = transient_growth(A), kreiss_constant(A)
    print(
        f"{name:8} radius {spectral_radius(A):.2f}, departure {henrici_departure(A) / np.linalg.norm(A):.2f}, largest "
        f"power {growth.norm.estimate:.3g}, Kreiss constant {bracket.estimate:.3g}"
    )
both = [matrix_pseudospectrum(A, window(eigenvalues, resolution=24 if FAST else 80)) for A in (normal, sheared)]
figure_of(
    *[
        partial(draw_pseudospectrum, pseudospectrum=each, eigenvalues=eigenvalues, label="distance to singular")
        for each in both
    ],
    size=(10, 3.9),
)

# %% [markdown]
# ## One model, two spectra
#
# A Koopman Distillation Model has an encoder for the noise and another for the data. Each may be changed by any
# invertible matrix, $K \mapsto B^{-1} K A$, and no prediction changes. So $K$ has no eigenvalues of its own, and asking
# for them is an error unless one says in whose coordinates:


# %%
def trained(name, steps):
    """The model of a preset with a shorter training, its data and held-out pairs."""
    preset, cpu = kdm.preset_named(name), torch.device("cpu")
    preset = preset.fast() if FAST else preset
    training = replace(preset.distillation.training, steps=60 if FAST else steps)
    preset = replace(preset, distillation=replace(preset.distillation, training=training))
    folder = work / name
    data = kdm.collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps,
        keep=preset.keep, out=folder / "data",
    )  # fmt: skip
    deque(kdm.distil(preset.distillation, data, folder / "run", device=cpu, preset=name), maxlen=0)
    return subject_of_run(folder / "run", data, device=cpu, name=name), pairs_in_rows(data.heldout())


one_step, one_step_pairs = trained("checkerboard", 2000)
try:
    spectrum_in_gauge(one_step.model)
except GaugeDependent as error:
    print(error)
experiment = gauge_experiment(
    one_step.model, one_step_pairs.subset(np.arange(200 if FAST else 2000)), gauges=3, rng=rng(5)
)
print(f"no prediction changes by more than {experiment.largest_change:.1g} of the data's spread")
for number in (*experiment.dependent, *experiment.invariant):
    print(f"{number.name:60} {number.here:8.3g}   elsewhere {', '.join(f'{value:.3g}' for value in number.elsewhere)}")
figure_of(partial(draw_gauge, experiment=experiment), size=(6.4, 4.0))

# %% [markdown]
# Everything in the first lines, radius, norm, departure, rank and conditioning, is what an initialisation and an
# optimiser left; the last lines are the model's.
#
# ## One encoder for all times
#
# The preset `checkerboard-trajectory` has one encoder and one matrix for every stored time of the flow. Its eigenvalues
# *are* dynamics, if held-out pairs bear them out:

# %%
shared, pairs = trained("checkerboard-trajectory", 2500)
latents = SnapshotPairs(
    before=np.column_stack([np.ones(pairs.n), shared.model.encode_noise(pairs.before)]),
    after=np.column_stack([np.ones(pairs.n), shared.model.encode_data(pairs.after)]),
)
offset = np.asarray(shared.model.offset(None))
K = np.zeros((len(shared.model.matrix) + 1,) * 2)
K[0, 0], K[0, 1:], K[1:, 1:] = 1.0, offset, shared.model.matrix
measured, unrelated = (
    checks.eigenvalue_residuals(K, some, resamples=99 if FAST else 499, rng=rng(6))
    for some in (latents, latents.shuffled(rng=rng(7)))
)
for claim in (
    checks.eigenvalues_of_the_flow(measured, shuffled=unrelated),
    checks.eigenvalues_trusted(measured, shuffled=unrelated),
    checks.stable(K),
    checks.nearly_normal(checks.normality(K, latents, resamples=59 if FAST else 199, rng=rng(8))),
):
    print(f"{claim.verdict.value:13} {claim.hypothesis}\n{'':13} {claim.because}")
found = measured.eigenpairs
plane = window(found.eigenvalues, resolution=24 if FAST else 80)
least = residual_pseudospectrum(FactorMoments.of(latents, lambda z: z), plane)
figure_of(
    partial(draw_pseudospectrum, pseudospectrum=least, eigenvalues=found.eigenvalues, trusted=found.residuals <= 0.05),
    partial(draw_residuals, eigenpairs=found, bound=0.05),
    size=(9.6, 3.8),
)

# %% [markdown]
# The two that are borne out are the constant, and a function that hardly differs from it. An eigenvector makes a
# function of the noise, $\varphi(x) = E(x) v$, and its level sets are what the model found to move together. The four
# with the smallest residual that vary, one of each conjugate pair; colours are phases where a function is complex:

# %%
side = np.linspace(-200.0, 200.0, 60 if FAST else 160)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
features = np.column_stack([np.ones(len(grid)), shared.model.encode_noise(grid)])
functions = features @ found.coefficients
varying = functions.std(axis=0) > 0.2 * np.abs(functions).mean(axis=0)
chosen = np.flatnonzero(varying & (found.eigenvalues.imag >= 0))[:4]


def level_sets(ax, index):
    """One eigenfunction, with its eigenvalue and residual."""
    draw_function(ax, functions[:, index].reshape(len(side), -1), x=side, y=side)
    ax.set_title(f"λ = {found.eigenvalues[index]:.2g}, residual {found.residuals[index]:.2g}", fontsize=8)
    return ax


figure_of(*[partial(level_sets, index=index) for index in chosen], size=(12, 3.2))

# %% [markdown]
# ## Two models of one flow
#
# The model with one encoder for all times and the one-step model were made from the same flow. Their eigenvalues cannot
# be compared: those of the one-step model are a choice of coordinates, here random others, and those of the first are
# its own. What neither model's coordinates change are the canonical correlations of what it encodes at both ends, on
# pairs that it has not seen, and how many directions its decoder moves with:


# %%
def of_any_gauge(model, some):
    """The canonical correlations of both ends of a model, and how many directions hold 99 % of what is decoded."""
    report = closure_report(some, inputs=model.encode_noise, outputs=model.encode_data, rng=rng(12))
    directions = decoder_weighted_directions(model, some, rng=rng(13))
    return [sigma.estimate for sigma in report.spectrum], directions.holding(0.99), len(directions.singular_values)


def row(name, *columns):
    """One line of a table of two models."""
    print(f"{name:34}" + "".join(f"{column:>26}" for column in columns))


both = {"one step": (one_step.model, one_step_pairs), "one encoder": (shared.model, pairs)}
spectra = (spectrum_in_gauge(one_step.model, gauge=ThisGauge()), np.linalg.eigvals(K))
moduli = [np.sort(np.abs(values))[::-1] for values in spectra]
elsewhere = [np.abs(values).max() for values in experiment.other_eigenvalues]
seen = [of_any_gauge(model, some) for model, some in both.values()]
row("", *both)
row("largest moduli of eigenvalues", *("  ".join(f"{value:.2f}" for value in each[:3]) for each in moduli))
row("the largest in other gauges", "  ".join(f"{value:.1f}" for value in elsewhere), "the same")
row("eigenvalues that pairs bear out", "no question", f"{(found.residuals <= 0.05).sum()} of {len(found)}")
row("canonical correlations above 0.99", *(f"{sum(s > 0.99 for s in sigma)} of {len(sigma)}" for sigma, *_ in seen))
row("the least of them", *(f"{min(sigma):.3f}" for sigma, *_ in seen))
row("directions for 99 % of the samples", *(f"{count} of {top}" for _, count, top in seen))

# %% [markdown]
# ## What may be read off two encoders
#
# Singular functions of the whitened operator belong to no gauge: pairs $f_i(x)$, $g_i(y)$ with $g_i(\Phi(x)) \approx
# f_i(x)$, ordered by how far the decoder moves with them. For handwritten digits, what the leading ones look like:
# the decoder two standard deviations along each, in one direction above and in the other below.

# %%
digits, pairs = trained("digits", 2000)
some, rest = pairs.subset(np.arange(0, pairs.n // 2)), pairs.subset(np.arange(pairs.n // 2, pairs.n))
directions = decoder_weighted_directions(digits.model, some, rng=rng(9))
count = 8
modes = operator_modes(digits.model, rest, directions=directions, count=count, resamples=59, rng=rng(10))
ends = [digits.model.decode(directions.mean + sign * 2.0 * directions.back[:count], None) for sign in (1.0, -1.0)]
for position, (share, lost) in enumerate(zip(modes.shares, modes.contributions, strict=True)):
    print(f"mode {position + 1}: {share:5.1%} of the movement, {lost.estimate:5.1%} of the variance lost without it")
figure_of(partial(draw_images, images=np.concatenate(ends).reshape(-1, 8, 8), columns=count), size=(8, 2.2))

# %% [markdown]
# How many of them does the model need? Its error with the operator truncated to the leading $r$ directions, over that
# of the whole model:

# %%
top = len(directions.singular_values)
ranks = [rank for rank in (1, 2, 4, 8, 12, 16, 24, 32, 48, 64) if rank <= top]
sweep = rank_sweep(digits.model, rest, directions=directions, ranks=ranks, resamples=59 if FAST else 199, rng=rng(11))
for rank, ratio in zip(sweep.ranks, sweep.ratio.intervals, strict=True):
    print(f"rank {rank:3}: {ratio.estimate:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]")
figure_of(partial(draw_rank_sweep, curves={"digits": sweep.ratio}), size=(6, 3.2))

# %% [markdown]
# ## What may be said
#
# An eigenvalue is a claim about the flow only with one encoder for both ends, and only with its residual on pairs that
# nobody fitted. A picture of eigenvalues on a circle without either shows an initialisation. Of two encoders one may
# read singular functions, what the decoder makes of them, and how many suffice.
#
# `kdm verify` makes the claims `eigenvalues`, `stable`, `nearly_normal` and `eigenvalues_trusted` of every model with
# one encoder, and says of every other why it cannot.
