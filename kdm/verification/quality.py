"""One-step images beside knowledge distillation and every other rival, by what features of them tell.

better_than_distillation     the claim of the paper, against direct regression by the same loss: of models trained here

The features are principal components of the training images, 64 or fewer.
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
from koopman_analysis.twosample import frechet_distances

MODEL, FLOOR = "model", "second sample of the data"


def with_quality(report: Report, experiment: Experiment, evidence: Evidence, *, rng: np.random.Generator) -> Report:
    """Of images: the report with the claim of the module, and a picture and a table of Fréchet distances."""
    if not is_of_images(experiment.data):
        return report
    extractor = PrincipalComponents.of_training(experiment.data)
    clouds = {MODEL: evidence.samples, FLOOR: evidence.second, **evidence.rivals}
    features = {name: _described(extractor, cloud) for name, cloud in clouds.items()}
    reference = _described(extractor, evidence.reference)
    claim = _claim(experiment, features, reference, rng=rng)
    found = frechet_distances(features, reference, rng=rng)
    distances, plug_ins = found.extrapolated(), found.plug_ins()
    floor = distances[FLOOR]
    draw = partial(
        draw_discrepancies, coefficients=distances, tolerance=max(floor.high, floor.high - floor.estimate),
        label="Fréchet distance F² (grey: as near as a second sample of the data)",
    )  # fmt: skip
    table = Table(
        title=f"One-step images and their rivals, by {extractor.name}",
        columns=("samples", "Fréchet distance [95 %]", f"plug-in, n = {len(reference):,}"),
        rows=[(name, measured(interval), f"{plug_ins[name].estimate:.4g}") for name, interval in distances.items()],
        note=(
            "The squared Fréchet distance of the two first moments, extrapolated to infinitely many samples; the "
            "plug-in is what others publish, too large in proportion to 1/n. Only distances by one extractor compare."
        ),
    )
    picture = partial(figure_of, draw, size=(6.4, 1.2 + 0.32 * len(distances)))
    return report.including(first=[Entry(claim=claim, figure="quality")], figures={"quality": picture}, tables=[table])


def _claim(
    experiment: Experiment, features: dict[str, np.ndarray], reference: np.ndarray, *, rng: np.random.Generator
) -> Claim:
    if experiment.training is None:
        return distillation_not_applicable(NO_TRAINING)
    ratios = distillation_ratios(
        [features[MODEL]], [features[DIRECT]], reference, second=features[FLOOR], rng=rng
    )  # fmt: skip
    return with_loss(better_than_distillation(ratios), experiment.training.config)


def _described(extractor: PrincipalComponents, cloud: np.ndarray) -> np.ndarray:
    return features_of(extractor, torch.from_numpy(cloud))
