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
# # Distil a checkerboard, and digits
#
# A diffusion model turns noise into data in many small steps, each an evaluation of a network. Koopman distillation
# replaces them all by one:
#
# $$\hat x_{\rm data} = D\bigl(E_{\rm noise}(x_{\rm noise})\,K\bigr),$$
#
# an encoder, **one linear operator**, a decoder. Here we take a teacher whose flow is known exactly, collect pairs of
# noise and data, distil a model from them, and look at what it does. Then we ask the two questions that decide whether
# the picture means anything: how good is it, and would something simpler have done? At the end the same is done with
# pictures: handwritten digits, of a class that is asked for.
#
# It takes some minutes on an ordinary computer. Interrupt it wherever you like: what is finished is kept, and a cell
# that is run again goes on where it was.

# %%
# %matplotlib inline
import os
from collections import deque
from functools import partial
from pathlib import Path

import numpy as np
import torch

import kdm
from kdm.ablations import load_direct, regress_directly
from kdm.evaluation import generated, paired_error
from kdm.presets import Choices, operator_named
from kdm.training.runs import RunFolder
from koopman_analysis import EDMD, Constant, Coordinates, Hermite, RandomFourier, SnapshotPairs, checks, closure_report
from koopman_analysis.figures import draw_by_class, draw_image_rows, draw_training, figure_of

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
# ## Digits, of a class that is asked for
#
# Nothing of this was about the plane. The next teacher is a set of pictures, 1,797 handwritten digits of 8 × 8 pixels,
# each in a narrow Gaussian; its score is known, too. Let every class $k$ have a flow of its own, and let the model be
# told which: each network hears the class, and a constant is added where the operator has acted,
#
# $$\hat x_{\rm data} = D\bigl(E_{\rm noise}(x_{\rm noise},k)\,K + c_k,\;k\bigr).$$

# %%
told = kdm.preset_named("digits-conditional").fast() if FAST else kdm.preset_named("digits-conditional")
digits = kdm.collect(
    kdm.teacher("digits-conditional"),
    told.pairs,
    generator=torch.Generator().manual_seed(0),
    steps=told.solver_steps,
    out=work / "digits",
)
heldout = digits.heldout()
print(f"{len(digits):,} pairs, {len(heldout):,} of them held out, {told.solver_steps} solver steps")

# %% [markdown]
# Three models learn from the same pairs in the same order. In the first two only the operator differs: any matrix, or
# one that is made of its eigenvalues, blocks of rotation and decay in an orthogonal basis. The third has no operator
# and no latent space: *direct regression*, one network with as many parameters, which is how diffusion models were
# distilled before.

# %%
distillation = Choices(steps=100).of(told.distillation) if FAST else told.distillation
configs = {"dense K": distillation, "spectral K": distillation.with_operator(operator_named("spectral"))}
for name, config in configs.items():
    deque(kdm.distil(config, digits, work / name, device=torch.device("cpu")), maxlen=0)
models = {name: kdm.load(work / name) for name in configs}

deque(regress_directly(distillation, digits, work / "direct", device=torch.device("cpu")), maxlen=0)
models["direct regression"] = load_direct(work / "direct")
for name, each in models.items():
    print(f"{name:18} held-out error {100 * paired_error(each, heldout).relative_rmse:5.1f} %")

# %% [markdown]
# That the operator declares its eigenvalues costs nothing. Direct regression is a little nearer to the teacher in the
# square, the one thing that it was trained for: so much does the latent space cost.
#
# What does the model draw? On the left every picture has a noise of its own; on the right all of a column have the same
# one, and only the class changes.

# %%
model, classes = models["dense K"], torch.arange(digits.teacher.number_of_labels)
asked = classes.repeat_interleave(len(classes))
own = kdm.sample(model, len(asked), labels=asked, generator=torch.Generator().manual_seed(1))
same = generated(model, heldout.noise[classes.repeat(len(classes))], asked)


def by_class(pictures):
    """Rows of pictures by the class that was asked for."""
    return {str(int(k)): pictures[asked == k].double().numpy() for k in classes}


figure_of(
    lambda ax: draw_image_rows(ax, by_class(own), title="the class asked for, each from its own noise"),
    lambda ax: draw_image_rows(ax, by_class(same), title="one noise a column"),
    size=(7.2, 3.9),
)

# %% [markdown]
# Two judges say whether the digits are those that were asked for: the teacher, by the real digit that is nearest, and a
# classifier that was trained on the real ones. The last column says what the teacher's own samples reach, and for the
# classifier the share of *real* digits that it gets right when it has not seen them.

# %%
measured = kdm.evaluate(model, digits, count=500 if FAST else 5000)
print(f"{'quantity':22} {'estimate':>8}   95 % interval      the real")
for name in ("label_agreement", "classifier_agreement", "sharpness"):
    value, ceiling = measured.quantities[name], measured.floor[name].estimate
    print(f"{name:22} {value.estimate:8.3f}   [{value.low:.3f}, {value.high:.3f}]   {ceiling:8.3f}")

# %% [markdown]
# They are of the right class even more often than the classifier is right about real digits. That is no triumph: a
# digit like the mean of its class is easier to tell than a real one. `sharpness`, the distance to the nearest real
# digit, shows the same from the other side. A network that is trained on squares answers with the mean of all that it
# cannot tell apart, and so it blurs. Beside the teacher, from the same noise:

# %%
some = heldout[torch.tensor([int((heldout.labels == k).nonzero()[0]) for k in classes])]
pictures = {name: generated(each, some.noise, some.labels) for name, each in models.items()}
rows = {name: each.double().numpy() for name, each in {"teacher": some.data, **pictures}.items()}
figure_of(partial(draw_image_rows, rows=rows, title="the same noise"), size=(7, 2.9))

# %% [markdown]
# The strokes are where the teacher's are, and paler. What makes one-step digits sharper, and at which price, is
# measured in `tests/benchmarks/results`; how quality grows with the time of training, beside DMD and EDMD, is the
# figure `images` of `paper_figures`.
#
# `kdm verify` asks all of this and more, beside every baseline, and writes it on one page. Where a model is told
# classes, it asks of the flow of one of them: `kdm verify digits-conditional --label 3`.
