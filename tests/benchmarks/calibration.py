"""How often a closure report is wrong, and how often its intervals hold the truth, where the truth is known.

Each kind draws small samples from a system whose population quantities are known in closed form. A verdict is wrong
where the population contradicts it; of N simulations with k wrong ones the error rate is at most the upper end of
Clopper and Pearson, the 97.5 % quantile of Beta(k + 1, N − k). Coverage is told with its interval of the same kind.

Simulations run in blocks, each of which is a file: what was interrupted goes on where it was. The files lie in a folder
named after the sources of the analysis, so that none outlives what it measured.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import scipy.special
import threadpoolctl

import koopman_analysis
from kdm.storage import write_json
from koopman_analysis.claims import Side
from koopman_analysis.closure import Closedness, ClosureReport, closure_report
from koopman_analysis.resampling import Interval

from . import calibration_kinds
from .calibration_kinds import KINDS, Kind
from .experiments import Profile
from .page import Goal, Page, Table

SIMULATIONS, BLOCK = 2000, 250
PROCESSES = 2
VERDICTS = {"kind": "", "pairs": "", **{c.name.lower(): "d" for c in Closedness}, "wrong": ".2%"}
NOTES = (
    "Lower ends, which can refute, are taken down by the share 1 − (m_in + m_out + 1)/n_fit, and upper ends, which can "
    "support, keep the bias of the fit: with 8 functions for 200 fitted pairs the state error is covered too often.",
    "Where one direction is noise the population's defect is the largest that its other directions allow, and the "
    "estimate stays below: no interior truth, no goal.",
    "Intervals hold the fitted directions fixed. 250 fitted pairs do not tell the Ornstein–Uhlenbeck process's "
    "correlations .61 and .37 apart well enough, so that of each alone the interval is too short; their mean, the "
    "defect, does not depend on it.",
    "A trajectory that is too short decides nothing: its intervals, from four blocks or more, have no goal.",
)
COVERAGE = {"kind": "", "quantity": "", "truth": ".4g", "covered": ".1%", "below": ".1%", "above": ".1%"}


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What came of the simulations of one kind.

    Attributes:
        verdicts: How often each came out.
        misses: For each true quantity, how often the interval lay below it and how often above.
    """

    verdicts: Mapping[str, int]
    misses: Mapping[str, tuple[int, int]]

    @property
    def simulations(self) -> int:
        """How many there were."""
        return sum(self.verdicts.values())

    def __add__(self, other: "Tally") -> "Tally":
        misses = {
            name: (below + other.misses[name][0], above + other.misses[name][1])
            for name, (below, above) in self.misses.items()
        }
        return Tally(verdicts=Counter(self.verdicts) + Counter(other.verdicts), misses=misses)


def tallied(kind: Kind, seeds: range) -> Tally:
    """Reports on one sample for each seed."""
    verdicts, misses = Counter[str](), {name: [0, 0] for name in kind.truth}
    for seed in seeds:
        rng = np.random.default_rng([seed, *kind.name.encode()])
        report = closure_report(kind.draw(kind.pairs, rng), inputs=kind.dictionary(), rng=rng)
        verdicts[report.closedness.name] += 1
        for name, truth in kind.truth.items():
            interval = measured_interval(report, name)
            misses[name][0] += interval.high < truth
            misses[name][1] += interval.low > truth
    return Tally(verdicts=verdicts, misses={name: (below, above) for name, (below, above) in misses.items()})


def measured_interval(report: ClosureReport, quantity: str) -> Interval:
    """The report's interval of a quantity by the name that the tables give it."""
    if quantity.startswith("sigma "):
        return report.spectrum[int(quantity.removeprefix("sigma ")) - 1]
    return {"defect": report.defect, "state error": report.state_error}[quantity]


def rate(count: int, of: int) -> Interval:
    """A rate with the 95 % interval of Clopper and Pearson."""
    low = scipy.special.betaincinv(count, of - count + 1, 0.025) if count else 0.0
    high = scipy.special.betaincinv(count + 1, of - count, 0.975) if count < of else 1.0
    return Interval(estimate=count / of, low=float(low), high=float(high), n=of, method="Clopper–Pearson")


def wrong_rate(kind: Kind, tally: Tally) -> Interval:
    """How often the verdict contradicts the population."""
    return rate(sum(tally.verdicts.get(verdict.name, 0) for verdict in kind.wrong), tally.simulations)


def coverage(tally: Tally, quantity: str) -> Interval:
    """How often the interval holds the truth."""
    return rate(tally.simulations - sum(tally.misses[quantity]), tally.simulations)


def measured(profile: Profile) -> Page:
    """All kinds, in blocks that two processes share."""
    count = profile.count(SIMULATIONS, fast=4)
    tallies = dict(zip([kind.name for kind in KINDS], _everything(profile.work, count), strict=True))
    pairs = [(kind, tallies[kind.name]) for kind in KINDS]
    calibrated = [coverage(tally, name).estimate for kind, tally in pairs for name in kind.calibrated]
    return Page(
        title="Calibration of the closure report",
        about=f"{count:,} simulations of each kind. Wrong is a verdict that contradicts the population, and of "
        "trajectories that are too short any decision; its rate, and "
        "that of coverage, with the 95 % interval of Clopper and Pearson. Below and above are the samples whose "
        "interval lies there, of the truth.",
        tables=[
            Table(columns=VERDICTS, rows=[_verdict_row(kind, tally) for kind, tally in pairs]),
            Table(columns=COVERAGE, rows=[row for kind, tally in pairs for row in _coverage_rows(kind, tally)]),
        ],
        goals=[
            Goal(
                quantity="upper end of the rate of wrong verdicts",
                measured=max(wrong_rate(kind, tally).high for kind, tally in pairs),
                side=Side.AT_MOST,
                bound=0.01,
            ),
            Goal(quantity="coverage, least", measured=min(calibrated), side=Side.AT_LEAST, bound=0.93),
            Goal(quantity="coverage, largest", measured=max(calibrated), side=Side.AT_MOST, bound=0.97),
        ],
        notes=NOTES,
    )


def _everything(work: Path, count: int) -> Iterator[Tally]:
    """The tally of each kind; those in the folder are read."""
    folder = work / "calibration" / _fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    blocks = [range(start, min(start + BLOCK, count)) for start in range(0, count, BLOCK)]
    jobs = [(folder, position, seeds) for position in range(len(KINDS)) for seeds in blocks]
    context = get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=_with_one_thread) as processes:
        tallies = list(processes.map(_block, jobs))
    for first in range(0, len(tallies), len(blocks)):
        total, *others = tallies[first : first + len(blocks)]
        for other in others:
            total = total + other
        yield total


def _block(job: tuple[Path, int, range]) -> Tally:
    folder, position, seeds = job
    path = folder / f"{position}-{seeds.start}-{seeds.stop}.json"
    if not path.exists():
        tally = tallied(KINDS[position], seeds)
        write_json(path, {"verdicts": dict(tally.verdicts), "misses": dict(tally.misses)})
    stored = json.loads(path.read_text())
    return Tally(
        verdicts=stored["verdicts"], misses={name: (below, above) for name, (below, above) in stored["misses"].items()}
    )


def _with_one_thread() -> None:
    threadpoolctl.threadpool_limits(1)


def _fingerprint() -> str:
    root = Path(koopman_analysis.__file__).parent
    digest = hashlib.sha256()
    for path in (*sorted(root.rglob("*.py")), Path(__file__), Path(calibration_kinds.__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _verdict_row(kind: Kind, tally: Tally) -> dict[str, str | int | Interval]:
    counts = {verdict.name.lower(): tally.verdicts.get(verdict.name, 0) for verdict in Closedness}
    return {"kind": kind.name, "pairs": f"{kind.pairs:,}", **counts, "wrong": wrong_rate(kind, tally)}


def _coverage_rows(kind: Kind, tally: Tally) -> Iterator[dict[str, str | float | Interval]]:
    for name, truth in kind.truth.items():
        below, above = tally.misses[name]
        yield {
            "kind": kind.name,
            "quantity": name if name in kind.calibrated else f"{name} (no goal)",
            "truth": truth,
            "covered": coverage(tally, name),
            "below": below / tally.simulations,
            "above": above / tally.simulations,
        }
