"""Lengths, jumps, departures and detours of paths, way by way: equations (6) to (9) of the room."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from sklearn.neighbors import NearestNeighbors

from koopman_analysis.interpolation.paths import Paths
from koopman_analysis.resampling import Bootstrap, Interval, ratio_bootstrap
from koopman_analysis.shapes import Float, Int, Labels


@dataclass(frozen=True, kw_only=True, eq=False)
class InterpolationStudy:
    """How each way from end to end behaves, all on the same resamples of pairs.

    Attributes:
        ways: The names of the ways, in the order of the columns.
        shares: The shares of the way at which the paths were looked at.
        length: Equation (6).
        jump: Equation (7).
        departure: Equation (8), the mean over what lies between the ends.
        along: Equation (8) at each share, ends included, for each way.
        detour: Equation (9); None where nobody says what the data points are.
        excess: For each pair and way, o between the ends minus the mean of o at the path's two ends, over ō.
        ends: For each pair and way, the mean of o at the path's two ends, over ō.
        apart: For each pair and way, the distance of the path's two ends.
    """

    ways: tuple[str, ...]
    shares: Float[np.ndarray, " s"]
    length: Bootstrap
    jump: Bootstrap
    departure: Bootstrap
    along: Mapping[str, tuple[Interval, ...]]
    detour: Bootstrap | None
    excess: Float[np.ndarray, "n ways"]
    ends: Float[np.ndarray, "n ways"]
    apart: Float[np.ndarray, "n ways"]

    def by_way(self, measured: Bootstrap) -> dict[str, Interval]:
        """One of the quantities of each way, with its interval."""
        return dict(zip(self.ways, measured.intervals(), strict=True))

    def differences(self, measured: Bootstrap, *, to: str) -> dict[str, Interval]:
        """A quantity of every other way minus that of one, with simultaneous intervals."""
        others = [way for way in self.ways if way != to]
        found = measured.differences([(self.ways.index(way), self.ways.index(to)) for way in others])
        return dict(zip(others, found.simultaneous(), strict=True))


def interpolation_study(
    ways: Mapping[str, np.ndarray],
    *,
    shares: Float[np.ndarray, " s"],
    real: Float[np.ndarray, "_ _"],
    fresh: Float[np.ndarray, "_ _"],
    real_labels: Int[np.ndarray, " _"] | None = None,
    end_labels: tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]] | None = None,
    resamples: int = 499,
    rng: np.random.Generator,
) -> InterpolationStudy:
    """Measures paths between the same pairs of objects, way by way.

    Args:
        ways: The paths of each way, by name; pair by pair between the same two objects, each in one pair only.
        shares: The shares of the way, from 0 to 1.
        real: The data points that o of equation (8) looks among.
        fresh: Other data points, whose mean o is the unit of departures.
        real_labels: What each of the real data points is, from outside the model; with `end_labels`, for detours.
        end_labels: What the two ends of each pair are.
        resamples: Resamples of pairs.
        rng: Draws the resamples.

    Raises:
        ValueError: If ways, shares or data points do not fit or are not finite, there is nothing between the ends, ends
            coincide, the other data points are among those looked among, or labels do not fit.
    """
    _require_paths(ways, shares)
    _require_points(ways, real, fresh)
    _require_labels(next(iter(ways.values())), real, real_labels, end_labels)
    tree = NearestNeighbors(n_neighbors=1).fit(real)
    unit = float(tree.kneighbors(fresh)[0].mean())
    if unit == 0.0:
        raise ValueError("expected other data points than those looked among, got no fresh point apart from them")
    looked_up = [_nearest(tree, paths) for paths in ways.values()]
    departures = np.stack([distance for distance, _ in looked_up], axis=2) / unit
    steps = np.stack([np.linalg.norm(np.diff(paths, axis=1), axis=2) for paths in ways.values()], axis=2)
    apart = np.stack([np.linalg.norm(paths[:, -1] - paths[:, 0], axis=1) for paths in ways.values()], axis=1)
    if float(apart.sum(axis=0).min()) == 0.0:
        raise ValueError("expected ends that lie apart, got a way whose ends are all the same point")
    between = departures[:, 1:-1].mean(axis=1)
    columns = [steps.sum(axis=1), steps.max(axis=1), between, departures.reshape(len(apart), -1)]
    once = np.ones_like(apart)
    below = [apart, apart, once, np.ones_like(columns[-1])]
    if real_labels is not None and end_labels is not None:
        strange = [_strange(real_labels[index], *end_labels) for _, index in looked_up]
        columns.append(np.stack(strange, axis=1))
        below.append(once)
    measured = ratio_bootstrap(
        np.concatenate(columns, axis=1), np.concatenate(below, axis=1), resamples=resamples, rng=rng
    )  # fmt: skip
    ends = 0.5 * (departures[:, 0] + departures[:, -1])
    return _study(tuple(ways), shares, measured, {"excess": between - ends, "ends": ends, "apart": apart})


def _study(
    ways: tuple[str, ...], shares: np.ndarray, measured: Bootstrap, by_pair: Mapping[str, np.ndarray]
) -> InterpolationStudy:
    """The columns by name: three quantities of each way, departures along it, and detours where there are any."""
    k, steps = len(ways), len(shares)

    def columns(first: int, count: int) -> Bootstrap:
        kept = slice(first, first + count)
        return replace(measured, estimate=measured.estimate[kept], replicates=measured.replicates[:, kept])

    along = columns(3 * k, steps * k).intervals()
    detours = (3 + steps) * k
    return InterpolationStudy(
        ways=ways, shares=shares, length=columns(0, k), jump=columns(k, k), departure=columns(2 * k, k),
        along={way: along[place::k] for place, way in enumerate(ways)},
        detour=columns(detours, k) if len(measured.estimate) > detours else None,
        **by_pair,
    )  # fmt: skip


def _nearest(tree: NearestNeighbors, paths: Paths) -> tuple[Float[np.ndarray, "n s"], np.ndarray]:
    """The distance of every state of every path to the nearest real data point, and which that is."""
    n, steps, d = paths.shape
    distance, index = tree.kneighbors(paths.reshape(n * steps, d))
    return distance.reshape(n, steps), index.reshape(n, steps)


def _strange(labels: np.ndarray, start: Labels, end: Labels) -> Float[np.ndarray, " n"]:
    """The share of each path, its ends left out, that bears the label of neither end."""
    between = labels[:, 1:-1]
    return ((between != start[:, None]) & (between != end[:, None])).mean(axis=1)


def _require_paths(ways: Mapping[str, np.ndarray], shares: np.ndarray) -> None:
    shapes = {name: paths.shape for name, paths in ways.items()}
    if len(set(shapes.values())) != 1:
        raise ValueError(f"expected paths of one shape (pairs, shares, features) for each way, got {shapes or 'none'}")
    shape = next(iter(shapes.values()))
    if len(shape) != 3:
        raise ValueError(f"expected paths of shape (pairs, shares, features), got {shape}: one feature is an axis too")
    n, steps, _ = shape
    if n < 2 or steps < 3 or steps != len(shares):
        raise ValueError(
            f"expected two or more pairs, and paths at each of {len(shares)} shares, three or more, got {n} pairs and "
            f"{steps} states"
        )
    if shares[0] != 0.0 or shares[-1] != 1.0 or not np.all(np.diff(shares) > 0):
        raise ValueError(f"expected rising shares from 0 to 1, got {shares}")


def _require_points(ways: Mapping[str, np.ndarray], real: np.ndarray, fresh: np.ndarray) -> None:
    width = next(iter(ways.values())).shape[2]
    for name, points in {**ways, "real": real, "fresh": fresh}.items():
        if points.shape[-1] != width or not points.size:
            raise ValueError(f"expected data points of {width} features, at least one, got {name!r} of {points.shape}")
        if not np.isfinite(points).all():
            raise ValueError(f"expected finite paths and data points, got NaN or ∞ in {name!r}")


def _require_labels(
    paths: np.ndarray, real: np.ndarray, real_labels: np.ndarray | None, end_labels: tuple[Labels, Labels] | None
) -> None:
    if (real_labels is None) != (end_labels is None):
        raise ValueError("expected labels of the real data points and of the ends together, or neither, got one")
    if real_labels is None or end_labels is None:
        return
    found = [len(real_labels), *(len(labels) for labels in end_labels)]
    expected = [len(real), len(paths), len(paths)]
    if found != expected:
        raise ValueError(
            f"expected a label for each real data point, start and end, {expected} of them, got {found} labels"
        )
