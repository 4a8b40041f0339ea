"""Everything of the package that applies to a model and its data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from kdm.distances import require_values
from kdm.evaluation.classes import class_agreement, distances_to_points, empirical_of
from kdm.evaluation.distances import FEWEST, PLUG_IN, distribution, frechet_quantities, image_distribution
from kdm.evaluation.features import COMPONENTS, FeatureExtractor, OfRange, PrincipalComponents, features_of
from kdm.evaluation.paired import mean_interval, paired_quantities
from kdm.evaluation.reference import ReferenceStatistics
from kdm.evaluation.samples import FreshSamples, OneStepGenerator, fresh_samples, generated, is_of_images, rows
from kdm.shapes import Samples
from kdm.trajectories import Trajectories
from koopman_analysis.resampling import Interval

FEW = 10_000
"""Samples below which a Fréchet distance is told with a warning."""
SAMPLES_A_FEATURE = 2
"""Samples a feature from which a Fréchet distance is extrapolated, from a law and from another sample."""
MOST = 0.5
"""Share of the values of samples that may lie outside the range of an extractor without a note."""
SHARP = 2000
"""Samples whose nearest point is looked for, at most."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Measured quantities by name, each with its interval, the floors of those that have one, and on what.

    Attributes:
        quantities: Every quantity that applies.
        floor: The same quantity of a second sample of the data, where there is one.
        inputs: Digest of the data, seed, number of samples and of held-out pairs; JSON.
        notes: What the reader of the numbers must know.
    """

    quantities: dict[str, Interval]
    floor: dict[str, Interval]
    inputs: dict[str, Any]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The contents of `evaluation.json`."""
        values: dict[str, Any] = {name: interval.to_json() for name, interval in self.quantities.items()}
        floor = {name: interval.to_json() for name, interval in self.floor.items()}
        notes = {"notes": list(self.notes)} if self.notes else {}
        return values | {"floor": floor, "inputs": self.inputs} | notes


def evaluate(
    model: OneStepGenerator, data: Trajectories, *, count: int = 10_000, seed: int = 0,
    device: torch.device | None = None, features: FeatureExtractor | None = None,
    statistics: ReferenceStatistics | None = None,
) -> Evaluation:  # fmt: skip
    """Every quantity of the package that applies to these data.

    Args:
        model: The model; one that is told classes is given those of the pairs.
        data: The pairs, with what is known of their origin.
        count: Fresh samples to compare with as many of the data.
        seed: Of fresh noise and of the resampling.
        device: Where to compute.
        features: What images are compared by; principal components of the training images unless given.
        statistics: Moments of the same features of reference images, to compare with as well.

    Raises:
        ValueError: If there are too few samples, features or statistics are given for what is no image, the
            statistics are of other features, or the data are not in the range that the features know.
    """
    if count < FEWEST:
        raise ValueError(f"expected at least {FEWEST} samples to compare, got {count}")
    if (features or statistics) and not is_of_images(data):
        raise ValueError(f"expected images to compare by features, got states of shape {data.shape}: leave them out")
    if statistics is not None and features is None:
        raise ValueError(
            f"expected the extractor that '{statistics.file}' is of, --inception-weights FILE, got the statistics alone"
        )
    device = device or torch.device("cpu")
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    heldout = data.heldout()
    labels = None if heldout.labels is None else heldout.labels.to(device)
    predicted = generated(model, heldout.noise.to(device), labels).cpu()
    fresh = fresh_samples(data, count=count, generator=generator)
    told = heldout.labels if getattr(model, "classes", 0) else None
    if told is not None and fresh.labels is None:
        fresh = _of_stored_noise(fresh, data, count=count)
    asked = None if fresh.labels is None else fresh.labels.to(device)
    samples = generated(model, fresh.noise.to(device), asked).cpu()
    quantities = paired_quantities(data, heldout.data, predicted, rng=rng)
    agreement = class_agreement(data, heldout.data, predicted, asked=told, rng=rng)
    measured = _as_laws(
        samples, fresh, data, features=features, statistics=statistics, rng=rng, device=device
    )  # fmt: skip
    inputs = {"data": {"digest": data.manifest.digest}, "seed": seed, "samples": len(samples), "heldout": len(heldout)}
    return Evaluation(
        quantities={**quantities, **agreement.quantities, **measured.quantities},
        floor={**agreement.floor, **measured.floor},
        inputs=inputs | measured.inputs,
        notes=(*_of_how_many(len(heldout), data), *_of_which(fresh, count=count), *measured.notes),
    )


def _of_stored_noise(fresh: FreshSamples, data: Trajectories, *, count: int) -> FreshSamples:
    """Labels that were read off the data belong to stored noise; nobody knows those of fresh noise."""
    stored = data.heldout(count=min(count, len(fresh.reference)))
    some = slice(len(stored))
    return replace(
        fresh, noise=stored.noise, reference=fresh.reference[some], second=fresh.second[some], labels=stored.labels
    )


def _of_which(fresh: FreshSamples, *, count: int) -> tuple[str, ...]:
    """Notes where what is compared is not fresh, or less than was asked for."""
    seen = (
        "the law of the data is not known: samples are compared with training rows, which the model has seen, and "
        "the floor is of such rows, too"
    )
    n = len(fresh.noise)
    fewer = f"{n:,} samples are compared, not {count:,}: their noise is that of held-out pairs"
    least = f"two_sample_accuracy, precision and recall take {FEWEST} samples, and are left out"
    notes = ((seen, fresh.seen), (fewer, n < count), (least, n < FEWEST))
    return tuple(note for note, applies in notes if applies)


def _of_how_many(measured: int, data: Trajectories) -> tuple[str, ...]:
    """A note where not all held-out pairs were measured."""
    there = data.manifest.heldout
    return (f"paired numbers are of the first {measured:,} of {there:,} held-out pairs",) if measured < there else ()


def _as_laws(
    samples: Samples, fresh: FreshSamples, data: Trajectories, *, features: FeatureExtractor | None,
    statistics: ReferenceStatistics | None, rng: np.random.Generator, device: torch.device,
) -> Evaluation:  # fmt: skip
    """The part that pairs nothing: samples against the reference, and the second sample in their place."""
    clouds = (samples, fresh.reference, fresh.second)
    images = None
    if is_of_images(data):
        images = _ByFeatures.of(clouds, data, features, device=device)
        images.require_comparable(statistics)
    flat = [rows(cloud) for cloud in clouds] if images is None or samples[0].numel() <= COMPONENTS else images.features
    quantities, floor = (distribution(flat[which], flat[1], rng=rng) for which in (0, 2))
    support, points = data.support, empirical_of(data.teacher)
    if support is not None:
        quantities["off_support_fraction"] = mean_interval(~support.contains(samples).numpy(), rng=rng)
        floor["off_support_fraction"] = mean_interval(~support.contains(fresh.reference).numpy(), rng=rng)
    if points is not None:
        for values, cloud in ((quantities, samples), (floor, fresh.second)):
            distances = distances_to_points(cloud[:SHARP], points.points)
            values["sharpness"] = mean_interval(distances, rng=rng)
    if images is None:
        return Evaluation(quantities=quantities, floor=floor, inputs={})
    for values, which in ((quantities, 0), (floor, 2)):
        values |= images.quantities(which, statistics, rng=rng)
    return Evaluation(
        quantities=quantities,
        floor=floor,
        inputs=images.inputs(statistics),
        notes=images.notes(statistics, told=quantities),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _ByFeatures:
    """Images described by an extractor: the model's, the reference, and the second sample.

    Attributes:
        extractor: Its name.
        features: Those of each.
        outside: The share of the model's values that lie outside the range that the extractor knows.
    """

    extractor: str
    features: list[np.ndarray]
    outside: float

    @classmethod
    def of(
        cls, clouds: tuple[Samples, Samples, Samples], data: Trajectories, extractor: FeatureExtractor | None, *,
        device: torch.device,
    ) -> "_ByFeatures":  # fmt: skip
        chosen, outside = PrincipalComponents.of_training(data) if extractor is None else extractor, 0.0
        if isinstance(chosen, OfRange):
            low, high = chosen.low, chosen.high
            advice = f"{chosen.name} sees values beyond as the nearest, scale the data or leave it out"
            for cloud in clouds[1:]:
                require_values(cloud, low=low, high=high, advice=advice)
            outside = float(((clouds[0] < low) | (clouds[0] > high)).double().mean())
        described = [features_of(chosen, cloud.to(device)) for cloud in clouds]
        return cls(extractor=chosen.name, features=described, outside=outside)

    def require_comparable(self, statistics: ReferenceStatistics | None) -> None:
        width = self.features[0].shape[1]
        if statistics is not None and len(statistics.moments.mean) != width:
            raise ValueError(
                f"expected moments of {self.extractor}, got {len(statistics.moments.mean)} in '{statistics.file}' for "
                f"{width} features: they are of another extractor"
            )

    def quantities(
        self, which: int, statistics: ReferenceStatistics | None, *, rng: np.random.Generator
    ) -> dict[str, Interval]:
        x, reference = self.features[which], self.features[1]
        found = image_distribution(x, reference, rng=rng)
        if statistics is not None:
            found |= frechet_quantities("frechet_distance_to_statistics", x, statistics.moments, rng=rng)
        return found

    def inputs(self, statistics: ReferenceStatistics | None) -> dict[str, Any]:
        named = {} if statistics is None else {"statistics": statistics.to_json()}
        return {"features": {"extractor": self.extractor, "width": self.features[0].shape[1]}} | named

    def notes(self, statistics: ReferenceStatistics | None, *, told: Mapping[str, Interval]) -> tuple[str, ...]:
        found, (n, width) = [], self.features[0].shape
        alone = [name for name in told if name.endswith(PLUG_IN) and name.removesuffix(PLUG_IN) not in told]
        if alone:
            found.append(
                f"{' and '.join(alone)}: not extrapolated, for {n:,} samples are too few for {width:,} features; a "
                f"plug-in depends on n, {SAMPLES_A_FEATURE} samples a feature are enough"
            )
        if n < FEW:
            found.append(
                f"Fréchet distances are of {n:,} samples, fewer than {FEW:,}: the plug-in is far above that of the "
                f"50,000 of the literature{'' if alone else ', and the extrapolated one uncertain'}"
            )
        if self.outside > MOST:
            found.append(
                f"{self.outside:.0%} of the values of the model's samples lie outside the range that the extractor "
                "knows, and are seen as its nearer end: its quantities hide how far"
            )
        if statistics is not None and not statistics.moments.n:
            found.append(f"'{statistics.file}' does not say of how many images it is: its own bias is unknown")
        return tuple(found)
