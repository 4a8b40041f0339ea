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
# # Do latents mean anything?
#
# "Points that are close in the latent space become samples that are alike." It is the sentence on which the case for
# a Koopman latent space rests, and pictures of it are easy to make. This notebook asks when the sentence is empty, how
# to measure it so that it can come out false, and what it comes to on a checkerboard, a mixture of ten Gaussians and
# handwritten digits.

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
from sklearn.linear_model import LogisticRegression

import kdm
from kdm.ablations import load_direct, regress_directly
from kdm.evaluation import pairs_in_rows
from kdm.flows import integrate
from kdm.training.distillation import noise_scale
from kdm.verification.baselines import fourier_edmd
from kdm.verification.boundaries import known_flow
from kdm.verification.controls import last_hidden_layer, linear_coordinates, random_encoders, states_on_the_way
from kdm.verification.subjects import subject_of_run
from koopman_analysis import EDMD, ArrayLatentModel, Constant, Coordinates, RandomFourier, checks, verify
from koopman_analysis.correlation import PairSpearman, mantel, partial_mantel, partial_mantel_uncorrected_p_value
from koopman_analysis.estimators.latent import carried_latents
from koopman_analysis.figures import (
    draw_departures,
    draw_exponents,
    draw_gallery,
    draw_interpolations,
    draw_midway,
    draw_neighbourhoods,
    draw_outliers,
    draw_path_measures,
    draw_paths,
    draw_regions,
    figure_of,
    semantic_figure,
)
from koopman_analysis.figures.style import BLUE, GREY, INK, ORANGE, styled
from koopman_analysis.interpolation import (
    LINEAR,
    SPHERICAL,
    cross_fades,
    disjoint_pairs,
    interpolation_study,
    latent_paths,
    noise_paths,
)
from koopman_analysis.outliers import Clusters
from koopman_analysis.resampling import object_bootstrap
from koopman_analysis.retrieval import nearest_objects
from koopman_analysis.semantics import (
    ClassifierFeatures,
    ClassQuestion,
    DistanceQuestion,
    FeatureDistance,
    Objects,
    SameClass,
    semantic_study,
)
from koopman_analysis.sensitivity import KnownFlow, exponent_field, lyapunov_exponents, model_linearised
from koopman_analysis.similarity import NeighbourAgreement, Ranking, SameClassAuroc, euclidean_distances
from koopman_analysis.systems import GaussianFlow
from koopman_analysis.verification import VerificationConfig

FAST = os.environ.get("KDM_FAST") == "1"  # small enough to see that it runs; the pictures are those of the full size
work = Path(os.environ.get("KDM_WORK", "../runs/notebooks")) / "05_do_latents_mean_anything"


def lighter(figure):
    """For pictures of many points, fewer of its own."""
    figure.set_dpi(85)
    return figure


def rng(seed=0):
    """A generator of its own for each step, so that none depends on what ran before."""
    return np.random.default_rng(seed)


# %% [markdown]
# ## Three models
#
# Three presets, with exact teachers. What an object *is* comes from outside the model: the cell of the checkerboard,
# the Gaussian of the mixture, the class of the handwritten digit that a sample is nearest to. Trainings take some
# minutes; what is finished is kept, and found again.


# %%
def trained(name):
    """Of a preset the data, the model, held-out pairs and their classes; beside the model a direct regression."""
    preset, cpu = kdm.preset_named(name), torch.device("cpu")
    if FAST:
        training = replace(preset.fast().distillation.training, steps=100)
        preset = replace(preset.fast(), distillation=replace(preset.distillation, training=training))
    generator, teacher = torch.Generator().manual_seed(0), preset.teacher_object()
    folder, run = work / name / "data", work / name / "run"
    data = kdm.collect(teacher, preset.pairs, generator=generator, steps=preset.solver_steps, out=folder)
    deque(kdm.distil(preset.distillation, data, run, device=cpu, preset=name), maxlen=0)
    deque(regress_directly(preset.distillation, data, work / name / "direct", device=cpu), maxlen=0)
    held = data.heldout()
    subject = subject_of_run(run, data, device=cpu, name=name)
    return data, subject, pairs_in_rows(held), teacher.labels(held.data).numpy()


found = {name: trained(name) for name in ("checkerboard", "mixture-10", "digits")}
for name, (_, subject, held, classes) in found.items():
    missed, spread = subject.one_step(held.before) - held.after, held.after - held.after.mean(axis=0)
    error = np.square(missed).sum() / np.square(spread).sum()
    print(f"{name:15} {subject.latent:3} latents, {classes.max() + 1:2} classes, paired error {100 * error**0.5:.1f} %")

# %% [markdown]
# ## Why it can be true for nothing
#
# **Any accurate model.** A decoder with Lipschitz constant $L$ cannot send near latents far apart:
# $\lVert y-y'\rVert \le L\,\lVert z-z'\rVert + \varepsilon + \varepsilon'$. So agreement of latent distances with
# distances *of the samples* is a corollary of a small error. On a flow that is affine, with variances of 9 and 0.01,
# least squares has it already:

# %%
flow = GaussianFlow(mean=np.zeros(2), covariance=np.diag([9.0, 0.01]), noise_scale=80.0)
some, few = (flow.pairs(n, rng=rng(n)) for n in (2000, 300))
lifted = EDMD(Constant() + Coordinates()).fit(some).predict(few.before)
for name, points in {"noise": few.before, "least squares": lifted}.items():
    value = PairSpearman().weighted(euclidean_distances(points), euclidean_distances(few.after))(np.ones(few.n, int))
    print(f"{name:14} Spearman's correlation with distances of the samples: {value:.3f}")

# %% [markdown]
# **The noise itself.** The flow is a function of the noise, and near noise goes to near samples wherever the flow is
# not steep. How much of the class stands in the raw noise, for anyone to read? For digits a *linear* classifier of 64
# pixels, at a noise level of 80, is right in most cases:

# %%
data, subject, held, classes = found["digits"]
fit = data.training()[: 3_000 if FAST else 20_000]
labels = kdm.teacher("digits").labels(fit.data).numpy()
scale = noise_scale(data)
linear = LogisticRegression(max_iter=200, C=1.0).fit(fit.noise.flatten(1).double().numpy() / scale, labels)
right = linear.predict(held.before / scale) == classes
interval = object_bootstrap(lambda n: n @ right / n.sum(), len(right), resamples=199, rng=rng()).intervals()[0]
print(f"linear classifier of raw noise: {interval.estimate:.1%} [{interval.low:.1%}, {interval.high:.1%}] right")
print(f"always the commonest class: {np.bincount(classes).max() / len(classes):.1%}")

# %% [markdown]
# A latent space that knows the class is therefore no news. It has to know it *better than what is cheaper*.
#
# ## Pairs are not units
#
# $n$ objects make $n(n-1)/2$ distances, and an interval that counts those is too narrow: an object that lies badly
# spoils all of its pairs at once. Here is the AUROC of "same class" by latent distance, again and again on 80 fresh
# digits, with an interval that resamples pairs as if they were independent, and with one that resamples objects. The
# dashed line is the value over two thousand digits; an orange interval misses it.

# %%
statistic = SameClassAuroc()
every = slice(0, 400 if FAST else 2000)
latents = subject.model.encode_noise(held.before[every])
truth = statistic.weighted(euclidean_distances(latents), classes[every])(np.ones(len(latents), int))


def by_pairs(points, own, generator):
    """A bootstrap of pairs: wrong, as a control."""
    i, j = np.triu_indices(len(own), 1)
    ranking = Ranking.of(-euclidean_distances(points)[i, j], own[i] == own[j])
    counts = (np.bincount(generator.integers(len(i), size=len(i)), minlength=len(i)) for _ in range(199))
    return np.quantile([ranking.auroc(count) for count in counts], [0.025, 0.975])


def by_objects(points, own, generator):
    """A bootstrap of objects."""
    agreement = statistic.weighted(euclidean_distances(points), own)
    (interval,) = object_bootstrap(agreement, len(own), resamples=199, rng=generator).intervals()
    return interval.low, interval.high


draws, size = (20, 40) if FAST else (100, 80)
generator = rng(1)
ends = {"pairs": [], "objects": []}
for _ in range(draws):
    chosen = generator.choice(len(latents), size, replace=False)
    ends["pairs"].append(by_pairs(latents[chosen], classes[chosen], generator))
    ends["objects"].append(by_objects(latents[chosen], classes[chosen], generator))
with styled():
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 2.9), sharex=True, sharey=True, layout="constrained")
    for ax, (name, intervals) in zip(panels, ends.items(), strict=True):
        covers = np.array([low <= truth <= high for low, high in intervals])
        for row, (low, high) in enumerate(intervals[:40]):
            ax.plot([low, high], [row, row], color=BLUE if covers[row] else ORANGE, lw=1.4)
        ax.axvline(truth, color=INK, lw=0.8, ls=(0, (4, 3)))
        ax.set(yticks=[], xlabel="AUROC", title=f"{name} resampled: {covers.mean():.0%} of {draws} cover")

# %% [markdown]
# Everything below resamples objects, a pair of copies of one object weighing nothing.
#
# ## Controls are the claim
#
# The question becomes: is the latent distance more semantic than *every* cheaper one, on the same resamples, with
# intervals that are simultaneous over all controls? The controls here: the noise; DMD and EDMD coordinates of the same
# dimension; the best of nineteen encoders of the same architecture with random weights; the teacher's own state in the
# middle of its way, which is what one gets for solving half of the equation; and the last hidden layer of a direct
# regression, a network with the parameters of the whole model that learned from the same samples without any latent
# space.


# %%
def studied(name):
    """All questions, of the latents and of every control."""
    data, subject, held, classes = found[name]
    some = slice(0, 80 if FAST else 200)
    noise, objects = held.before[some], Objects(states=held.after[some], labels=classes[some])
    pairs = pairs_in_rows(data.training()[: 1_000 if FAST else 8_000])
    waves = fourier_edmd(pairs, 128 if FAST else 256, noise=noise_scale(data), rng=rng(2))
    linear = linear_coordinates(pairs, {"EDMD": waves}, dimension=subject.latent)
    direct = load_direct(work / name / "direct")
    linear["direct regression, last layer"] = last_hidden_layer(direct, data.shape)
    path = states_on_the_way(data)
    way = dict(zip(path.names, path.states(noise).swapaxes(0, 1), strict=True))
    middle = {path.names[path.middle]: way.pop(path.names[path.middle])}
    features = ClassifierFeatures.fitted(held.after[some.stop :], classes[some.stop :], rng=rng(3))
    of_features = features(objects.states)
    blurred = of_features + 0.1 * of_features.std() * rng(4).standard_normal(of_features.shape)
    measure = FeatureDistance(features=features, name="features of a classifier", external=True)
    questions = (
        ClassQuestion(measure=SameClass(), statistic=SameClassAuroc()),
        ClassQuestion(measure=SameClass(), statistic=NeighbourAgreement(neighbours=10)),
        DistanceQuestion(measure=measure, statistic=PairSpearman()),
    )
    known = {**checks.known_answers(objects, noise, rng=rng(5)), FEATURES: blurred}
    study = semantic_study(
        subject.model.encode_noise(noise), objects, questions,
        controls={"noise": noise, **{given: encode(noise) for given, encode in linear.items()}, **middle},
        random=[encode(noise) for encode in random_encoders(subject, generator=torch.Generator().manual_seed(1))],
        references={**known, **way, "the data": objects.states}, resamples=99 if FAST else 199, rng=rng(6),
    )  # fmt: skip
    return study, path


FEATURES = "features and noise"
studies = {name: studied(name) for name in found}
auroc, neighbours, by_features = studies["digits"][0].questions
for name, (study, _) in studies.items():
    for question in (auroc, neighbours, by_features):
        known = FEATURES if question == by_features else checks.CLASS
        claim = checks.semantic_beyond_controls(study, question, known=known)
        print(f"{name:13} {claim.verdict.value:13} {question}\n{'':27} {claim.because}")

# %% [markdown]
# Latents lead by far over everything that is cheap. They do not lead over a direct regression: on digits the two tie,
# and in the plane it knows the class so well that no room is left above it, where *inconclusive* says that no latent
# space could have been supported. On digits latents are also behind the teacher's state in the middle of its way: the
# honest answer is *no* as long as that counts as a control. Left, every representation with its own interval; right,
# the lead over each control, which decides. First the digits:


# %%
def shown(name, question):
    """Values on the left, leads on the right."""
    return lighter(semantic_figure(studies[name][0], question, bound=0.01))


shown("digits", auroc)

# %%
shown("checkerboard", auroc)

# %%
shown("mixture-10", auroc)

# %% [markdown]
# How far must the teacher have gone for *its* states to tell as much? The AUROC again, noise on the left, data on the
# right; the latent space is the band across, the large dot the middle of the way.


# %%
def on_the_way(ax, name):
    """The curve of one data set, named."""
    study, path = studies[name]
    draw_midway(ax, study, auroc, path)
    ax.set_title(name)
    return ax


figure_of(*[partial(on_the_way, name=name) for name in studies], size=(11, 3.1))

# %% [markdown]
# ## Two cases where the answer must be no, and one where it must be yes
#
# A check that cannot say no is worth nothing, and one that cannot say yes neither. Beside every verdict stand a latent
# space that is the *noise under a random rotation* (no), the classes handed to *the wrong objects* (no), and *the class
# itself with a little noise* (yes, unless a control knows the class perfectly, too):

# %%
for name, (study, _) in studies.items():
    claim = checks.semantic_beyond_controls(study, auroc)
    print(f"{name}: {claim.verdict.value}")
    for control in claim.controls:
        behaves = "as it must be" if control.behaves else f"must be {control.expected.value}"
        print(f"    {control.name:17} {control.verdict.value:13} {behaves}")

# %% [markdown]
# ## Mantel, and why its partial form decides nothing
#
# Mantel's test relabels the objects and asks whether two distances have *anything* to do with each other. For digits
# everything has, the rotated noise included, so a small p-value is no evidence for a latent space:

# %%
objects = slice(0, 80 if FAST else 200)
noise, own = held.before[objects], classes[objects]
unlike = (own[:, None] != own).astype(float)
rotated = noise @ np.linalg.qr(rng(6).standard_normal((64, 64)))[0]
for name, points in {"latents": subject.model.encode_noise(noise), "rotated noise": rotated}.items():
    test = mantel(euclidean_distances(points), unlike, 999, rng=rng(7))
    print(f"{name:14} r = {test.statistic:.3f}, p = {test.p_value:.3f}")

# %% [markdown]
# The natural repair, "given the noise distance", is Mantel's partial form. Its p-value is invalid. Below are two
# *random* encoders of the same noise, independent of each other, which have nothing in common but that noise. A valid
# test would call them related in 5 % of cases.

# %%
simulations, generator = (20 if FAST else 200), rng(8)


def encoded(z):
    """The latents of a random encoder."""
    hidden = np.tanh(z @ generator.standard_normal((2, 20)) + generator.standard_normal(20))
    return hidden @ generator.standard_normal((20, 4))


p_values = {"partial Mantel, given their noise:\nindependent encoders": [], "plain Mantel: unrelated objects": []}
for _ in range(simulations):
    z, unrelated = generator.standard_normal((2, 40, 2))
    one, other, source, elsewhere = (euclidean_distances(a) for a in (encoded(z), encoded(z), z, encoded(unrelated)))
    called = (
        partial_mantel_uncorrected_p_value(one, other, [source], 199, rng=generator),
        mantel(elsewhere, one, 199, rng=generator).p_value,
    )
    for values, p in zip(p_values.values(), called, strict=True):
        values.append(p)
levels = np.linspace(0, 1, 41)
with styled():
    figure, ax = plt.subplots(figsize=(6.2, 2.9), layout="constrained")
    for (name, values), colour, at in zip(p_values.items(), (ORANGE, BLUE), (2, 22), strict=True):
        share = np.array([np.mean(np.array(values) <= level) for level in levels])
        ax.plot(levels, share, color=colour)
        ax.annotate(name, (levels[at], share[at]), xytext=(9, -13), textcoords="offset points", va="top", color=colour)
    ax.plot(levels, levels, color=GREY, lw=0.9, ls=(0, (4, 3)), zorder=0)
    ax.set(xlabel="level", ylabel="share called related", xlim=(0, 1), ylim=(0, 1.02))
for name, values in p_values.items():
    share = np.mean(np.array(values) <= 0.05)
    print(f"called related at the level 5 %: {share:4.0%}   {' '.join(name.split())}")

# %% [markdown]
# So the partial correlation is reported as an effect size with an interval over objects, and no verdict hangs on it:

# %%
D = [euclidean_distances(points) for points in (subject.model.encode_noise(noise), noise)]
effect = partial_mantel(D[0], unlike, [D[1]], rng=rng(9))
print(f"latents and class, given noise distance: {effect.estimate:.3f} [{effect.low:.3f}, {effect.high:.3f}]")

# %% [markdown]
# ## The bound, and where it fails
#
# $\lVert y-y'\rVert \le L\,\lVert z-z'\rVert + \varepsilon + \varepsilon'$ with a certified $L$ is a theorem, and for
# most networks there is no useful certificate. With the largest ratio over *other* objects for $L$ it can fail. How
# often does it, and for how many pairs does it say more than "no farther apart than the two farthest data points"?

# %%
for name, (_, subject_, held_, _) in found.items():
    bounds = checks.latent_bounds(subject_.model, held_, objects=100 if FAST else 300, rng=rng(10)).model
    print(
        f"{name:13} L = {bounds.constant:.3g} ({'certified' if bounds.certified else 'largest ratio elsewhere'}): "
        f"violated by {bounds.violations.estimate:.2%} of pairs, informative for {bounds.informative.estimate:.0%}"
    )

# %% [markdown]
# A smooth encoder has to fail somewhere. Between the noise of two classes runs a border across which the flow tears
# apart what is near: there its finite-time Lyapunov exponent $\log\lVert D\Phi(x)\rVert_2$ is large. The teacher can
# be differentiated, and so can the model. Dots are objects in a near pair, near in the noise on the left and in the
# latent space on the right, whose data lie farther apart than a constant from other pairs allows.

# %%
data_, planar, held_, cells = found["checkerboard"]
flow, order = known_flow(data_), rng(11).permutation(held_.n)
judged, others = np.split(order[: 300 if FAST else 3000], 2)
exponents = lyapunov_exponents(flow.linearised(held_.before[judged]).jacobians)
errors = np.linalg.norm(held_.after - planar.one_step(held_.before), axis=1)
spaces = {"noise": held_.before, "latent space": carried_latents(planar.model, held_.before)}
near = {
    space: checks.near_pair_bounds(
        points, held_.after, others=others, judged=judged, errors=None if space == "noise" else errors
    )
    for space, points in spaces.items()
}
model = KnownFlow(linearised=partial(model_linearised, planar.model), classes=flow.classes)
fields = {
    space: exponent_field(of, half_width=210.0, points=40 if FAST else 96, reference=exponents.median)
    for space, of in {"noise": flow, "latent space": model}.items()
}
lighter(figure_of(
    *[
        partial(
            draw_exponents, field=fields[space], limits=fields["noise"].limits,
            violating=held_.before[judged[near[space].violators]],
            title=f"the {'flow' if space == 'noise' else 'model'}, and pairs near in {space}",
        )
        for space in spaces
    ],
    size=(10.2, 4.3),
))  # fmt: skip

# %%
nearby = {
    space: checks.neighbourhoods(points, cells, exponents, measured=judged, space=space, rng=rng(13))
    for space, points in spaces.items()
}
claims = [
    checks.violations_at_boundaries(checks.located_violations(pairs, exponents, space=space, rng=rng(12)))
    for space, pairs in near.items()
]
claims += [checks.near_stays_near(some) for some in nearby.values()]
for claim in claims:
    print(f"{claim.verdict.value:13} {claim.hypothesis}\n{'':13} {claim.because}")
figure_of(partial(draw_neighbourhoods, found=nearby, bound=0.9), size=(5.6, 3.4))

# %% [markdown]
# Among neighbours in the noise the violations sit on the edges of the basins, as they must. An encoder that tears apart
# what the flow tears apart leaves none there: what is near in the latent space goes wrong where the *model* is wrong,
# and its neighbours stay of one class up to the very edge, so that there the control, which must fail, does not.
#
# ## Outliers
#
# Do outliers of the data come from outliers of the noise? Asked of the whole cloud, by Mahalanobis distance; and of
# each cell, whose outermost tenth should come from the *edge of the region* that the flow sends there, since a flow is
# a homeomorphism. Some of those edges run through the middle of the noise.

# %%
few = slice(0, 600 if FAST else 3000)
noise, states, own = held_.before[few], held_.after[few], cells[few]
far = checks.outlier_correspondence(noise, states, resamples=199, rng=rng(14))
edges = checks.edge_correspondence(noise, states, Clusters.named(own), resamples=99 if FAST else 299, rng=rng(15))
for claim in (checks.outliers_correspond(far), checks.outliers_at_edges(edges)):
    value = claim.interval
    print(f"{claim.verdict.value}: AUROC {value.estimate:.3f} [{value.low:.3f}, {value.high:.3f}]  {claim.hypothesis}")
lighter(
    figure_of(
        partial(draw_regions, states=states, clusters=own, outlier=edges.outlier, title="data, outliers of each cell"),
        partial(draw_regions, states=noise, clusters=own, outlier=edges.outlier, title="the noise they come from"),
        partial(draw_outliers, correspondence=far),
        size=(11, 3.6),
    )
)

# %% [markdown]
# ## Galleries
#
# The first held-out digit of each class, not a chosen one, and its nearest neighbours in the latent space, in the noise
# and among the pixels. Each is shown as what it becomes; orange marks another class. The shares above the columns are
# over all two thousand objects. Neighbours among pixels are the ceiling of a model without error.

# %%
some = slice(0, 400 if FAST else 2000)
pixels, noise = held.after[some], held.before[some]
spaces = {"latent space": subject.model.encode_noise(noise), "noise": noise, "pixels": pixels}
near = nearest_objects(spaces, classes[some], neighbours=5, resamples=199, rng=rng(13))
with styled():
    figure, ax = plt.subplots(figsize=(8.0, 7.2), layout="constrained")
    draw_gallery(ax, near, pixels.reshape(-1, 8, 8))
for name, lead in near.leads("latent space").items():
    print(f"latent space minus {name:7} {lead.estimate:+.3f} [{lead.low:+.3f}, {lead.high:+.3f}]")
print(f"by chance {near.chance:.3f} of neighbours would be alike")

# %% [markdown]
# ## What lies between two latents?
#
# If the latent space were a map of meaning, the way between two latents should lead through things that look like data.
# Four ways from a noise $x$ to a noise $x'$, each on an arc rather than a chord, for our latents all have one norm, as
# noise nearly has:
#
# - *latent*: $D(z(s)\,K + c)$ between the two latents, carried by the operator;
# - *noise*: one step of the model from what lies between the noises, without any latent path;
# - *teacher*: the exact flow from what lies between the noises;
# - *cross-fade*: $(1-s)\,\hat y + s\,\hat y'$, the control that must leave the data.

# %%
shares = np.linspace(0, 1, 9)
start, end = disjoint_pairs(some.stop, 20 if FAST else 100, rng=rng(14))
one_step = subject.one_step(held.before[some])


def exact(noise):
    """The teacher's flow."""
    states = torch.from_numpy(noise.reshape(-1, 8, 8)).float()
    return integrate(kdm.teacher("digits"), states, steps=24).data.flatten(1).double().numpy()


between = {"shares": shares, "blend": SPHERICAL}
ways = {
    "latent": latent_paths(subject.model, held.before[start], held.before[end], **between),
    "noise": noise_paths(subject.one_step, held.before[start], held.before[end], **between),
    "teacher": noise_paths(exact, held.before[start], held.before[end], **between),
    "cross-fade": cross_fades(one_step[start], one_step[end], shares=shares),
}
different = np.flatnonzero(classes[start] != classes[end])[:2]
figure_of(
    *[
        partial(
            draw_interpolations, ways={name: paths[pair].reshape(-1, 8, 8) for name, paths in ways.items()},
            shares=shares, title=f"from a {classes[start[pair]]} to a {classes[end[pair]]}",
        )
        for pair in different
    ],
    size=(11, 3.0),
)  # fmt: skip

# %% [markdown]
# In numbers, over many pairs: the length of the path and its largest step, both relative to the distance of its ends;
# how far it is from the nearest real digit, in units of what another real digit scores; and the share of the way on
# which the nearest real digit is of a class that neither end has.

# %%
real = data.training()[: 1_000 if FAST else 4_000]
study = interpolation_study(
    ways, shares=shares, real=real.data.flatten(1).double().numpy(), fresh=held.after[-500:],
    real_labels=kdm.teacher("digits").labels(real.data).numpy(), end_labels=(classes[start], classes[end]),
    resamples=199, rng=rng(15),
)  # fmt: skip
measures = {
    "length": study.length,
    "largest step": study.jump,
    "distance to the data": study.departure,
    "share of another class": study.detour,
}
figure_of(
    *[
        partial(draw_path_measures, study=study, measured=measured, label=label, names=label == "length")
        for label, measured in measures.items()
    ],
    size=(10, 2.3),
)

# %%
figure_of(partial(draw_departures, study=study), size=(6.6, 3.2))

# %%
for way in ("latent", "noise", "teacher"):
    share = checks.excess_share(study, way, rng=rng(18))
    claim = checks.interpolates_near_the_data(share)
    print(f"{way:8} {claim.verdict.value}, share of a cross-fade's excess {share.share.estimate:.2f}: {claim.because}")

# %% [markdown]
# So the way between two latents is half a cross-fade: it leads away from the digits, in small and even steps. The same
# model, led through what lies between the two *noises*, keeps as near to the digits as its own samples are, in larger
# steps and with no latent path at all. The latent space adds nothing here that the noise had not.
#
# A path may keep to the data by *jumping*, as the teacher's does, and a smooth one may lead through no data at all. In
# the plane one sees both. Four pairs on the checkerboard, a dot at every sixteenth of the way:

# %%
first, last = disjoint_pairs(400, 4, rng=rng(19))
fine = np.linspace(0, 1, 17)


def solved(noise):
    """The teacher's flow."""
    return integrate(kdm.teacher("checkerboard"), torch.from_numpy(noise), steps=64).data.numpy()


ends = held_.before[first], held_.before[last]
lines = {
    "latent": latent_paths(planar.model, *ends, shares=fine, blend=SPHERICAL),
    "teacher, from noise": noise_paths(solved, *ends, shares=fine, blend=LINEAR),
    "cross-fade": cross_fades(held_.after[first], held_.after[last], shares=fine),
}
lighter(figure_of(
    *[partial(draw_paths, paths=paths, behind=held_.after[:3000], title=name) for name, paths in lines.items()],
    size=(10, 3.9), sharey=True,
))  # fmt: skip

# %% [markdown]
# ## Your own model
#
# Anything with an encoder is a representation, and its controls are encoders of its kind with other random numbers.
# Here is a model of somebody else's, four callables and a matrix: EDMD with random waves, fitted to the coordinates of
# the data. Nobody trained its encoder, so the answer must be no, and is; once for the latents as they are, and once for
# what the best linear operator makes of them, which no choice of latent coordinates changes.

# %%
fit, few = pairs_in_rows(data_.training()[:4000]), pairs_in_rows(data_.heldout()[:1500])
kinds = [Constant() + RandomFourier(40, 60.0, rng=rng(100 + draw)) for draw in range(20)]
mine = ArrayLatentModel(
    encode_noise=kinds[0], encode_data=Coordinates(), decode=lambda z: z,
    matrix=EDMD(kinds[0], outputs=Coordinates()).fit(fit).matrix_,
)  # fmt: skip
report = verify(
    mine, few, classes=cells[: few.n], random_encoders=kinds[1:], config=VerificationConfig(semantic_objects=150),
    rng=rng(20),
)  # fmt: skip
for name in ("semantic", "semantic_gauge_free"):
    claim = report.claims[name]
    print(f"{name:20} {claim.verdict.value:13} {claim.because}")

# %% [markdown]
# ## What may be said
#
# Not that latents "are semantic". That they agree with distances of the samples follows from a small error, and that
# they know the class follows from the noise knowing it. But: on new objects the latent distance of these models tells
# classes apart better than the noise, than linear methods and random functions of the same dimension, with intervals
# over objects that hold for all of them at once; in the plane also better than the teacher half of the way, on digits
# not. Nor does it take a Koopman operator: a direct regression, which has none, knows as much. Near is not near at the
# borders between basins, and one can say where. And what lies between two latents is not what lies between two digits.
#
# `kdm verify` asks the same of any preset, RUN or model of yours.
