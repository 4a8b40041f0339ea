"""How often statistics of objects are significant where nothing is, and how often their intervals hold the truth.

The worlds are those of `correlation_kinds`. Where objects are independent, p-values of B relabellings have

    P( p ≤ k/(B + 1) ) = k/(B + 1),     k = 1, …, B + 1,                                                     (1)

where no values tie, and less on the left where some do; so those with ties broken at random are uniform again. The
distance to (1) is Kolmogorov and Smirnov's, whose p-value for a continuous law is too large on a grid, never too small.
Rates and coverage are told with their intervals of Clopper and Pearson.

Simulations run in blocks, each of which is a file: what was interrupted goes on where it was. The files lie in a folder
named after the sources that they measure.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import scipy.stats

import koopman_analysis
from kdm.storage import write_json
from koopman_analysis.claims import Side
from koopman_analysis.resampling import Interval

from . import correlation_kinds
from .calibration import rate
from .correlation_kinds import (
    APART,
    ENDS,
    FEW,
    OBJECTS,
    PERMUTATIONS,
    RESAMPLES,
    WORLDS,
    World,
    class_truth,
    normal_truths,
)
from .experiments import Profile
from .page import Goal, Page, Row, Table

BLOCK = 50
LEVEL = 0.05
MEASURED = ("similarity", "correlation", "resampling.py")
NULL = {"test": "", "simulations": "d", "rejected at 5 %": ".1%", "distance to uniform": ".3f", "p of it": ".3f"}
COVERAGE = {
    "interval": "", "simulations": "d", "truth": ".4f", "covered": ".1%", "below": ".1%", "above": ".1%",
    "width": ".3f",
}  # fmt: skip
NAIVE = ("Pearson, pairs as if independent", "AUROC, pairs as if independent", "neighbours, shares as if independent")
CALIBRATED = (
    "Pearson", "Spearman", "distance correlation", "debiased CKA", "AUROC", "neighbours", "AUROC, both differences",
    "neighbours, both differences",
)  # fmt: skip
Columns = Mapping[str, np.ndarray]


def simulated(world: World, seeds: range) -> Columns:
    """What the simulations of these seeds found, by name."""
    rows = [world.simulated(np.random.default_rng([seed, *world.name.encode()])) for seed in seeds]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def everything(work: Path, count: int | None = None) -> dict[str, Columns]:
    """The simulations of each world; blocks in the folder are read."""
    folder = work / "calibration_of_correlations" / _fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    return {world.name: _in_blocks(folder, world, count or world.simulations) for world in WORLDS}


def _in_blocks(folder: Path, world: World, count: int) -> Columns:
    parts = []
    for start in range(0, count, BLOCK):
        seeds = range(start, min(start + BLOCK, count))
        path = folder / f"{world.name.replace(' ', '_')}-{seeds.start}-{seeds.stop}.json"
        if not path.exists():
            write_json(path, {name: values.tolist() for name, values in simulated(world, seeds).items()})
        parts.append(json.loads(path.read_text()))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _fingerprint() -> str:
    root = Path(koopman_analysis.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for part in MEASURED for path in (root / part, *(root / part).rglob("*.py"))):
        if path.is_file():
            digest.update(path.read_bytes())
    digest.update(Path(correlation_kinds.__file__).read_bytes())
    return digest.hexdigest()[:16]


def rejected(p_values: np.ndarray) -> Interval:
    """How often p-values are at most 5 %."""
    return rate(int(np.count_nonzero(p_values <= LEVEL + 1e-9)), len(p_values))


def distance_to_uniform(p_values: np.ndarray, permutations: int = PERMUTATIONS) -> tuple[float, float]:
    """The largest distance to equation (1), and its p-value."""
    grid = np.arange(1, permutations + 2) / (permutations + 1)
    shares = np.searchsorted(np.sort(p_values), grid + 1e-9, side="left") / len(p_values)
    distance = float(np.abs(shares - grid).max())
    return distance, float(scipy.stats.kstwo.sf(distance, len(p_values)))


def null_rows(world: Columns) -> list[Row]:
    """A row for each test; of those with ties the distance to uniform is that of the p-values whose ties are broken."""
    rows: list[Row] = []
    for name in (name for name in world if not name.endswith("ties broken")):
        distance, p_value = distance_to_uniform(world.get(f"{name}, ties broken", world[name]))
        rows.append(
            {"test": name, "simulations": len(world[name]), "rejected at 5 %": rejected(world[name]),
             "distance to uniform": distance, "p of it": p_value}
        )  # fmt: skip
    return rows


def truths(new_classes: Columns) -> dict[str, float]:
    """What each interval should hold: closed forms, and for neighbours the mean over new samples."""
    auroc = {name: class_truth(apart) for name, apart in APART.items()}
    neighbours = {name: float(values.mean()) for name, values in new_classes.items()}
    truth = normal_truths()
    for statistic, its in {"AUROC": auroc, "neighbours": neighbours}.items():
        truth[statistic] = its["latent"]
        for control in (1, 2):
            truth[f"{statistic}, latent − control {control}"] = its["latent"] - its[f"control {control}"]
    for naive in NAIVE:
        truth[naive] = truth[naive.partition(",")[0]]
    return truth


def coverage_rows(worlds: Mapping[str, Columns]) -> list[Row]:
    """A row for each interval, then one for each pair of simultaneous ones."""
    truth = truths(worlds["new classes"])
    rows: list[Row] = []
    for columns in worlds.values():
        names = [name.removesuffix(": low") for name in columns if name.endswith(": low")]
        rows += [_coverage_row(name, columns, truth[name]) for name in names]
        for statistic in sorted({name.partition(",")[0] for name in names if "latent −" in name}):
            misses = [_misses(f"{statistic}, latent − control {i}", columns, truth) for i in (1, 2)]
            held = ~np.any(misses, axis=(0, 1))
            rows.append(
                {"interval": f"{statistic}, both differences", "simulations": len(held),
                 "covered": rate(int(held.sum()), len(held))}
            )  # fmt: skip
    return rows


def _misses(name: str, columns: Columns, truth: Mapping[str, float]) -> np.ndarray:
    low, high = (columns[f"{name}: {end}"] for end in ENDS)
    return np.stack([high < truth[name], low > truth[name]])


def _coverage_row(name: str, columns: Columns, truth: float) -> Row:
    below, above = _misses(name, columns, {name: truth})
    low, high = (columns[f"{name}: {end}"] for end in ENDS)
    return {
        "interval": name,
        "simulations": len(low),
        "truth": truth,
        "covered": rate(int(np.count_nonzero(~(below | above))), len(low)),
        "below": float(below.mean()),
        "above": float(above.mean()),
        "width": float((high - low).mean()),
    }


def measured(profile: Profile) -> Page:
    """All worlds, one after another."""
    worlds = everything(profile.work, 4 if profile.fast else None)
    null, conditional = null_rows(worlds["independent objects"]), null_rows(worlds["conditionally independent"])
    coverage = coverage_rows(worlds)
    copies = worlds["copies as neighbours"]
    error = max(values.std() / np.sqrt(len(values)) for values in worlds["new classes"].values())
    return Page(
        title="Calibration of correlations and their controls",
        about=f"P-values of {PERMUTATIONS} relabellings of {FEW} objects; intervals of {RESAMPLES} object resamples of "
        f"{OBJECTS} objects. Below and above are the samples whose interval lies there, of the truth. "
        "The null hypothesis is independent objects; ties are broken at random where the distance to the uniform law "
        "is told.",
        tables=[
            Table(columns=NULL, rows=null),
            Table(columns={**NULL, "test": "", "simulations": "d"}, rows=conditional),
            Table(columns=COVERAGE, rows=coverage),
            Table(columns={"1-NN agreement on random labels (.1)": "", "mean": ".3f"}, rows=list(_copies(copies))),
        ],
        goals=goals(null, conditional, coverage),
        notes=(
            f"The truth for neighbours is the mean over {len(worlds['new classes']['latent']):,} new samples of "
            f"{OBJECTS} objects, its standard error at most {error:.4f}; all other truths are closed forms.",
            "The second table is a negative control: two random encoders of one noise, given the noise, know nothing "
            "of each other, and the p-value of the partial Mantel test rejects them all the same. (That of the plain "
            "test rejects, rightly: they are not independent.)",
            "Intervals that take pairs for independent, or the shares of neighbours, are negative controls as well.",
            "What is simulated less than 2,000 times costs a quarter of a second each time.",
        ),
    )


def _copies(copies: Columns) -> Iterator[Row]:
    for name, values in copies.items():
        yield {"1-NN agreement on random labels (.1)": name, "mean": float(values.mean())}


def goals(null: list[Row], conditional: list[Row], coverage: list[Row]) -> list[Goal]:
    """What calibrated means, and that the negative controls fail."""
    held = {str(row["interval"]): _estimate(row["covered"]) for row in coverage}
    sizes = [_interval(row["rejected at 5 %"]) for row in null]
    partial = next(_interval(row["rejected at 5 %"]) for row in conditional if "partial" in str(row["test"]))
    ours, naive = [held[name] for name in CALIBRATED], [held[name] for name in NAIVE]
    distances = [float(str(row["p of it"])) for row in null]
    return [
        Goal(
            quantity="rejected of independent objects, largest lower end",
            measured=max(size.low for size in sizes), side=Side.AT_MOST, bound=LEVEL,
        ),
        Goal(quantity="p of the distance to uniform, least", measured=min(distances), side=Side.AT_LEAST, bound=0.01),
        Goal(
            quantity="rejected by the partial Mantel test, lower end", measured=partial.low, side=Side.AT_LEAST,
            bound=0.2,
        ),
        Goal(quantity="coverage, least", measured=min(ours), side=Side.AT_LEAST, bound=0.93),
        Goal(quantity="coverage, largest", measured=max(ours), side=Side.AT_MOST, bound=0.97),
        Goal(quantity="coverage of the naive intervals, largest", measured=max(naive), side=Side.AT_MOST, bound=0.85),
    ]  # fmt: skip


def _interval(cell: object) -> Interval:
    assert isinstance(cell, Interval)
    return cell


def _estimate(cell: object) -> float:
    return _interval(cell).estimate
