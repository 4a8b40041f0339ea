"""A whole verification in seconds: a preset of few pairs, few samples, few steps."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import kdm.verification
from kdm.configuration import Architecture
from kdm.networks import ResidualMLPConfig
from kdm.presets import PRESETS, Preset
from kdm.training.distillation import DistillationConfig
from kdm.training.loop import TrainingConfig


@pytest.fixture(scope="module")
def tiny() -> Preset:
    """The preset 'mixture', made tiny for the tests of a module."""
    network = ResidualMLPConfig(width=32, blocks=1)
    architecture = Architecture(latent=6, noise_encoder=network, data_encoder=network, decoder=network)
    training = TrainingConfig(steps=200, batch=256, evaluate_every=100)
    preset = replace(
        PRESETS["mixture"], pairs=1500, solver_steps=16,
        distillation=DistillationConfig(architecture=architecture, training=training),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "mixture", preset)
        patch.setattr(kdm.verification, "FRESH_SAMPLES", 300)
        patch.setattr("kdm.verification.page.SEMANTIC_OBJECTS", 80)
        patch.setattr("kdm.verification.page.SEMANTIC_RESAMPLES", 59)
        yield preset


@pytest.fixture
def quick_pictures(monkeypatch):
    """Every picture of a report is drawn, but a dot is saved."""
    buffer = io.BytesIO()
    Figure(figsize=(0.1, 0.1)).savefig(buffer, format="png")

    def dot(figure: Figure, stem: Path) -> tuple[Path, Path]:
        for kind in (".pdf", ".png"):
            stem.with_suffix(kind).write_bytes(buffer.getvalue())
        return stem.with_suffix(".pdf"), stem.with_suffix(".png")

    monkeypatch.setattr("koopman_analysis.report.folder.save_figure", dot)
