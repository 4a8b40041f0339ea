"""The same fit on NumPy arrays, on PyTorch tensors of the CPU, and on a GPU where there is one: time, and agreement.

Lifting and products run where the states are; the small dense solution, and every triangular factor, on the host. K
itself is free to rounding in directions in which the features do not vary; what it says of the features is not. With
ridge ρ and m functions, rounding of the normal equations, whose condition number is at most m / ρ, moves that by

    ‖Ψ(x) ΔK‖ / ‖Ψ(x) K‖  ≲  ε m / ρ.                                                                         (1)
"""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from koopman_analysis import EDMD, FactorMoments, GramMoments, RandomFourier, SnapshotPairs
from koopman_analysis.claims import Side
from koopman_analysis.shapes import Array
from koopman_analysis.systems import OrnsteinUhlenbeck

from .experiments import Profile
from .page import Goal, Page, Row, Table, number

SYSTEM = OrnsteinUhlenbeck(integrated_rates=(0.4, 0.7))
RIDGE = 1e-6
FEW = 1_000
"""States of which predictions are compared."""
DIFFERENCE = "difference of Ψ(x) K"
COLUMNS = {"moments": "", "states": "", "wall s": ".3f", "NumPy / this": ".2f", DIFFERENCE: ".1e"}
Place = Callable[[np.ndarray], Array]


def measured(profile: Profile) -> Page:
    """Every place in turns."""
    count, functions, rounds = profile.count(100_000, fast=2_000), profile.count(300, fast=20), profile.count(5, fast=1)
    bound = float(np.finfo(np.float64).eps) * functions / RIDGE
    states = SYSTEM.pairs(count, rng=np.random.default_rng(0))
    dictionary = RandomFourier(functions, rng=np.random.default_rng(0))
    places = _places()
    rows: list[Row] = []
    for moments in (GramMoments, FactorMoments):
        edmd = EDMD(dictionary, ridge=RIDGE, moments=moments)
        fits = [{name: _fitted(edmd, states, place) for name, place in places.items()} for _ in range(rounds)]
        seconds = {name: median(fit[name][0] for fit in fits) for name in places}
        features = dictionary(states.before[:FEW])
        predicted = {name: features @ fits[0][name][1] for name in places}
        size = np.linalg.norm(predicted["NumPy"])
        rows += [
            {
                "moments": moments.__name__,
                "states": name,
                "wall s": seconds[name],
                "NumPy / this": median(fit["NumPy"][0] / fit[name][0] for fit in fits),
                DIFFERENCE: float(np.linalg.norm(predicted[name] - predicted["NumPy"]) / size),
            }
            for name in places
        ]
    worst = max(number(row[DIFFERENCE]) for row in rows)
    absent = [] if torch.cuda.is_available() else [{"moments": "both", "states": "no CUDA device"}]
    return Page(
        title="Devices",
        about=f"`EDMD(RandomFourier({functions}), ridge={RIDGE:g}, moments=…).fit` of {count:,} pairs in two variables "
        f"that are on the device already; medians of {rounds} rounds in turns, one CPU thread.",
        tables=[Table(columns=COLUMNS, rows=[*rows, *absent])],
        goals=[Goal(quantity=DIFFERENCE, measured=worst, side=Side.AT_MOST, bound=bound, form=".1e")],
        notes=["Differences are relative, and their bound is rounding: ε m / ridge."],
    )


def _places() -> dict[str, Place]:
    places: dict[str, Place] = {"NumPy": np.asarray, "PyTorch, CPU": torch.from_numpy}
    if torch.cuda.is_available():
        places[torch.cuda.get_device_name()] = lambda states: torch.from_numpy(states).cuda()
    return places


def _fitted(edmd: EDMD, states: SnapshotPairs, place: Place) -> tuple[float, np.ndarray]:
    """Seconds by the clock, and K: which is on the host, so that a device has finished by then."""
    before, after = place(states.before), place(states.after)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    matrix = edmd.fit(SnapshotPairs(before=before, after=after)).matrix_
    return time.perf_counter() - start, matrix
