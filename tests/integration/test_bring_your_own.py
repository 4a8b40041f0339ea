"""A model that this library has never heard of goes through every claim: torch, PyDMD, scikit-learn."""

from dataclasses import replace

import numpy as np
import pydmd
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from torch import nn

from koopman_analysis import SnapshotTrajectories, Verdict, as_latent_model, require_latent_model, verify
from koopman_analysis.systems import ContinuousSlowManifold
from koopman_analysis.verification import VerificationConfig

SYSTEM = ContinuousSlowManifold(slow_rate=-0.2, fast_rate=-1.0)  # closed in three functions, in two it is not
CONFIG = VerificationConfig(semantic_objects=100, semantic_resamples=59)
TIMES = np.array([0.0, 0.25, 0.5, 1.0])
CLAIMS = {
    "closed", "isometric", "not_expanding", "semantic", "semantic_neighbours",
    "semantic_features", "semantic_gauge_free", "outliers", "outliers_latent", "outliers_at_edges",
    "autonomous", "eigenvalues",
    "stable", "nearly_normal", "eigenvalues_trusted", "rank", "bounded", "bounded_informative",
    "violations_at_boundaries", "violations_at_boundaries_latent", "near_stays_near", "near_stays_near_latent",
}  # fmt: skip

UNCLASSED = dict.fromkeys(
    ("semantic", "semantic_neighbours", "semantic_features", "semantic_gauge_free"),
    "not applicable: there are no classes from outside the model",
)
WITHOUT_A_FLOW = {
    id + ending: "not applicable: there is no flow here that can be differentiated"
    for id in ("violations_at_boundaries", "near_stays_near")
    for ending in ("", "_latent")
}


class KoopmanAutoencoder(nn.Module):
    """What a stranger writes."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 4))
        self.operator = nn.Linear(4, 4)
        self.decoder = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2))

    def loss(self, x, y):
        z, target = self.encoder(x), self.encoder(y)
        predicted, returned = self.decoder(self.operator(z)), self.decoder(target)
        return sum(((a - b) ** 2).mean() for a, b in ((predicted, y), (returned, y), (self.operator(z), target)))


def trained(pairs, steps=1000):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = KoopmanAutoencoder()
        optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        x, y = (torch.from_numpy(states).float() for states in (pairs.before, pairs.after))
        for _ in range(steps):
            optimiser.zero_grad()
            model.loss(x, y).backward()
            optimiser.step()
            schedule.step()
    return model


def stepped(pairs):
    return pydmd.DMD(svd_rank=-1).fit(pairs.before.T, pairs.after.T)


def regressed(pairs):
    return make_pipeline(StandardScaler(), PolynomialFeatures(2), LinearRegression()).fit(pairs.before, pairs.after)


MAKERS = {"torch": trained, "PyDMD": stepped, "scikit-learn": regressed}


@pytest.fixture(scope="module")
def pairs():
    return SYSTEM.pairs(1600, rng=np.random.default_rng(0)).split(held_out=0.5, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def models(pairs):
    return {name: as_latent_model(make(pairs.fit)) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def bare(models, pairs):
    """The reports of what anyone has at hand: a model, and pairs."""
    return {name: verify(model, pairs.held_out, rng=np.random.default_rng(2)) for name, model in models.items()}


def latents_in_time(model):
    states = SYSTEM.sampled(300, rng=np.random.default_rng(5))
    seen = [states, *(replace(SYSTEM, lag=time).flow(states) for time in TIMES[1:])]
    return SnapshotTrajectories(states=np.stack([model.encode_noise(x) for x in seen], axis=1), times=TIMES)


def random_encoders(width):
    weights = [np.random.default_rng(seed).standard_normal((2, width)) for seed in range(19)]
    return [lambda x, weight=weight: np.tanh(x @ weight) for weight in weights]


@pytest.fixture(scope="module")
def full(models, pairs):
    """The reports with everything that claims ask for from outside the model."""
    classes = (pairs.held_out.after[:, 0] > 0).astype(np.int64)
    return {
        name: verify(
            model, pairs.held_out, classes=classes, random_encoders=random_encoders(4),
            latent_trajectories=latents_in_time(model), config=CONFIG, rng=np.random.default_rng(3),
        )
        for name, model in models.items()
    }  # fmt: skip


def reasons(report):
    return {id: claim.because for id, claim in report.claims.items() if not claim.applicable}


@pytest.mark.parametrize("name", MAKERS)
def test_every_model_is_fit_for_the_analysis(name, models, pairs):
    require_latent_model(models[name], pairs.held_out)
    assert models[name].shared_encoder == (name != "scikit-learn")


@pytest.mark.parametrize("name", MAKERS)
def test_every_claim_is_decided_or_says_why_it_is_not_applicable(name, bare, full):
    for report in (bare[name], full[name]):
        assert set(report.claims) == CLAIMS
        for claim in report.claims.values():
            assert claim.applicable != claim.because.startswith("not applicable: "), claim
            assert not claim.applicable or np.isfinite(claim.interval.estimate), claim


@pytest.mark.parametrize("name", ["torch", "PyDMD"])
def test_what_one_encoder_lacks_is_named_and_can_be_brought(name, bare, full):
    assert reasons(bare[name]) == {
        **UNCLASSED,
        "autonomous": "not applicable: there are no latents at times between the ends",
        **WITHOUT_A_FLOW,
    }
    assert reasons(full[name]) == WITHOUT_A_FLOW


def test_what_two_encoders_cannot_show_stays_not_applicable(bare, full):
    lacking = {
        "autonomous": "not applicable: two encoders fix only the endpoints",
        **dict.fromkeys(
            ("eigenvalues", "stable", "nearly_normal", "eigenvalues_trusted"),
            "not applicable: K leads to a space of another dimension, and has no eigenvalues",
        ),
        **WITHOUT_A_FLOW,
    }
    assert reasons(full["scikit-learn"]) == lacking
    assert reasons(bare["scikit-learn"]) == {
        **lacking, **UNCLASSED
    }  # fmt: skip


def test_the_first_claim_tells_models_of_a_closed_dictionary_from_a_linear_one(bare):
    closed = {name: report.claims["closed"] for name, report in bare.items()}
    assert closed["torch"].verdict is Verdict.SUPPORTED
    assert closed["scikit-learn"].verdict is Verdict.SUPPORTED
    assert closed["scikit-learn"].interval.high < 1e-20
    assert closed["PyDMD"].verdict is Verdict.REFUTED
    for claim in closed.values():
        assert [control.verdict for control in claim.controls] == [Verdict.REFUTED]


def test_the_eigenvalues_of_a_linear_model_are_not_those_of_the_flow(full):
    claims = {name: full[name].claims["eigenvalues"] for name in ("torch", "PyDMD")}
    assert claims["PyDMD"].verdict is Verdict.REFUTED
    assert claims["torch"].interval.estimate < claims["PyDMD"].interval.estimate


def test_a_report_is_saved_like_any_other(full, tmp_path):
    full["torch"].save(tmp_path / "mine")
    assert {"index.html", "claims.json", "figures"} <= {path.name for path in (tmp_path / "mine").iterdir()}
