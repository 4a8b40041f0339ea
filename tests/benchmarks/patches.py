"""One-step patches of photographs: the Fréchet distance to the teacher's, beside every rival, over trainings.

Each training is the preset's with another seed, on the same pairs. Beside it stands direct regression with its
parameters, optimiser and samples, the classical baselines, and two that say what a Fréchet distance can be made to say:
the same model with its operator by least squares, which no measure was preserved for, and direct regression carried to
the first two moments of the training images, which are all that the distance looks at.

Ratios are of means over the trainings, with an interval over objects and trainings (`koopman_analysis.checks`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from kdm.evaluation import (
    FeatureExtractor,
    OneStepGenerator,
    PrincipalComponents,
    features_of,
    fresh_samples,
    generated,
    paired_error,
    pairs_in_rows,
    rows,
)
from kdm.presets import Preset
from kdm.refitting import LeastSquares, Refit, refitted
from kdm.shapes import Samples
from kdm.training.distillation import noise_scale
from kdm.trajectories import Trajectories
from kdm.verification.baselines import fitted_baselines
from kdm.verification.coordinates import Predictor
from koopman_analysis.checks import distillation_ratios
from koopman_analysis.claims import Side, Verdict
from koopman_analysis.resampling import Interval
from koopman_analysis.twosample import (
    NormalMoments,
    carried_towards,
    frechet_distances,
    kernel_distance,
    precision_recall,
)

from .experiments import Profile, collected, distilled_in, regressed_in
from .page import Goal, Page, Row, Table

NAME = "patches32"
SEEDS, SEEDS_FAST = 3, 2
SAMPLES, SAMPLES_FAST = 4000, 300
SHARES = 2000
"""Samples whose precision and recall are measured."""
MODEL, LEAST_SQUARES, DIRECT = "one step", "one step, K by least squares", "direct regression"
RESTORED, TEACHER = "direct regression, moments restored", "the teacher"
FRECHET, KERNEL, ERROR = "Fréchet distance", "kernel distance", "paired error, held out"
PRECISION, RECALL = "precision", "recall"
COLUMNS = {
    "samples": "", "seed": "", ERROR: ".3f", FRECHET: ".2f", KERNEL: ".1f", PRECISION: ".3f", RECALL: ".3f",
}  # fmt: skip
RATIOS = {"rival": "", "ratio of Fréchet distances, one step over rival": ".3f", "at most 1": ""}


def measured(profile: Profile) -> Page:
    """Every training that has not been done, and what came of all."""
    preset = profile.preset(NAME)
    work = profile.work / f"{NAME}{'-fast' if profile.fast else ''}"
    data = collected(preset, work / "data")
    judged = Judge.of(data, count=profile.count(SAMPLES, fast=SAMPLES_FAST))
    trained = [
        _trained(preset.seeded(seed), data, judged, work) for seed in range(profile.count(SEEDS, fast=SEEDS_FAST))
    ]
    baselines = fitted_baselines(
        pairs_in_rows(data.training()), dimension=preset.distillation.architecture.latent, noise=noise_scale(data),
        rng=np.random.default_rng(0),
    )  # fmt: skip
    fixed = {name: judged.predicted(predict) for name, predict in {**baselines.equal, **baselines.larger}.items()}
    return page(judged, trained, fixed, training=len(data) - data.manifest.heldout)


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What one map made of the noise.

    Attributes:
        features: Of its samples from fresh noise.
        error: Its relative error on held-out pairs; None of samples that are paired with nothing.
    """

    features: np.ndarray
    error: float | None


Trained = Mapping[str, Measured]
"""What stands beside each other of one training, by name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Fresh noise, held-out pairs, and the features of two samples of the data."""

    data: Trajectories
    extractor: FeatureExtractor
    noise: Samples
    reference: np.ndarray
    second: np.ndarray
    moments: NormalMoments = field(repr=False)

    @classmethod
    def of(cls, data: Trajectories, *, count: int) -> "Judge":
        fresh = fresh_samples(data, count=count, generator=torch.Generator().manual_seed(1))
        extractor = PrincipalComponents.of_training(data)
        return cls(
            data=data,
            extractor=extractor,
            noise=fresh.noise,
            reference=features_of(extractor, fresh.reference),
            second=features_of(extractor, fresh.second),
            moments=NormalMoments.of(features_of(extractor, data.training().data)),
        )

    def generated(self, model: OneStepGenerator) -> Measured:
        features = features_of(self.extractor, generated(model, self.noise))
        return Measured(features=features, error=paired_error(model, self.data.heldout()).relative_rmse)

    def predicted(self, predict: Predictor) -> Measured:
        heldout = self.data.heldout()
        truth = rows(heldout.data)
        missed = np.square(predict(rows(heldout.noise)) - truth).mean() / truth.var(axis=0).mean()
        samples = torch.from_numpy(predict(rows(self.noise)))
        return Measured(features=features_of(self.extractor, samples), error=float(np.sqrt(missed)))

    def restored(self, found: Measured) -> Measured:
        """Carried to the moments of the training images."""
        return Measured(features=carried_towards(found.features, self.moments, share=1.0), error=None)


def _trained(preset: Preset, data: Trajectories, judged: Judge, work: Path) -> Trained:
    seed = preset.distillation.training.seed
    model = distilled_in(work / f"run-{seed}", preset, data)
    direct = judged.generated(regressed_in(work / f"direct-{seed}", preset, data))
    return {
        MODEL: judged.generated(model),
        LEAST_SQUARES: judged.generated(refitted(model, data.training(), Refit(solution=LeastSquares()))),
        DIRECT: direct,
        RESTORED: judged.restored(direct),
    }


def page(judged: Judge, trained: Sequence[Trained], fixed: Mapping[str, Measured], *, training: int) -> Page:
    """The rows of every training and rival, the ratios, and whether all are below 1."""
    clouds = {(name, str(seed)): found for seed, one in enumerate(trained) for name, found in one.items()}
    clouds |= {(name, ""): found for name, found in fixed.items()}
    clouds[TEACHER, ""] = Measured(features=judged.second, error=None)
    ratios = _ratios(judged, trained, fixed)
    asked = [name for name in ratios if name not in (LEAST_SQUARES, RESTORED)]
    worst = max(asked, key=lambda name: ratios[name].high)
    return Page(
        title="One-step patches of photographs, beside every rival",
        about=f"Patches of 3 × 32 × 32 pixels, {training:,} training pairs, {judged.extractor.name}; "
        f"{len(judged.noise):,} samples from fresh noise against as many of the teacher's law. Intervals resample "
        f"objects, at 95 %; those of ratios over {len(trained)} trainings, too.",
        tables=[
            Table(columns=COLUMNS, rows=_rows(judged, clouds)),
            Table(columns=RATIOS, rows=[_ratio_row(name, ratio) for name, ratio in ratios.items()]),
        ],
        goals=[
            Goal(
                quantity=f"upper end of the largest ratio, over “{worst}”",
                measured=float(ratios[worst].high),
                side=Side.AT_MOST,
                bound=1.0,
                form=".3f",
            )
        ],
        notes=[
            f"“{RESTORED}” is an affine map of the features of finished samples that no image is made of: whoever "
            "looks at two moments alone can be given them, and precision tells what they are worth.",
            "Preserving the measure of the latents costs paired error and precision, and gains recall.",
        ],
    )


def _rows(judged: Judge, clouds: Mapping[tuple[str, str], Measured]) -> list[Row]:
    features = {f"{name} {seed}": found.features for (name, seed), found in clouds.items()}
    distances = frechet_distances(features, judged.reference, rng=np.random.default_rng(2)).extrapolated()
    rows: list[Row] = []
    for (name, seed), found in clouds.items():
        shares = precision_recall(found.features[:SHARES], judged.reference[:SHARES], rng=np.random.default_rng(3))
        row = {
            "samples": name, "seed": seed, FRECHET: distances[f"{name} {seed}"],
            KERNEL: kernel_distance(found.features, judged.reference, rng=np.random.default_rng(4)),
            PRECISION: shares.precision, RECALL: shares.recall,
        }  # fmt: skip
        rows.append(row if found.error is None else {**row, ERROR: found.error})
    return rows


def _ratios(judged: Judge, trained: Sequence[Trained], fixed: Mapping[str, Measured]) -> dict[str, Interval]:
    """Of the model's distance, over that of each rival: one for each training, or the same beside all."""
    models = [one[MODEL].features for one in trained]
    rivals = {name: [one[name].features for one in trained] for name in (DIRECT, LEAST_SQUARES, RESTORED)}
    rivals |= {name: [found.features] * len(trained) for name, found in fixed.items()}
    return {
        name: distillation_ratios(
            models, rival, judged.reference, second=judged.second, rng=np.random.default_rng(5)
        ).ratio("model")
        for name, rival in rivals.items()
    }  # fmt: skip


def _ratio_row(name: str, ratio: Interval) -> Row:
    decided = Verdict.SUPPORTED if ratio.high <= 1.0 else Verdict.REFUTED if ratio.low > 1.0 else Verdict.INCONCLUSIVE
    return {"rival": name, list(RATIOS)[1]: ratio, "at most 1": decided.value}
