"""Label agreement on digits, and how it grows with the number of training pairs.

A label is the class of the nearest training digit. A linear classifier of the raw noise, which never makes an image,
already agrees with the teacher on most pairs: it is the control to beat. The held-out pairs are the same throughout.
"""

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from kdm.evaluation import generated, labels_of, paired_error
from kdm.trajectories import Pairs, Trajectories, collect
from koopman_analysis.claims import Side
from koopman_analysis.resampling import Interval, object_bootstrap

from .experiments import Profile, Trained, first_training_pairs, trained
from .page import Goal, Page, Row, Table, number

COUNTS = (45_000, 5_000, 10_000, 20_000, 100_000, 200_000)
"""Training pairs; first those of the preset, 50,000 less a tenth."""
COUNTS_FAST = (3_600, 1_000)
COLUMNS = {
    "training pairs": ",", "label agreement, held out": ".1%", "label agreement, training": ".1%",
    "linear classifier of the noise": ".1%", "paired error, held out": ".2%", "paired error, training": ".2%",
    "wall s": ".0f", "CPU s": ".0f", "others, cores": ".2f",
}  # fmt: skip


def measured(profile: Profile) -> Page:
    """The digits preset on the first pairs of one large collection."""
    preset, counts = profile.preset("digits"), COUNTS_FAST if profile.fast else COUNTS
    pairs = -(-10 * max(counts) // 9)
    everything = collect(
        preset.teacher_object(), pairs, generator=torch.Generator().manual_seed(0), steps=preset.solver_steps,
        out=profile.work / f"digits-{pairs}", progress=True,
    )  # fmt: skip
    rows: list[Row] = []
    for count in counts:
        data = first_training_pairs(everything, count)
        rows.append(_row(trained(preset.distillation, data, name=f"digits, {count:,} pairs"), data))
    return Page(
        title="Digits: label agreement against the number of pairs",
        about=f"Preset `digits` ({preset.distillation.training.steps:,} steps, whatever the number of pairs), seed "
        f"{preset.distillation.training.seed}, on {len(everything.heldout()):,} held-out pairs. Intervals resample "
        "held-out pairs, at 95 %.",
        tables=[Table(columns=COLUMNS, rows=sorted(rows, key=lambda row: number(row["training pairs"])))],
        goals=[
            Goal(
                quantity=f"label agreement, held out, {counts[0]:,} pairs",
                measured=number(rows[0]["label agreement, held out"]), side=Side.AT_LEAST, bound=0.8, form=".1%",
            ),
            Goal(
                quantity=f"CPU s, {counts[0]:,} pairs", measured=number(rows[0]["CPU s"]), side=Side.AT_MOST,
                bound=180, form=".0f",
            ),
        ],
        notes=[
            "Training uses one thread: its CPU seconds are what the clock shows where nothing else runs.",
            "Training pairs are judged on as many as are held out, or on all where there are fewer.",
        ],
    )  # fmt: skip


def _row(fitted: Trained, data: Trajectories) -> Row:
    training, heldout = data.training(), data.heldout()
    seen = training[slice(0, len(heldout))]
    classifier = LogisticRegression(max_iter=200).fit(_unit(training), _labels(data, training.data))
    right = classifier.predict(_unit(heldout)) == _labels(data, heldout.data)
    return {
        "training pairs": len(training),
        "label agreement, held out": _agreement(fitted, data, heldout),
        "label agreement, training": _agreement(fitted, data, seen),
        "linear classifier of the noise": _mean(right),
        "paired error, held out": paired_error(fitted.model, heldout).relative_rmse,
        "paired error, training": paired_error(fitted.model, seen).relative_rmse,
        "wall s": fitted.cost.wall,
        "CPU s": fitted.cost.cpu,
        "others, cores": fitted.cost.others,
    }


def _agreement(fitted: Trained, data: Trajectories, pairs: Pairs) -> Interval:
    return _mean(_labels(data, generated(fitted.model, pairs.noise)) == _labels(data, pairs.data))


def _labels(data: Trajectories, points: torch.Tensor) -> np.ndarray:
    labels = labels_of(data, points)
    assert labels is not None
    return labels.numpy()


def _unit(pairs: Pairs) -> np.ndarray:
    noise = pairs.noise.flatten(1).double().numpy()
    return noise / noise.std()


def _mean(right: np.ndarray) -> Interval:
    terms, rng = right.astype(np.float64), np.random.default_rng(0)
    return object_bootstrap(lambda n: n @ terms / len(terms), len(terms), rng=rng).intervals()[0]
