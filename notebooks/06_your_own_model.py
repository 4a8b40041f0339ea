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
# # Your own model
#
# The checks take any model of the form
#
# $$\hat y = D\bigl(E_{\rm noise}(x)\,K + c\bigr)$$
#
# whoever trained it, and with what. `as_latent_model` turns fitted models of PyDMD, scikit-learn, deeptime, kooplearn
# and torch into one; for everything else there is `ArrayLatentModel`, four callables and a matrix. Here a PyDMD model,
# a scikit-learn pipeline and an autoencoder of fifteen lines meet the same flow, from noise to a ring of Gaussians.

# %%
# %matplotlib inline
import os
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pydmd
import torch
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import kdm
from koopman_analysis import ArrayLatentModel, SnapshotPairs, as_latent_model, require_latent_model, verify
from koopman_analysis.adapters.conversion import NotAdaptable
from koopman_analysis.adapters.requirements import UnfitModel
from koopman_analysis.figures import draw_by_class, draw_claims, figure_of

FAST = os.environ.get("KDM_FAST") == "1"  # small enough to see that it runs; the pictures are those of the full size
work = Path(os.environ.get("KDM_WORK", "../runs/notebooks")) / "06_your_own_model"

# %%
teacher = kdm.teacher("mixture")
count = 2_000 if FAST else 12_000
data = kdm.collect(teacher, count, generator=torch.Generator().manual_seed(0), out=work / "data")
everything = SnapshotPairs(before=data.noise.astype(float), after=data.data.astype(float))
split = everything.split(held_out=0.25, rng=np.random.default_rng(0))
angle = np.arctan2(split.held_out.after[:, 1], split.held_out.after[:, 0])
mode = np.round(angle / (2 * np.pi) * 8).astype(np.int64) % 8
print(f"{split.fit.n:,} pairs to fit to, {split.held_out.n:,} held out")

# %% [markdown]
# ## Three models, none of them ours
#
# PyDMD takes snapshots in columns.

# %%
stepped = pydmd.DMD(svd_rank=-1).fit(split.fit.before.T, split.fit.after.T)

# %% [markdown]
# A pipeline: every transformer before the last step is part of $E_{\rm noise}$, the last step is $K$ and $c$.

# %%
regressed = make_pipeline(StandardScaler(), PolynomialFeatures(7), Ridge(1e-6))
regressed = regressed.fit(split.fit.before, split.fit.after)


# %% [markdown]
# And a Koopman autoencoder with an encoder for each end.


# %%
def network(*sizes):
    layers = [[torch.nn.Linear(i, o), torch.nn.SiLU()] for i, o in pairwise(sizes)]
    return torch.nn.Sequential(*[part for layer in layers for part in layer][:-1])


class Autoencoder(torch.nn.Module):
    def __init__(self, m=16, width=128):
        super().__init__()
        self.noise_encoder, self.data_encoder = network(2, width, width, m), network(2, width, width, m)
        self.operator, self.decoder = torch.nn.Linear(m, m), network(m, width, width, 2)

    def loss(self, x, y):
        carried, target = self.operator(self.noise_encoder(x)), self.data_encoder(y)
        errors = (self.decoder(carried) - y, self.decoder(target) - y, carried - target)
        return sum(error.square().mean() for error in errors)


torch.manual_seed(0)
autoencoder, steps = Autoencoder(), 200 if FAST else 8_000
optimiser = torch.optim.Adam(autoencoder.parameters(), lr=2e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
x, y = (torch.from_numpy(states).float() for states in (split.fit.before, split.fit.after))
for _ in range(steps):
    some = torch.randint(len(x), (256,))
    optimiser.zero_grad()
    autoencoder.loss(x[some], y[some]).backward()
    optimiser.step()
    schedule.step()

# %% [markdown]
# ## One function makes them comparable
#
# Each becomes encoders, matrix, offset and decoder on arrays, and says truthfully whether one encoder serves both ends.
# The autoencoder is still in training mode: the adapter evaluates it in evaluation mode and puts it back.

# %%
peers = {"PyDMD": stepped, "scikit-learn": regressed, "autoencoder": autoencoder}
models = {name: as_latent_model(peer) for name, peer in peers.items()}
for name, model in models.items():
    encoders = "one encoder" if model.shared_encoder else "two encoders"
    print(f"{name:13} K of shape {model.matrix.shape!s:9} {encoders}")

# %% [markdown]
# What has no such form is refused, with the reason; so is a model whose parts are not functions of a row, for no later
# number would show it.

# %%
noisy = torch.nn.Dropout(0.1)  # in training mode, as it comes
dropped = ArrayLatentModel(
    encode_noise=lambda x: noisy(torch.from_numpy(x)).numpy(), encode_data=np.copy, matrix=np.eye(2), decode=np.copy
)
for attempt in (
    lambda: as_latent_model(pydmd.HODMD(d=3)),
    lambda: require_latent_model(dropped, split.held_out),
):
    try:
        attempt()
    except (NotAdaptable, UnfitModel) as error:
        print(f"{type(error).__name__}: {error}\n")

# %% [markdown]
# ## One step, side by side
#
# Held-out noise through each model, coloured by the Gaussian in which the true flow ends.

# %%
shown = slice(0, 2000)


def one_step(model, states):
    return model.decode(model.encode_noise(states) @ model.matrix + model.offset())


clouds = {"the flow": split.held_out.after, **{name: one_step(m, split.held_out.before) for name, m in models.items()}}
extent = 1.15 * float(np.abs(split.held_out.after).max())
figure_of(
    *[
        partial(draw_by_class, states=states[shown], classes=mode[shown], title=name, extent=extent)
        for name, states in clouds.items()
    ],
    size=(10.4, 2.9),
)

# %% [markdown]
# ## The claims
#
# `verify` asks all of them. What a model cannot show is *not applicable*, and the claim says why: two encoders fix
# neither eigenvalues nor a path between the ends.

# %%
reports = {name: verify(model, split.held_out, rng=np.random.default_rng(1)) for name, model in models.items()}
for id in reports["PyDMD"].claims:
    print(id)
    for name, report in reports.items():
        claim = report.claims[id]
        print(f"  {name:13} {claim.verdict.value if claim.applicable else claim.because}")

# %% [markdown]
# Each claim that could be measured, against its bound: PyDMD's, then the autoencoder's. A claim is about one thing:
# that the two eigenvalues of PyDMD are nearly those of the flow does not make its samples the flow's.

# %%
figure_of(partial(draw_claims, claims=list(reports["PyDMD"].claims.values())), size=(7.2, 3.0))

# %%
figure_of(partial(draw_claims, claims=list(reports["autoencoder"].claims.values())), size=(7.2, 3.0))

# %% [markdown]
# ## Which directions are closed
#
# Latent directions stand in the order in which the decoder reads them. Blue: the share of the variance of the first
# ones that no linear operator predicts. Orange: the share of what the decoder reads that lies beyond them. A learned
# dictionary is closed where both are below the tolerance: directions that are hardly read need not be.

# %%
reports["PyDMD"].figure("closure_spectrum")

# %%
reports["scikit-learn"].figure("closure_spectrum")

# %%
reports["autoencoder"].figure("closure_spectrum")

# %% [markdown]
# ## The published checkpoint
#
# The model that was published with the paper goes the same way, on the trajectories that were published with it.
# Neither is part of this library: set `KDM_REFERENCE_DATA` to the folder that holds both.

# %%
folder = os.environ.get("KDM_REFERENCE_DATA")
if not folder:
    print("KDM_REFERENCE_DATA is not set: this section is skipped")
else:
    from kdm.importing.runs import import_model

    import_model(Path(folder) / "published_checkerboard_model.pt", work / "published")
    published = kdm.KDMLatentModel(kdm.load(work / "published"))
    states = np.load(Path(folder) / "checkerboard_flow_matching.npy", mmap_mode="r")
    few = slice(0, 500 if FAST else 3_000)
    pairs = SnapshotPairs(before=states[0, few].astype(float), after=states[-1, few].astype(float))
    require_latent_model(published, pairs)
    report = verify(published, pairs, rng=np.random.default_rng(2))
    for id, claim in report.claims.items():
        print(f"{id:16} {claim.verdict.value if claim.applicable else claim.because}")
    print("\nThese may be pairs that it was trained on: what is supported here need not be elsewhere.")

# %% [markdown]
# How many of its 256 latent directions do the work of all, and how far its decoder can pull latents apart (L, certified
# layer by layer), are asked in its own latents and are the same in any others that are turned or stretched, L together
# with the distances that it multiplies.

# %%
if folder:
    print(report.claims["rank"].because)
    print(report.claims["bounded"].because)

# %% [markdown]
# Its eigenvalues are not. The picture shows those of K in the checkpoint's own latent coordinates, and in others, in
# which every prediction is the same. A paper that plots them plots a choice. The tables show which numbers of K go with
# the choice, and which stay.

# %%
report.figure("gauge") if folder else None

# %%
for table in [table for table in report.tables if "in random gauges" in table.columns] if folder else ():
    print(table.title)
    for name, here, elsewhere in table.rows:
        print(f"  {name:38} {here:>9}    in random coordinates {elsewhere}")

# %% [markdown]
# On the command line the same is `kdm import CHECKPOINT --out RUN` and `kdm verify RUN --data DATA`, with another RUN
# on the same page by `--beside`.
