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
# # Distil a checkerboard
#
# A diffusion model turns noise into data in many small steps, each an evaluation of a network. Koopman distillation
# replaces them all by one:
#
# $$\hat x_{\rm data} = D\bigl(E_{\rm noise}(x_{\rm noise})\,K\bigr),$$
#
# an encoder, **one linear operator**, a decoder. Here we take a teacher whose flow is known exactly, collect pairs of
# noise and data, distil a model from them, and look at what it does. Then we ask the two questions that decide whether
# the picture means anything: how good is it, and would something simpler have done?
#
# It takes some minutes on an ordinary computer. Interrupt it wherever you like: what is finished is kept, and a cell
# that is run again goes on where it was.

# %%
# %matplotlib inline
import os
from functools import partial
from pathlib import Path

import numpy as np
import torch

import kdm
from kdm.training.runs import RunFolder
from koopman_analysis import EDMD, Constant, Coordinates, Hermite, RandomFourier, SnapshotPairs, checks, closure_report
from koopman_analysis.figures import draw_by_class, draw_training, figure_of

FAST = os.environ.get("KDM_FAST") == "1"  # small enough to see that it runs; the pictures are those of the full size
work = Path(os.environ.get("KDM_WORK", "../runs/notebooks")) / "01_distil_a_checkerboard"
preset = kdm.preset_named("checkerboard").fast() if FAST else kdm.preset_named("checkerboard")

# %% [markdown]
# ## The teacher
#
# The data are uniform on the eight cells of a checkerboard. The score of that law under Gaussian noise is known in
# closed form, so no network stands between us and the true flow. What error there is comes from solving the
# differential equation in finitely many steps; it is measured when the pairs are collected, and stored beside them.

# %%
data = kdm.collect(
    kdm.teacher("checkerboard"),
    preset.pairs,
    generator=torch.Generator().manual_seed(0),
    steps=preset.solver_steps,
    out=work / "data",
)
error = data.manifest.solver["error"]["median"]
print(f"{len(data):,} pairs, {preset.solver_steps} solver steps, median solver error {error:.1e}")

# %% [markdown]
# A tenth of the pairs is held out: training never sees them, and what follows is measured on them. Here are some, each
# noise in the colour of the cell in which its data point lies.

# %%
heldout = data.heldout()
shown = heldout[:2000]
cells = data.support.cells(shown.data).numpy()
figure_of(
    lambda ax: draw_by_class(ax, shown.noise.numpy(), cells, title="noise, by the cell it goes to", extent=250),
    lambda ax: draw_by_class(ax, shown.data.numpy(), cells, title="teacher", extent=4.6),
    size=(7, 3.6),
)

# %% [markdown]
# The flow cuts a round cloud into eight pieces and pulls them apart. Along the borders of the left picture it is steep:
# two noises side by side end in different cells, and a smooth function of the noise has to tear there. This is where a
# model can be wrong.
#
# ## The model
#
# `kdm.distil` is a generator: it yields each finished step, and a loop over it *is* the training. Three losses ask that
# the decoder read $y$ from $E_{\rm data}(y)$, that $E_{\rm noise}(x)\,K$ land on $E_{\rm data}(y)$, and that the
# decoder read $y$ from there, too.

# %%
for step in kdm.distil(preset.distillation, data, work / "run", device=torch.device("cpu")):
    if step.heldout:
        print(f"step {step.index:5,}   held-out error {100 * step.heldout.relative_rmse:6.2f} %")
model = kdm.load(work / "run")

# %%
lines = [line for line in RunFolder(work / "run").metrics() if "heldout_paired_error" in line]
curves = {"held-out error": [line["heldout_paired_error"] for line in lines]}
figure_of(
    lambda ax: draw_training(ax, [line["step"] for line in lines], curves, label="paired error"),
    size=(6, 2.6),
)

# %% [markdown]
# The paired error is the distance between the model's sample and the teacher's, *from the same noise*, relative to the
# spread of the data: a model that always answers with the mean has error 1.

# %%
with torch.no_grad():
    one_step = model.generate(heldout.noise).double().numpy()
teacher = f"teacher, {preset.solver_steps} solver steps"
figure_of(
    lambda ax: draw_by_class(ax, shown.data.numpy(), cells, title=teacher, extent=4.6),
    lambda ax: draw_by_class(ax, one_step[: len(shown)], cells, title="distilled model, one step", extent=4.6),
    size=(7, 3.6),
)

# %% [markdown]
# ## How good is it?
#
# A number without an interval, or a distance without its floor, would be an anecdote. Each quantity comes with a 95 %
# interval by resampling; a distance between two distributions also with its *floor*, the same distance between two
# disjoint samples of the data themselves, which is what a perfect model would have.

# %%
measured = kdm.evaluate(model, data, count=500 if FAST else 5000)
print(f"{'quantity':24} {'estimate':>9}   95 % interval")
for name, value in measured.quantities.items():
    floor = f"   floor {measured.floor[name].estimate:.3g}" if name in measured.floor else ""
    print(f"{name:24} {value.estimate:9.3g}   [{value.low:.3g}, {value.high:.3g}]{floor}")

# %% [markdown]
# The median error is far smaller than the root mean square: most samples are where the teacher's are, and a few, whose
# noise lies next to a border, are in the wrong cell or between two.
#
# ## Is the network needed?
#
# Extended dynamic mode decomposition (EDMD) has the same form: lift the noise, apply a linear map, read off the state.
# Only its functions are fixed beforehand instead of learned. With the coordinates and two hundred random sines and
# cosines, and a touch of regularisation for the few largest noises, it is a fair rival, fitted in a second.


# %%
def snapshots(pairs):
    """Noise as the state before, data as the state after, in double precision."""
    return SnapshotPairs(before=pairs.noise.double().numpy(), after=pairs.data.double().numpy())


def relative_error(prediction):
    """The paired error of the evaluation above."""
    truth = snapshots(heldout).after
    return float(np.sqrt(np.square(prediction - truth).sum() / np.square(truth - truth.mean(axis=0)).sum()))


waves = Constant() + Coordinates() + RandomFourier(200, scale=20.0, rng=np.random.default_rng(0))
edmd = EDMD(waves, outputs=Coordinates(), ridge=1e-6).fit(snapshots(data.training()))
predictions = {
    f"EDMD, {waves.size} fixed functions": edmd.predict(snapshots(heldout).before),
    f"KDM, {len(model.operator.matrix)} learned functions": one_step,
}
for name, prediction in predictions.items():
    print(f"{name:26} {100 * relative_error(prediction):5.2f} %")

# %%
panels = [
    partial(draw_by_class, states=prediction[: len(shown)], classes=cells, title=name, extent=4.6)
    for name, prediction in predictions.items()
]
figure_of(*panels, size=(7, 3.6))

# %% [markdown]
# ## From numbers to claims
#
# "The flow is linear in these functions" may be true or false, so let us ask in a way that can come out either way. A
# *claim* is a measured quantity, a bound, and a verdict that follows from the interval: **supported** if all of it lies
# on the claimed side, **refuted** if none does, otherwise **inconclusive**. And it carries a control: the same
# measurement on pairs that have nothing to do with each other, which has to be refuted. A check that cannot fail says
# nothing.

# %%
pairs = snapshots(heldout)
polynomials = closure_report(
    pairs, inputs=Hermite(4, scale=80.0), outputs=Hermite(2).fitted(pairs.after), rng=np.random.default_rng(1)
)
claims = {
    "learned functions": checks.decoder_weighted_closed(kdm.KDMLatentModel(model), pairs, rng=np.random.default_rng(0)),
    "polynomials, of degree 4 in the noise and 2 in the data": checks.closed(polynomials),
}
for name, claim in claims.items():
    print(f"{name}: {claim.verdict.value}")
    print(f"    {claim.quantity}: {claim.interval.estimate:.2g}, claimed to be at most {claim.bound:g}")
    for control in claim.controls:
        print(f"    control, {control.name}: {control.verdict.value}, as it must be: {control.behaves}")

# %% [markdown]
# The learned functions are closed: what the decoder reads from them evolves linearly. Does it follow that the flow was
# linear in disguise? No. With two encoders *some* linear map always exists: take
# $E_{\rm noise} = E_{\rm data}\circ\Phi$ and $K = I$, for any flow $\Phi$. So closure alone is never the evidence. What
# counts is that so few functions suffice, on pairs that the model was not trained on, where hundreds of fixed ones do
# not.
#
# `kdm verify` asks all of this and more, beside every baseline, and writes it on one page.
