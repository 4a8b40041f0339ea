"""Distilled models behind several figures: collected, trained and kept once."""

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import torch

from kdm.ablations import DirectRegression, load_direct, regress_directly
from kdm.evaluation import pairs_in_rows
from kdm.presets import Preset
from kdm.training.distillation import DistillationConfig
from kdm.trajectories import Trajectories, collect
from kdm.verification import train_with_bar
from kdm.verification.experiment import Subject
from kdm.verification.subjects import subject_of_run
from koopman_analysis import SnapshotPairs
from paper_figures.profile import Profile

DATA = ("checkerboard", "mixture-10", "digits")
"""Presets whose data have classes."""
FEW_STEPS = 100
"""Training steps of a fast profile."""
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True, eq=False)
class Distilled:
    """A model, and pairs that it was not trained on.

    Attributes:
        data: The pairs that it was trained on, and those held out.
        subject: The model.
        heldout: The held-out pairs.
        classes: What each of them is.
    """

    data: Trajectories
    subject: Subject
    heldout: SnapshotPairs
    classes: np.ndarray


def collected(name: str, profile: Profile) -> Trajectories:
    """The pairs of a preset, made or found in the profile's folder."""
    preset = profile.preset(name)
    return collect(
        preset.teacher_object(), preset.pairs, generator=torch.Generator().manual_seed(profile.seed),
        steps=preset.solver_steps, out=profile.work / name / "data", progress=True,
    )  # fmt: skip


def distilled(name: str, profile: Profile) -> Distilled:
    """The model of a preset, made or found in the profile's folder."""
    preset, data = profile.preset(name), collected(name, profile)
    folder = profile.work / name
    train_with_bar(
        configured(preset, profile), data, folder / "run", device=CPU, preset=preset.name, progress=True
    )  # fmt: skip
    heldout = data.heldout()
    classes = data.teacher.labels(heldout.data) if data.teacher is not None else None
    assert classes is not None  # every data set here has classes
    return Distilled(
        data=data, subject=subject_of_run(folder / "run", data, device=CPU, name=name), heldout=pairs_in_rows(heldout),
        classes=classes.numpy(),
    )  # fmt: skip


def regressed(found: Distilled, profile: Profile) -> DirectRegression:
    """Direct regression with the parameters, the optimiser and the samples of a distilled preset, made or found."""
    preset = profile.preset(found.subject.name)
    folder = profile.work / preset.name / "direct"
    deque(regress_directly(configured(preset, profile), found.data, folder, device=CPU), maxlen=0)
    return load_direct(folder)


def configured(preset: Preset, profile: Profile) -> DistillationConfig:
    """How a preset is distilled in this profile."""
    config = preset.seeded(profile.seed).distillation
    return replace(config, training=replace(config.training, steps=FEW_STEPS)) if profile.fast else config
