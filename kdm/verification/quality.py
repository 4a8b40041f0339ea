"""One-step images beside knowledge distillation and every other rival, by what features of them tell.

better_than_distillation     the claim of the paper, against direct regression by the same loss: of models trained here

The features are principal components of the training images, 64 or fewer. Of fewer images than these need the distances
are told as they are, and the claim does not apply.
"""

from functools import partial

import numpy as np
import torch

from kdm.evaluation import PrincipalComponents, features_of, is_of_images
from kdm.verification.evidence import DIRECT, NO_TRAINING, Evidence
from kdm.verification.experiment import Experiment
from kdm.verification.losses import with_loss
from koopman_analysis.checks import better_than_distillation, distillation_not_applicable, distillation_ratios
from koopman_analysis.claims import Claim
from koopman_analysis.figures import draw_discrepancies, figure_of
from koopman_analysis.report import Entry, Report, Table, measured
from koopman_analysis.twosample import FrechetDistances, frechet_distances, most_groups

MODEL, FLOOR = "model", "second sample of the data"
ENOUGH = "The squared Fréchet distance of the two first moments, extrapolated to infinitely many samples"
FEW = "The squared Fréchet distance of the two first moments, of too few samples to be extrapolated to infinitely many"


def with_quality(report: Report, experiment: Experiment, evidence: Evidence, *, rng: np.random.Generator) -> Report:
    """Of images: the report with the claim of the module, and a picture and a table of Fréchet distances."""
    if not is_of_images(experiment.data):
        return report
    extractor = PrincipalComponents.of_training(experiment.data)
    clouds = {MODEL: evidence.samples, FLOOR: evidence.second, **evidence.rivals}
    features = {name: _described(extractor, cloud) for name, cloud in clouds.items()}
    reference = _described(extractor, evidence.reference)
    groups = most_groups(len(reference), *map(len, features.values()))
    found = frechet_distances(features, reference, groups=groups, rng=rng)
    claim = _claim(experiment, found, features, reference, rng=rng)
    plug_ins = found.plug_ins()
    distances, kind = (plug_ins, "Plug-in") if found.obstacle else (found.extrapolated(), "Fréchet distance")
    floor = distances[FLOOR]
    draw = partial(
        draw_discrepancies, coefficients=distances, tolerance=max(floor.high, floor.high - floor.estimate),
        label=f"{kind} F² (grey: as near as a second sample of the data)",
    )  # fmt: skip
    table = Table(
        title=f"One-step images and their rivals, by {extractor.name}",
        columns=("samples", f"{kind} [95 %]", f"plug-in, n = {len(reference):,}"),
        rows=[(name, measured(interval), f"{plug_ins[name].estimate:.4g}") for name, interval in distances.items()],
        note=(
            f"{FEW if found.obstacle else ENOUGH}; the plug-in is what others publish, too large in proportion to 1/n. "
            "Only distances by one extractor compare."
        ),
    )
    picture = partial(figure_of, draw, size=(6.4, 1.2 + 0.32 * len(distances)))
    return report.including(first=[Entry(claim=claim, figure="quality")], figures={"quality": picture}, tables=[table])


def _claim(
    experiment: Experiment, found: FrechetDistances, features: dict[str, np.ndarray], reference: np.ndarray, *,
    rng: np.random.Generator,
) -> Claim:  # fmt: skip
    if experiment.training is None:
        return distillation_not_applicable(NO_TRAINING)
    if found.obstacle:
        return distillation_not_applicable(found.obstacle)
    ratios = distillation_ratios(
        [features[MODEL]], [features[DIRECT]], reference, second=features[FLOOR],
        groups=len(found.jackknife.replicates), rng=rng,
    )  # fmt: skip
    return with_loss(better_than_distillation(ratios), experiment.training.config)


def _described(extractor: PrincipalComponents, cloud: np.ndarray) -> np.ndarray:
    return features_of(extractor, torch.from_numpy(cloud))
