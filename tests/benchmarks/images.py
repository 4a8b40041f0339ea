"""A training step and one-step samples in the configuration of CIFAR-10, beside the published trainer.

Both train three U-Nets of 64 channels, an operator on 32 x 32 = 1024 latents and its bias on the same batch: latent
linearity, reconstruction and prediction with squared differences, backward, Adam, average of the weights. The published
code is not ours to carry: the environment variable `KDM_PUBLISHED_CODE` names the folder of a checkout of it. Its
networks are not quite ours (`kdm.networks.published_unet` has theirs, `kdm.networks.unet` ours).
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

from koopman_analysis.claims import Side

from .comparison import software_table
from .data import written
from .experiments import Profile
from .page import Goal, Page, Row, Table
from .turns import Contestant, Outcome, ours, taken_in_turns

CODE = "KDM_PUBLISHED_CODE"
WHOLE = {"side": 32, "channels": 64, "multipliers": [1, 2, 2, 2], "blocks": 4, "batch": 8, "samples": 32}
TINY = {"side": 8, "channels": 8, "multipliers": [1, 2], "blocks": 1, "batch": 2, "samples": 4}
ROUNDS, THREADS = 4, 2
OURS, LAST, BF16, PUBLISHED = (
    "this library", "this library, channels last", "this library, bfloat16 products", "the published code",
)  # fmt: skip
STEP = {
    "trainer": "", "parameters": ",", "CPU s": ".1f", "wall s": ".1f", "images a CPU second": ".2f",
    "× published": ".2f", "memory, MB": ".0f",
}  # fmt: skip
SAMPLE = {"trainer": "", "CPU s": ".1f", "images a CPU second": ".1f", "memory, MB": ".0f", "× published": ".3f"}


def measured(profile: Profile) -> Page:
    """The step, then the samples, in turns."""
    whole = TINY if profile.fast else WHOLE
    work = profile.work / "images"
    folder, warm = written(work / f"{whole['side']}", {}, **whole), written(work / "warm", {}, **TINY)
    us, published = _ours(), _published()
    rounds = profile.count(ROUNDS, fast=1)
    steps = taken_in_turns(
        [
            us.doing("step", name=OURS), us.doing("step_channels_last", name=LAST),
            us.doing("step_bf16", name=BF16), published.doing("step", name=PUBLISHED),
        ],
        folder, warm, rounds=rounds,
    )  # fmt: skip
    samples = taken_in_turns(
        [us.doing("sample", name=OURS), published.doing("sample", name=PUBLISHED)], folder, warm, rounds=rounds
    )
    return page(steps, samples, batch=int(whole["batch"]), count=int(whole["samples"]))


def page(steps: list[Outcome], samples: list[Outcome], *, batch: int, count: int) -> Page:
    """What both took, and their ratios where the published code took part."""
    return Page(
        title="Training and sampling images on a CPU",
        about="The configuration of CIFAR-10 without its perceptual loss and its critic, "
        f"batches of {batch}, {THREADS} threads, single precision but where it says otherwise; medians of rounds in "
        f"turns. Then {count} one-step samples.",
        tables=[
            Table(columns=STEP, rows=[_step_row(each, steps[-1], batch) for each in steps]),
            Table(columns=SAMPLE, rows=[_sample_row(each, samples[-1], count) for each in samples]),
            software_table([*steps, samples[-1]]),
        ],
        goals=_goals(steps, samples),
        notes=[
            "Memory is the increase of the resident set over what the process held before a turn.",
            "The published code keeps gradients while it samples, and multiplies in single precision only; the preset "
            "cifar10 trains with products in bfloat16 and weights, losses and operator in single precision. At equal "
            "precision both cost the same: nearly all of a step is the convolutions of equal networks.",
            f"On a GPU nothing is measured here: no table says more than what {CODE} and a card allow.",
        ],
    )


def _goals(steps: list[Outcome], samples: list[Outcome]) -> list[Goal]:
    if not (steps[-1].took_part and samples[-1].took_part):
        return []
    return [
        Goal(
            quantity="CPU of a training step, as the preset multiplies, × published",
            measured=next(each for each in steps if each.name == BF16).relative_to(steps[-1]),
            side=Side.AT_MOST, bound=0.9,
        ),
        Goal(
            quantity="memory of sampling × published", measured=memory_ratio(samples[0], samples[-1]),
            side=Side.AT_MOST, bound=0.2,
        ),
    ]  # fmt: skip


def memory_ratio(outcome: Outcome, other: Outcome) -> float:
    """Of the largest increases; NaN where the other's is below what the kernel tells."""
    return outcome.memory / other.memory if other.memory else float("nan")


def _step_row(outcome: Outcome, published: Outcome, batch: int) -> Row:
    if not outcome.took_part:
        return {"trainer": f"{outcome.name}: {outcome.reason}"}
    row: Row = {
        "trainer": outcome.name, "parameters": outcome.repetitions[-1]["parameters"], "CPU s": outcome.seconds,
        "wall s": outcome.wall, "images a CPU second": batch / outcome.seconds, "memory, MB": outcome.memory,
    }  # fmt: skip
    return {**row, "× published": outcome.relative_to(published)} if published.took_part else row


def _sample_row(outcome: Outcome, published: Outcome, count: int) -> Row:
    if not outcome.took_part:
        return {"trainer": f"{outcome.name}: {outcome.reason}"}
    row: Row = {
        "trainer": outcome.name, "CPU s": outcome.seconds, "images a CPU second": count / outcome.seconds,
        "memory, MB": outcome.memory,
    }  # fmt: skip
    return {**row, "× published": memory_ratio(outcome, published)} if published.took_part else row


def _ours() -> Contestant:
    contestant = ours("step", name=OURS)
    return replace(contestant, script=contestant.script.with_name("our_image_jobs.py"), threads=THREADS)


def _published() -> Contestant:
    code = os.environ.get(CODE, "")
    there = bool(code) and (Path(code) / "models" / "koopman_model.py").is_file()
    return Contestant(
        name=PUBLISHED, job="step", script=_ours().script.with_name("published_jobs.py"),
        python=Path(sys.executable) if there else None,
        reason="" if there else f"not measured: {CODE} names no checkout of it", threads=THREADS,
    )  # fmt: skip
