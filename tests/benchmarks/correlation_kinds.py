"""The small worlds in which statistics of objects are calibrated, and what is true of them.

**Independent objects.** x normal in three dimensions, y with tails of power three in two, labels by chance.

**Conditionally independent.** Two random encoders tanh(x W) V of one noise: given x they know nothing of each other.

**Normal pairs.** (x, y) normal with correlation ρ. Then u = x − x' and v = y − y' are normal with correlation ρ, and in
the population

    Pearson of (|u|, |v|)     [ (2/π)(√(1−ρ²) + ρ asin ρ) − 2/π ] / (1 − 2/π)                               (1)
    Spearman of (|u|, |v|)    12 E F(|u|) F(|v|) − 3,  F(|u|) = erf(|u|/√2), by quadrature                     (2)
    distance correlation      (2) of `koopman_analysis.similarity.distance_correlation`                         (3)
    linear CKA                ρ²                                                                              (4)

**Three classes.** Points in the plane around three centres a distance s apart, with unit noise. Squared distances
within a class are 2χ²₂, between classes 2χ²₂(s²/2), so that

    AUROC of "same class"     1 − ½ exp(−s²/8).                                                              (5)

The agreement of k neighbours depends on the number of objects; its truth is its mean over new samples of that number.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import scipy.special

from koopman_analysis.correlation import PairPearson, PairSpearman, mantel
from koopman_analysis.correlation.partial import partial_mantel_uncorrected_p_value
from koopman_analysis.resampling import Bootstrap, Interval, object_bootstrap
from koopman_analysis.similarity import (
    DebiasedCKA,
    DistanceCorrelation,
    LabelAgreement,
    NeighbourAgreement,
    Relabelled,
    SameClassAuroc,
    euclidean_distances,
    neighbour_agreement,
    relabelled_distances,
    relabelled_labels,
)

Simulated = dict[str, float]
"""What one simulation found: p-values, or the ends of intervals, by name."""
FEW, OBJECTS, CLASSES, NEIGHBOURS = 40, 300, 3, 10
PERMUTATIONS, RESAMPLES = 99, 199
RHO = 0.6
APART = {"latent": 2.5, "control 1": 2.0, "control 2": 1.5}
DEPENDENCE = {"Pearson": PairPearson(), "distance correlation": DistanceCorrelation(), "debiased CKA": DebiasedCKA()}
AGREEMENT: dict[str, LabelAgreement] = {
    "AUROC": SameClassAuroc(),
    "neighbours": NeighbourAgreement(neighbours=NEIGHBOURS),
}


@dataclass(frozen=True, kw_only=True)
class World:
    """A small world.

    Attributes:
        name: What the files of its simulations are called.
        simulated: One simulation.
        simulations: How many there are.
    """

    name: str
    simulated: Callable[[np.random.Generator], Simulated]
    simulations: int = 2000


def independent_objects(rng: np.random.Generator) -> Simulated:
    """P-values where there is nothing to find, and those with ties broken at random."""
    x, y = rng.standard_normal((FEW, 3)), rng.standard_t(3, (FEW, 2))
    labels = rng.integers(CLASSES, size=FEW)
    a, b = euclidean_distances(x), euclidean_distances(y)
    p = {"Mantel": mantel(a, b, PERMUTATIONS, rng=rng).p_value}
    found = {
        "distance correlation": relabelled_distances(DistanceCorrelation(), a, b, permutations=PERMUTATIONS, rng=rng),
        "AUROC": relabelled_labels(SameClassAuroc(), a, labels, permutations=PERMUTATIONS, rng=rng),
        "neighbours": relabelled_labels(
            NeighbourAgreement(neighbours=5), a, labels, permutations=PERMUTATIONS, rng=rng
        ),
    }
    for name, relabelled in found.items():
        p |= {name: relabelled.p_value, f"{name}, ties broken": _with_ties_broken(relabelled, rng)}
    return p


def _with_ties_broken(relabelled: Relabelled, rng: np.random.Generator) -> float:
    above = np.count_nonzero(relabelled.relabelled > relabelled.statistic + 1e-12)
    ties = round(relabelled.p_value * (PERMUTATIONS + 1)) - 1 - above
    return float(1 + above + rng.integers(ties + 1)) / (PERMUTATIONS + 1)


def conditionally_independent(rng: np.random.Generator) -> Simulated:
    """P-values of two random encoders of one noise, given the noise."""
    noise = rng.standard_normal((FEW, 4))
    given = euclidean_distances(noise)
    one, other = (euclidean_distances(random_encoding(noise, rng)) for _ in range(2))
    p = partial_mantel_uncorrected_p_value(one, other, [given], PERMUTATIONS, rng=rng)
    return {"partial Mantel, uncorrected": p, "Mantel": mantel(one, other, PERMUTATIONS, rng=rng).p_value}


def random_encoding(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """tanh(x W) V with independent normal weights."""
    hidden = np.tanh(noise @ rng.standard_normal((noise.shape[1], 16)))
    return hidden @ rng.standard_normal((16, 4)) / 4.0


def normal_points(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The distances of normal pairs of correlation ρ."""
    x = rng.standard_normal((count, 1))
    y = RHO * x + math.sqrt(1 - RHO**2) * rng.standard_normal((count, 1))
    return euclidean_distances(x), euclidean_distances(y)


def normal_pairs(rng: np.random.Generator) -> Simulated:
    """Intervals of Pearson's correlation over pairs, the first also by pairs, of distance correlation and of CKA."""
    a, b = normal_points(OBJECTS, rng)
    statistics = [statistic.weighted(a, b) for statistic in DEPENDENCE.values()]
    bootstrap = _bootstrap(statistics, rng)
    pairs, r = OBJECTS * (OBJECTS - 1) / 2, math.atanh(bootstrap.estimate[0])
    width = 1.96 / math.sqrt(pairs - 3)
    ends = {"Pearson, pairs as if independent": (math.tanh(r - width), math.tanh(r + width))}
    return _ends(dict(zip(DEPENDENCE, bootstrap.intervals(), strict=True))) | _told(ends)


def normal_ranks(rng: np.random.Generator) -> Simulated:
    """The interval of Spearman's correlation over pairs."""
    statistic = PairSpearman().weighted(*normal_points(OBJECTS, rng))
    return _ends({"Spearman": _bootstrap([statistic], rng).intervals()[0]})


def class_points(apart: float, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points of three classes in the plane, the centres this far apart."""
    angle = 2 * np.pi * labels / CLASSES
    centres = apart / math.sqrt(3) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return centres + rng.standard_normal((len(labels), 2))


def new_classes(rng: np.random.Generator) -> Simulated:
    """The agreement of neighbours in each representation of new objects."""
    labels = rng.integers(CLASSES, size=OBJECTS)
    return {
        name: float(
            neighbour_agreement(
                euclidean_distances(class_points(apart, labels, rng)), labels, neighbours=NEIGHBOURS
            ).mean()
        )
        for name, apart in APART.items()
    }  # fmt: skip


def neighbours_of_classes(rng: np.random.Generator) -> Simulated:
    """Intervals of the agreement of neighbours: ours, and of the shares as if they were independent."""
    found = _against_controls(AGREEMENT["neighbours"], "neighbours", rng)
    labels = rng.integers(CLASSES, size=OBJECTS)
    shares = neighbour_agreement(
        euclidean_distances(class_points(APART["latent"], labels, rng)), labels, neighbours=NEIGHBOURS
    )
    width = 1.96 * shares.std() / math.sqrt(OBJECTS)
    return found | _told({"neighbours, shares as if independent": (shares.mean() - width, shares.mean() + width)})


def ranks_of_classes(rng: np.random.Generator) -> Simulated:
    """Intervals of the AUROC of same class and of its differences to controls."""
    return _against_controls(AGREEMENT["AUROC"], "AUROC", rng)


def pairs_as_if_independent(rng: np.random.Generator) -> Simulated:
    """The interval of the AUROC by Hanley & McNeil 1982, which counts pairs."""
    labels = rng.integers(CLASSES, size=OBJECTS)
    distances = euclidean_distances(class_points(APART["latent"], labels, rng))
    once = np.ones(OBJECTS, dtype=np.int64)
    auroc = SameClassAuroc().weighted(distances, labels)(once)
    counts = np.bincount(labels)
    same = float((counts * (counts - 1) / 2).sum())
    different = OBJECTS * (OBJECTS - 1) / 2 - same
    spread = (
        auroc * (1 - auroc)
        + (same - 1) * (auroc / (2 - auroc) - auroc**2)
        + (different - 1) * (2 * auroc**2 / (1 + auroc) - auroc**2)
    )
    width = 1.96 * math.sqrt(spread / (same * different))
    return _told({"AUROC, pairs as if independent": (auroc - width, auroc + width)})


def copies_as_neighbours(rng: np.random.Generator) -> Simulated:
    """1-NN agreement on random labels where copies may be neighbours, and where they may not."""
    labels = rng.integers(10, size=OBJECTS)
    distances = euclidean_distances(rng.standard_normal((OBJECTS, 5)))
    drawn = rng.integers(OBJECTS, size=OBJECTS)
    naive = neighbour_agreement(distances[np.ix_(drawn, drawn)], labels[drawn], neighbours=1).mean()
    ours = NeighbourAgreement(neighbours=1).weighted(distances, labels)(np.bincount(drawn, minlength=OBJECTS))
    return {"naive": float(naive), "copies never paired": ours}


def _against_controls(statistic: LabelAgreement, name: str, rng: np.random.Generator) -> Simulated:
    labels = rng.integers(CLASSES, size=OBJECTS)
    values = [
        statistic.weighted(euclidean_distances(class_points(apart, labels, rng)), labels) for apart in APART.values()
    ]
    bootstrap = _bootstrap(values, rng)
    differences = bootstrap.contrasts(np.array([[1.0, -1.0, 0.0], [1.0, 0.0, -1.0]])).simultaneous()
    ends = {name: bootstrap.intervals()[0]}
    ends |= {f"{name}, latent − control {i}": interval for i, interval in enumerate(differences, start=1)}
    return _ends(ends)


def _bootstrap(statistics: Iterable[Callable[[np.ndarray], float]], rng: np.random.Generator) -> Bootstrap:
    every = tuple(statistics)
    return object_bootstrap(lambda n: [each(n) for each in every], OBJECTS, resamples=RESAMPLES, rng=rng)


def _ends(intervals: dict[str, Interval]) -> Simulated:
    return _told({name: (interval.low, interval.high) for name, interval in intervals.items()})


def _told(ends: dict[str, tuple[float, float]]) -> Simulated:
    return {
        f"{name}: {end}": float(value) for name, both in ends.items() for end, value in zip(ENDS, both, strict=True)
    }


ENDS = ("low", "high")


def normal_truths() -> dict[str, float]:
    """Equations (1) to (4)."""
    r = RHO
    root = math.sqrt(1 - r**2)
    distance = r * math.asin(r) + root - r * math.asin(r / 2) - math.sqrt(4 - r**2) + 1
    return {
        "Pearson": 2 / math.pi * (root + r * math.asin(r) - 1) / (1 - 2 / math.pi),
        "Spearman": 12 * _mean_of_ranks(r) - 3,
        "distance correlation": distance / (1 + math.pi / 3 - math.sqrt(3)),
        "debiased CKA": r**2,
    }


def _mean_of_ranks(rho: float) -> float:
    """E F(|u|) F(|v|), by Gauss and Legendre on a quadrant, of which two are alike."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    u, w = 4.5 * (nodes + 1), 4.5 * weights
    F = scipy.special.erf(u / math.sqrt(2)) * w
    total = 0.0
    for r in (rho, -rho):
        square = (u[:, None] ** 2 - 2 * r * np.multiply.outer(u, u) + u**2) / (2 * (1 - r**2))
        total += 2 * float(F @ np.exp(-square) @ F) / (2 * math.pi * math.sqrt(1 - r**2))
    return total


def class_truth(apart: float) -> float:
    """Equation (5)."""
    return 1 - math.exp(-(apart**2) / 8) / 2


WORLDS = (
    World(name="independent objects", simulated=independent_objects),
    World(name="conditionally independent", simulated=conditionally_independent),
    World(name="normal pairs", simulated=normal_pairs, simulations=1000),
    World(name="normal ranks", simulated=normal_ranks, simulations=1000),
    World(name="new classes", simulated=new_classes, simulations=2500),
    World(name="neighbours of classes", simulated=neighbours_of_classes),
    World(name="ranks of classes", simulated=ranks_of_classes, simulations=600),
    World(name="pairs as if independent", simulated=pairs_as_if_independent),
    World(name="copies as neighbours", simulated=copies_as_neighbours, simulations=500),
)
