"""How good one-step pictures are, against the time of their training and beside every rival; and what they look like.

Two data sets of digits: of one flow for all, and of one flow for each class, told which. Each point of a curve is a
training of its own, carried to its end: a shorter one is no excerpt of a longer one, for its learning rate falls
sooner. Direct regression has the parameters of the model. What is not trained stands across: DMD, EDMD in random waves
and nearest neighbours, fitted to each class alone where classes are told, and the teacher, which no distillation is
expected to pass. All start from the same held-out noise. With ŷ a sample,

    class as the teacher's     share of ŷ nearest to a real digit of the class of the teacher's sample,
    class as asked             share of ŷ that a classifier of real digits takes for one of the class asked for,
    distance                   mean of the distance from ŷ to the nearest real digit,
    Fréchet distance           of principal components, to a sample of the teacher, extrapolated to infinitely many.

Intervals resample noises, and say nothing of other seeds. Seconds are steps × the CPU time of one, measured anew.

Below, the first held-out digit of each class as everybody draws it, and one noise a column under every class.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from sklearn.neighbors import KNeighborsRegressor

from kdm.ablations import load_direct, regress_directly
from kdm.evaluation import OneStepGenerator, PointClassifier, PrincipalComponents, features_of, generated, rows
from kdm.evaluation.classes import distances_to_points, empirical_of, labels_of
from kdm.evaluation.paired import mean_interval
from kdm.presets import operator_named
from kdm.shapes import Samples
from kdm.training.distillation import DistillationConfig, distil, load, noise_scale
from kdm.training.loop import Step
from kdm.trajectories import Pairs, Trajectories, of_class
from kdm.verification.baselines import LARGE, NEIGHBOURS, fourier_edmd
from kdm.verification.coordinates import Predictor
from koopman_analysis import PyDMDRegression, SnapshotPairs
from koopman_analysis.figures import draw_image_rows, draw_quality_against_cost
from koopman_analysis.resampling import Interval
from koopman_analysis.twosample import frechet_distances
from paper_figures.experiments import CPU, collected, configured
from paper_figures.printing import styled_for_print
from paper_figures.profile import Profile

PRESETS = {"digits": "one flow for all", "digits-conditional": "one for each class"}
"""Presets, and what their rows of panels are called."""
SHARES, FEW_SHARES = (0.06, 0.16, 0.4, 1.0), (0.1, 0.3)
"""Lengths of the trainings, in those of the preset."""
SMALL = 128
"""Functions of EDMD in a fast profile."""
DENSE, SPECTRAL, DIRECT = "KDM, dense K", "KDM, spectral K", "direct regression"
TEACHER = "teacher"
AGREEMENT, DISTANCE, FRECHET = "agreement", "distance", "Fréchet distance"
JUDGED, NOISES = 5000, 10
"""Held-out noises that are judged by, at most, and shown under every class."""
SMALLEST = 0.1
"""Fréchet distance below which the axis is linear."""
ROOMY = 4.5
"""Inches from which panels fit side by side."""

Training = Callable[[DistillationConfig, Trajectories, Path], Iterator[Step]]


@dataclass(frozen=True, kw_only=True)
class Way:
    """A way to train.

    Attributes:
        folder: Where trainings of the preset's length are kept; shorter ones beside it.
        train: Trains in a folder.
        load: What was trained there.
    """

    folder: str
    train: Training
    load: Callable[[Path], OneStepGenerator]


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """One-step samples of the held-out noise of one preset.

    Attributes:
        data: The pairs.
        heldout: Those of them that are judged by.
        trained: For each way, the samples by the CPU seconds of the training.
        rivals: The samples of what is not trained, the teacher's among them.
        model: The model with a dense operator after the longest training.
    """

    data: Trajectories
    heldout: Pairs
    trained: Mapping[str, Mapping[float, Samples]]
    rivals: Mapping[str, Samples]
    model: OneStepGenerator

    def longest(self) -> dict[str, Samples]:
        """The teacher's samples, those of each way after its longest training, and those of the others."""
        ways = {name: samples[max(samples)] for name, samples in self.trained.items()}
        return {TEACHER: self.rivals[TEACHER], **ways, **self.rivals}


@dataclass(frozen=True, kw_only=True, eq=False)
class Quality:
    """One quantity of a study: of each way by CPU seconds, and of what is not trained."""

    curves: Mapping[str, Mapping[float, Interval]]
    levels: Mapping[str, Interval]


def studied(name: str, profile: Profile) -> Study:
    """Every training and every rival on one preset, made or found in the profile's folder."""
    preset, data = profile.preset(name), collected(name, profile)
    config, heldout = configured(preset, profile), data.heldout()[:JUDGED]
    trained: dict[str, dict[float, Samples]] = {}
    models: dict[str, OneStepGenerator] = {}
    for each, way in _ways(name).items():
        seconds, trained[each] = _seconds_of_a_step(way, config, data, steps=9 if profile.fast else 45), {}
        for share in FEW_SHARES if profile.fast else SHARES:
            steps = round(share * config.training.steps)
            folder = profile.work / name / (way.folder if share == 1.0 else f"{way.folder}-{steps}")
            deque(way.train(_of_length(config, steps), data, folder), maxlen=0)
            models[each] = way.load(folder)
            trained[each][steps * seconds] = generated(models[each], heldout.noise, heldout.labels)
    rivals = {each: _carried(fit, data, heldout) for each, fit in _fits(data, profile).items()}
    rivals[TEACHER] = heldout.data
    return Study(data=data, heldout=heldout, trained=trained, rivals=rivals, model=models[DENSE])


def judged(study: Study, *, rng: np.random.Generator) -> dict[str, Quality]:
    """Every quantity of the module, of everybody."""
    data, heldout = study.data, study.heldout
    points, own = empirical_of(data.teacher), labels_of(data, heldout.data)
    assert data.teacher is not None  # the presets here have one, of labelled points
    assert points is not None
    assert own is not None
    everybody = [*(each for curve in study.trained.values() for each in curve.values()), *study.rivals.values()]
    asked = heldout.labels if data.conditional else None
    if asked is None:
        right = [labels_of(data, samples) == own for samples in everybody]
    else:
        judge = PointClassifier.of(points, rng=rng)
        right = [torch.from_numpy(judge.labels(samples)) == asked for samples in everybody]
    extractor = PrincipalComponents.of_training(data)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    reference = features_of(extractor, data.teacher.sample_data(len(heldout), generator=generator))
    features = {str(index): features_of(extractor, samples) for index, samples in enumerate(everybody)}
    measured = {
        AGREEMENT: [mean_interval(each.numpy(), rng=rng) for each in right],
        DISTANCE: [mean_interval(distances_to_points(each, points.points), rng=rng) for each in everybody],
        FRECHET: [*frechet_distances(features, reference, rng=rng).extrapolated().values()],
    }
    return {name: _as_in(study, intervals) for name, intervals in measured.items()}


def under_every_class(study: Study) -> dict[str, np.ndarray]:
    """One step from each of a few noises, told one class after the other."""
    noise, labels = study.heldout.noise[:NOISES], study.heldout.labels
    assert labels is not None  # they were asked for
    return {
        str(int(label)): generated(study.model, noise, label.repeat(len(noise))).double().numpy()
        for label in labels.unique()
    }  # fmt: skip


def drawn(profile: Profile) -> Figure:
    """Quality above, pictures below."""
    studies = {name: studied(name, profile) for name in PRESETS}
    quality = {name: judged(study, rng=np.random.default_rng(profile.seed)) for name, study in studies.items()}
    width = profile.width_or(6.75)
    roomy = width > ROOMY
    with styled_for_print():
        figure = Figure(figsize=(width, (0.95 if roomy else 3.0) * width), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=[1.35, 1.0] if roomy else [1.1, 1.0])
        _draw_quality(above, quality, roomy=roomy)
        _draw_pictures(below, studies, roomy=roomy)
    return figure


def _ways(preset: str) -> dict[str, Way]:
    spectral = operator_named("spectral")
    train = partial(distil, device=CPU, preset=preset)
    return {
        DENSE: Way(folder="run", train=train, load=load),
        SPECTRAL: Way(
            folder="spectral", train=lambda config, *rest: train(config.with_operator(spectral), *rest), load=load
        ),
        DIRECT: Way(folder="direct", train=partial(regress_directly, device=CPU), load=load_direct),
    }


def _of_length(config: DistillationConfig, steps: int) -> DistillationConfig:
    return replace(config, training=replace(config.training, steps=steps))


def _seconds_of_a_step(way: Way, config: DistillationConfig, data: Trajectories, *, steps: int) -> float:
    """CPU seconds, without the first steps, which make ready, and the last, which measures."""
    with TemporaryDirectory() as folder:
        ends = [time.process_time() for _ in way.train(_of_length(config, steps), data, Path(folder) / "run")]
    return (ends[-2] - ends[4]) / (len(ends) - 6)


def _fits(data: Trajectories, profile: Profile) -> dict[str, Callable[[SnapshotPairs], Predictor]]:
    count, seed = SMALL if profile.fast else LARGE, profile.seed

    def edmd(pairs: SnapshotPairs) -> Predictor:
        return fourier_edmd(pairs, count, noise=noise_scale(data), rng=np.random.default_rng(seed)).predict

    return {
        "DMD": lambda pairs: PyDMDRegression().fit(pairs).predict,
        f"EDMD, {count} functions": edmd,
        f"{NEIGHBOURS} neighbours": lambda pairs: (
            KNeighborsRegressor(NEIGHBOURS).fit(pairs.before, pairs.after).predict
        ),
    }


def _carried(fit: Callable[[SnapshotPairs], Predictor], data: Trajectories, heldout: Pairs) -> Samples:
    """What a method makes of held-out noise, fitted to each class alone where classes are told."""
    noise, labels = heldout.noise, heldout.labels
    result = torch.empty(noise.shape, dtype=torch.float64)
    everyone = torch.ones(len(noise), dtype=torch.bool)
    parts = [(data, everyone)]
    if data.conditional and labels is not None:
        parts = [(of_class(data, int(label)), labels == label) for label in labels.unique()]
    for some, mine in parts:
        pairs = some.training()
        predict = fit(SnapshotPairs(before=rows(pairs.noise), after=rows(pairs.data)))
        result[mine] = torch.from_numpy(predict(rows(noise[mine]))).unflatten(1, data.shape)
    return result


def _as_in(study: Study, intervals: list[Interval]) -> Quality:
    """Numbers in the order of the study's samples, by their names."""
    left = iter(intervals)
    curves = {name: {seconds: next(left) for seconds in samples} for name, samples in study.trained.items()}
    return Quality(curves=curves, levels={name: next(left) for name in study.rivals})


def _draw_quality(figure: SubFigure, quality: Mapping[str, Mapping[str, Quality]], *, roomy: bool) -> None:
    panels = figure.subplots(2, 3, sharex=True) if roomy else figure.subplots(3, 2, sharex=True).T
    for (name, of), line in zip(quality.items(), panels, strict=True):
        for ax, (quantity, found) in zip(line, of.items(), strict=True):
            draw_quality_against_cost(ax, found.curves, found.levels, label=_label(quantity, name))
            if quantity == FRECHET:
                ax.set_yscale("symlog", linthresh=SMALLEST)
                ax.set_ylim(bottom=-SMALLEST, top=2.0 * ax.get_ylim()[1])
            last = ax.get_subplotspec().is_last_row()
            ax.set_xlabel(("CPU seconds of training" if roomy else "CPU seconds") if last else "")
            if not roomy and quantity != AGREEMENT and not ax.get_subplotspec().is_first_col():
                ax.set_ylabel("")
        line[0].set_title(PRESETS[name])
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4 if roomy else 2)


def _label(quantity: str, name: str) -> str:
    agreement = "class as asked" if name.endswith("conditional") else "class as the teacher’s"
    return {AGREEMENT: agreement, DISTANCE: "distance to a real digit"}.get(quantity, quantity)


def _draw_pictures(figure: SubFigure, studies: Mapping[str, Study], *, roomy: bool) -> None:
    free, conditional = studies.values()
    # Cells of seven rows of named images, and of ten rows of numbered ones, that end up as high together.
    beside, below = {"width_ratios": [1.5, 1.0]}, {"height_ratios": [0.75, 1.0]}
    same, told = figure.subplots(1, 2, **beside) if roomy else figure.subplots(2, 1, **below)
    _draw_same_noise(same, free)
    draw_image_rows(told, under_every_class(conditional), title="a noise a column, a class a row")


def _draw_same_noise(ax: Axes, study: Study) -> None:
    """The first held-out digit of each class, and what everybody makes of its noise."""
    classes = labels_of(study.data, study.heldout.data)
    assert classes is not None  # as in `judged`
    first = [int((classes == label).nonzero()[0]) for label in classes.unique()]
    shown = {name: samples[first].double().numpy() for name, samples in study.longest().items()}
    draw_image_rows(ax, shown, title="the same noise")
