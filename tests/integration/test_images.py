"""The whole road of images with U-Nets: pairs, a training, its measurement, its verification; conditional, spectral."""

import pytest
import torch

from kdm import collect, load, teacher
from kdm.configuration import Architecture
from kdm.control import LabelControlConfig
from kdm.evaluation import evaluate
from kdm.networks import UNetConfig
from kdm.operators import IdentityBasisConfig, SpectralConfig, SpectralOperator
from kdm.training.distillation import DistillationConfig, distil
from kdm.training.loop import TrainingConfig
from kdm.training.optimisation import AdamConfig
from kdm.verification import verify
from koopman_analysis import Verdict

pytestmark = pytest.mark.slow

NETWORK = UNetConfig(channels=8, multipliers=(1, 2), blocks=1, attention_at=(4,), dropout=0.0)


@pytest.mark.parametrize("conditional", [False, True], ids=["unconditional", "conditional"])
def test_u_nets_go_from_pairs_to_a_page(conditional, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = {"control": LabelControlConfig(), "classes": 10} if conditional else {}
    architecture = Architecture(
        latent=64, noise_encoder=NETWORK, data_encoder=NETWORK, decoder=NETWORK,
        operator=SpectralConfig(basis=IdentityBasisConfig()), **told,
    )  # fmt: skip
    training = TrainingConfig(
        steps=150, batch=64, optimiser=AdamConfig(learning_rate=2e-3), warmup=10, evaluate_every=50
    )
    name = "digits-conditional" if conditional else "digits"
    data = collect(teacher(name), 4000, generator=torch.Generator().manual_seed(0), steps=12, out=tmp_path / "data")
    config = DistillationConfig(architecture=architecture, training=training)
    errors = [step.heldout.relative_rmse for step in distil(config, data, tmp_path / "run", device=torch.device("cpu"))
              if step.heldout is not None]  # fmt: skip
    assert errors[-1] < min(errors[0], 0.9), "better than the mean of the data, and getting better"
    model = load(tmp_path / "run")
    assert isinstance(model.operator, SpectralOperator)
    assert {path.name for path in (tmp_path / "run" / "samples").iterdir()} >= {"step-000150.png"}
    quantities = evaluate(model, data, count=300).quantities
    assert {"paired_error", "frechet_distance", "sharpness", "label_agreement", "classifier_agreement"} <= set(
        quantities
    )
    assert quantities["label_agreement"].estimate > (0.9 if conditional else 0.4)
    report = verify(str(tmp_path / "run"), fast=True, label=3 if conditional else None)
    assert len(report.claims) > 20
    assert report.claims["comparison_dmd"].verdict in Verdict
    assert ("of class 3" in report.introduction) == conditional
