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
# A diffusion model turns noise into data in many small steps. Koopman distillation replaces them by one:
#
# $$\hat x_{\rm data} = D\bigl(E_{\rm noise}(x_{\rm noise})\,K\bigr),$$
#
# an encoder, **one linear operator**, a decoder. Here we collect pairs of an exact teacher, train a model on them, look
# at what it does, and ask how good it is, beside a baseline that needs no neural network.

# %%
import os
from pathlib import Path

import numpy as np
import torch

import kdm
from koopman_analysis import EDMD, Constant, Coordinates, RandomFourier, SnapshotPairs
from koopman_analysis.figures import draw_by_class, figure_of

FAST = os.environ.get("KDM_FAST") == "1"  # a quick run for the tests; the pictures are those of the full one
preset = kdm.preset_named("checkerboard").fast() if FAST else kdm.preset_named("checkerboard")
work = Path(os.environ.get("KDM_WORK", "../runs/notebook-01"))

# %% [markdown]
# ## The teacher
#
# Its data are uniform on the eight black cells of a checkerboard. The score of that law under Gaussian noise is known in
# closed form, so the teacher has no error of its own but the solver's, which is measured and stored with the pairs.

# %%
data = kdm.collect(
    kdm.teacher("checkerboard"),
    preset.pairs,
    generator=torch.Generator().manual_seed(0),
    steps=preset.solver_steps,
    out=work / "data",
)
print(f"{len(data):,} pairs; median solver error {data.manifest.solver['error']['median']:.1e}")

# %%
heldout = data.heldout()
cells = np.unique(heldout.labels.numpy(), return_inverse=True)[1]
figure_of(
    lambda ax: draw_by_class(ax, heldout.noise.numpy(), cells, title="noise, by the cell it goes to", extent=240),
    lambda ax: draw_by_class(ax, heldout.data.numpy(), cells, title="data", extent=4.6),
    size=(7, 3.6),
)

# %% [markdown]
# The flow folds a round cloud of noise into eight squares, and leaves the empty cells between them. The borders in the
# left picture are where it is steep: two noises side by side end in different cells.
#
# ## The model
#
# Training yields every finished step, saves as it goes, and resumes where it was if this cell is interrupted.

# %%
for step in kdm.distil(preset.distillation, data, work / "run", device=torch.device("cpu")):
    if step.heldout and step.index % (100 if FAST else 1000) == 0:
        print(f"step {step.index:5d}   held-out error {100 * step.heldout.relative_rmse:6.2f} %")
model = kdm.load(work / "run")

# %%
with torch.no_grad():
    one_step = model.generate(heldout.noise)
figure_of(
    lambda ax: draw_by_class(
        ax, heldout.data.numpy(), cells, title=f"teacher, {preset.solver_steps} steps", extent=4.6
    ),
    lambda ax: draw_by_class(ax, one_step.numpy(), cells, title="one step", extent=4.6),
    size=(7, 3.6),
)

# %% [markdown]
# ## How good is it?
#
# Every number has an interval, by resampling held-out pairs, and distributional ones stand beside their *floor*: the same
# number for a second sample of the data itself.

# %%
measured = kdm.evaluate(model, data, count=500 if FAST else 5000)
for name, value in measured.quantities.items():
    floor = f"   floor {measured.floor[name].estimate:.4g}" if name in measured.floor else ""
    print(f"{name:24} {value.estimate:8.4g}   [{value.low:.4g}, {value.high:.4g}]{floor}")

# %% [markdown]
# ## Is the network needed?
#
# EDMD also lifts the noise and applies a linear map, but with functions that nobody trained. With two hundred random waves
# it is a fair rival of the same form:

# %%
training = data.training()
pairs = SnapshotPairs(before=training.noise.double().numpy(), after=training.data.double().numpy())
waves = Constant() + Coordinates() + RandomFourier(200, scale=20.0, rng=np.random.default_rng(0))
edmd = EDMD(waves, outputs=Coordinates()).fit(pairs)
predicted = edmd.predict(heldout.noise.double().numpy())


def relative_error(prediction: np.ndarray) -> float:
    """Paired RMSE over the spread of the data: the mean of the data has 1."""
    truth = heldout.data.double().numpy()
    return float(np.sqrt(np.square(prediction - truth).sum() / np.square(truth - truth.mean(axis=0)).sum()))


print(f"EDMD, {waves.size} functions: {100 * relative_error(predicted):.1f} %")
print(f"KDM, {model.operator.matrix.shape[0]} functions:  {100 * relative_error(one_step.double().numpy()):.1f} %")

# %% [markdown]
# A linear map on a handful of *learned* functions does what a linear map on hundreds of fixed ones does not. Whether that
# says anything about the flow being "linear in disguise" is another question, because with two encoders some linear map
# always exists: notebook 02 asks it properly. `kdm verify` puts all of this, with claims, controls and verdicts, on one
# page.
