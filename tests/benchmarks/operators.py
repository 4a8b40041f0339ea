"""What one training step costs in each kind of operator: latents carried and gradients returned, and the spectrum.

All kinds take one step after another, in rounds: what disturbs the machine disturbs all. Seconds are CPU seconds of one
thread, medians over the rounds; a ratio is the median of the ratios of each round. A step is `operator(z)` and the
gradients with respect to z and to the parameters; a step of the spectrum is one of the objectives of
`kdm.spectral_objectives`, from eigenvalues that are declared or computed.
"""

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

from kdm.configuration import seeded_modules
from kdm.operators import KoopmanOperator, LowRankConfig
from kdm.presets import OPERATORS
from kdm.spectral_objectives import OnTheCircle
from koopman_analysis.claims import Side

from .experiments import Profile
from .page import Goal, Page, Row, Table

DIMENSION, DIMENSION_FAST = 1024, 16
BATCH = 128
ROUNDS, ROUNDS_FAST = 15, 2
FEW = 16
"""The dimension over the rank of the low-rank operator."""
DENSE, BLOCKS, FREE, FORMED = "dense", "spectral-identity", "spectral-free", "spectral-free, K formed first"
STEP, SPECTRUM, RATIO = "a step, ms", "a step of the spectrum, ms", "× dense"
COLUMNS = {"operator": "", "parameters": ",", STEP: ".2f", RATIO: ".2f", SPECTRUM: ".2f", f"spectrum, {RATIO}": ".3f"}
Seconds = Mapping[str, list[float]]
"""CPU seconds of each round, by the kind of operator."""


def measured(profile: Profile) -> Page:
    """Every kind in turns, first its steps, then those of its spectrum."""
    dimension = profile.count(DIMENSION, fast=DIMENSION_FAST)
    rounds = profile.count(ROUNDS, fast=ROUNDS_FAST)
    kinds = {**OPERATORS, f"low-rank, {dimension // FEW}": LowRankConfig(rank=dimension // FEW)}
    generator = torch.Generator().manual_seed(0)
    with seeded_modules(generator):
        operators = {name: kind.built(dimension) for name, kind in kinds.items()}
    latents, gradient = torch.randn(2, BATCH, dimension, generator=generator)
    steps = {name: _step(operator, latents, gradient) for name, operator in operators.items()}
    steps[FORMED] = _step_through_the_matrix(operators[FREE], latents, gradient)
    seconds = in_turns(steps, rounds=rounds)
    spectra = {name: _spectral_step(each) for name, each in operators.items() if list(each.parameters())}
    of_spectra = in_turns(spectra, rounds=max(rounds // 3, 2))
    return Page(
        title="What a step of an operator costs",
        about=f"Forward and backward at dimension {dimension:,}, batch {BATCH}, single precision, one thread; medians "
        f"of {rounds} rounds. A step of the spectrum is the gradient of the objective `OnTheCircle`.",
        tables=[Table(columns=COLUMNS, rows=[_row(name, operators, seconds, of_spectra) for name in steps])],
        goals=[
            Goal(quantity=f"{name}, {RATIO}", measured=ratio(seconds, name), side=Side.AT_MOST, bound=bound)
            for name, bound in ((BLOCKS, 1.0), (FREE, 6.0))
        ],
        notes=[
            "The spectral operators differ in their basis: the one in an orthogonal basis is named `spectral`. In the "
            "identity B acts on pairs of columns; elsewhere a step factorises a matrix, whatever the batch.",
            "K formed first: `z @ operator.matrix`, which carries as many unit vectors as there are dimensions.",
            "Spectral operators declare their eigenvalues; of all others they are computed, of low-rank ones those of "
            "the small product.",
        ],
    )


def in_turns(steps: Mapping[str, Callable[[], None]], *, rounds: int) -> Seconds:
    """The CPU seconds of each, one after another in every round, after one that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(rounds + 1):
        for name, step in steps.items():
            started = time.process_time()
            step()
            if index:
                seconds[name].append(time.process_time() - started)
    return seconds


def ratio(seconds: Seconds, name: str) -> float:
    """Of the seconds to those of the dense operator, round by round; the median."""
    return median(mine / its for mine, its in zip(seconds[name], seconds[DENSE], strict=True))


def _step(operator: KoopmanOperator, latents: torch.Tensor, gradient: torch.Tensor) -> Callable[[], None]:
    wanted = [latents.detach().requires_grad_(), *operator.parameters()]

    def step() -> None:
        torch.autograd.grad(operator(wanted[0]), wanted, gradient)

    return step


def _step_through_the_matrix(
    operator: KoopmanOperator, latents: torch.Tensor, gradient: torch.Tensor
) -> Callable[[], None]:
    wanted = [latents.detach().requires_grad_(), *operator.parameters()]

    def step() -> None:
        torch.autograd.grad(wanted[0] @ operator.matrix, wanted, gradient)

    return step


def _spectral_step(operator: KoopmanOperator) -> Callable[[], None]:
    parameters, objective = list(operator.parameters()), OnTheCircle()

    def step() -> None:
        torch.autograd.grad(objective(operator.eigenvalues), parameters, allow_unused=True)

    return step


def _row(name: str, operators: Mapping[str, KoopmanOperator], seconds: Seconds, of_spectra: Seconds) -> Row:
    row: dict[str, str | int | float] = {
        "operator": name,
        STEP: 1e3 * median(seconds[name]),
        RATIO: ratio(seconds, name),
    }
    if name in operators:
        row["parameters"] = sum(parameter.numel() for parameter in operators[name].parameters())
    if name in of_spectra:
        row |= {SPECTRUM: 1e3 * median(of_spectra[name]), f"spectrum, {RATIO}": ratio(of_spectra, name)}
    return row
