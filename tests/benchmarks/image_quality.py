"""One-step digits: how sharp they are, whether of the class that was asked for, and how far from the teacher's.

Sharp is what lies near some real digit: the mean distance to the nearest of the 1797, beside that of the teacher's own
samples. A model that regresses draws the mean of what a noise may become, which is no digit; more of the same pairs
make it right more often, and hardly sharper. Direct regression has the model's parameters, optimiser and samples.
"""

from collections.abc import Sequence

from kdm.evaluation import OneStepGenerator, evaluate
from kdm.trajectories import Trajectories
from koopman_analysis.claims import Side
from koopman_analysis.resampling import Interval

from .experiments import Profile, collected, distilled_in, regressed_in
from .page import Goal, Page, Row, Table, number

CONDITIONAL, LARGE = "digits-conditional", "digits-large"
PRESETS = {"digits": True, CONDITIONAL: True, LARGE: False}
"""Whether direct regression stands beside the model; beside the large one it is left to whoever has the time."""
SAMPLES, SAMPLES_FAST = 4000, 300
MODEL, TEACHER, DIRECT = "one step", "the teacher", "direct regression"
SHARP, AGREE, CLASSIFIED = "distance to the nearest digit", "label agreement", "agreement by a classifier"
FRECHET = "Fréchet distance on principal components"
COLUMNS = {
    "preset": "", "samples": "", "training pairs": ",", "paired error, held out": ".1%", SHARP: ".3f", AGREE: ".1%",
    CLASSIFIED: ".1%", FRECHET: ".3f",
}  # fmt: skip
QUANTITIES = {
    "paired error, held out": "paired_error", SHARP: "sharpness", AGREE: "label_agreement",
    CLASSIFIED: "classifier_agreement", FRECHET: "frechet_distance",
}  # fmt: skip


def measured(profile: Profile) -> Page:
    """Every preset, trained where that has not been done, and measured."""
    rows: list[Row] = []
    for name, with_direct in PRESETS.items():
        preset = profile.preset(name)
        work = profile.work / "image-quality" / f"{name}{'-fast' if profile.fast else ''}"
        data = collected(preset, work / "data")
        models: list[tuple[str, OneStepGenerator]] = [(MODEL, distilled_in(work / "run", preset, data))]
        if with_direct:
            models.append((DIRECT, regressed_in(work / "direct", preset, data)))
        rows += _rows(name, data, models, count=profile.count(SAMPLES, fast=SAMPLES_FAST))
    return page(rows)


def page(rows: Sequence[Row]) -> Page:
    """The rows, and whether they reach what was asked for."""
    asked, large = (
        next((row for row in rows if (row["preset"], row["samples"]) == (name, MODEL)), None)
        for name in (CONDITIONAL, LARGE)
    )  # fmt: skip
    wanted = [(asked, CLASSIFIED, Side.AT_LEAST, 0.97, ".1%"), (large, AGREE, Side.AT_LEAST, 0.85, ".1%"),
              (large, SHARP, Side.AT_MOST, 2.2, ".3f")]  # fmt: skip
    return Page(
        title="One-step digits: sharpness and class",
        about="Held-out pairs and as many fresh samples. Label agreement: with the class that was asked for, where one "
        "was, else with the class of the teacher's sample from the same noise; the class of a sample is that of the "
        "nearest real digit. The classifier, a support vector machine, was trained on the real digits; for the "
        "teacher's row stands its accuracy on digits that it had not seen. Intervals resample samples, at 95 %.",
        tables=[Table(columns=COLUMNS, rows=rows)],
        goals=[
            Goal(quantity=f"{row['preset']}: {column}", measured=number(row[column]), side=side, bound=bound, form=form)
            for row, column, side, bound, form in wanted
            if row is not None and column in row
        ],
        notes=[
            "A distance of 2.2 is what plain squared regression on 45,000 pairs reaches; the teacher's is the floor.",
            "The model of digits-large is trained on latents with noise and hardly on its own predictions: its decoder "
            "draws one digit where regression draws a mean.",
        ],
    )


def _rows(name: str, data: Trajectories, models: Sequence[tuple[str, OneStepGenerator]], *, count: int) -> list[Row]:
    rows: list[Row] = []
    floor: dict[str, Interval] = {}
    for samples, model in models:
        evaluation = evaluate(model, data, count=count)
        floor = dict(evaluation.floor)
        rows.append(
            {"preset": name, "samples": samples, "training pairs": len(data) - data.manifest.heldout}
            | {column: evaluation.quantities[key] for column, key in QUANTITIES.items() if key in evaluation.quantities}
        )
    return [
        *rows,
        {"preset": name, "samples": TEACHER}
        | {column: floor[key] for column, key in QUANTITIES.items() if key in floor},
    ]
