"""Arguments of a wrong kind are named, to users who have no types checked at run time."""

import subprocess
import sys

import pytest

_BEGIN = """
import numpy as np, torch
from koopman_analysis import *
from koopman_analysis.moments import *
from koopman_analysis.regression import EnergyRank
rng = np.random.default_rng(0)
x, y = rng.standard_normal((2, 30, 2))
pairs = SnapshotPairs(before=x, after=y)
cases = {cases!r}
for case in cases:
    try:
        eval(case)
    except Exception as error:
        print(type(error).__name__, error, sep=": ")
    else:
        print("nothing was refused")
"""

PAIRS = "TypeError: expected SnapshotPairs, got ndarray: pass SnapshotPairs(before=x, after=y), or"
REFUSED = {
    "EDMD(None)": "TypeError: expected a dictionary, or a function of states, got None",
    "EDMD(Coordinates)": "TypeError: expected a dictionary, or a function of states, got <class",
    "EDMD(Coordinates(), moments='gram')": "TypeError: expected moments=FactorMoments or GramMoments, the class",
    "EDMD(Coordinates(), rank=EnergyRank)": "TypeError: expected a whole number as rank, a rule such as",
    "EDMD(Coordinates(), ridge=-1.0)": "ValueError: expected a ridge of at least 0, got -1.0",
    "EDMD(Coordinates()).fit(x)": PAIRS,
    "EDMD(Coordinates()).partial_fit(x)": PAIRS,
    "ExactDMD().fit(x)": PAIRS,
    "KernelRidgeRegression(rng=rng).fit(x)": PAIRS,
    "closure_report(x, inputs=Coordinates(), rng=rng)": PAIRS,
    "GramMoments.of(pairs, Coordinates(), chunk=1.5)": "TypeError: expected a whole number of rows in a chunk, got 1.5",
    "GramMoments.of(pairs, Coordinates(), chunk=0)": "ValueError: expected chunks of at least one row, got 0",
    "GramMoments.of(pairs, lambda x: x.mean(axis=0, keepdims=True))": "ValueError: expected functions that take states "
    "(n, d) to features (n, m), got shape (1, 2) for states of shape (30, 2)",
    "GramMoments.of(pairs, lambda x: x[:, 0])": "ValueError: expected functions that take states (n, d) to features",
    "FactorMoments.of(pairs, lambda x: list(x))": "TypeError: expected functions that take ndarray to ndarray",
    "FactorMoments.of(pairs, lambda x: torch.tensor(x))": "TypeError: expected functions that take ndarray to ndarray, "
    "got Tensor",
}


@pytest.fixture(scope="module")
def answers():
    """What Python says to each call in a process of its own, in which nothing else looks at types."""
    command = [sys.executable, "-c", _BEGIN.format(cases=list(REFUSED))]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(zip(REFUSED, printed.splitlines(), strict=True))


@pytest.mark.parametrize("call", REFUSED)
def test_an_argument_of_a_wrong_kind_is_named(call, answers):
    assert answers[call].startswith(REFUSED[call])


LABELS = "TypeError: expected labels as a tensor of whole numbers, got"
_SAMPLED = """
import torch, kdm
from kdm.configuration import Architecture, ModelConfig, built_model
from kdm.model import Scaling
from kdm.networks import ResidualMLPConfig
network = ResidualMLPConfig(width=4, blocks=1)
parts = Architecture(latent=2, noise_encoder=network, data_encoder=network, decoder=network, classes=2)
config = ModelConfig(architecture=parts, shape=(2,), scaling=Scaling(noise=1.0, data_mean=0.0, data=1.0))
model = built_model(config, generator=torch.Generator())
for labels in ([0, 1], torch.tensor([0.0, 1.0]), torch.tensor([False, True])):
    try:
        kdm.sample(model, 2, generator=torch.Generator(), labels=labels)
    except Exception as error:
        print(type(error).__name__, error, sep=": ")
"""


def test_labels_of_samples_that_are_no_tensor_of_whole_numbers_are_named():
    printed = subprocess.run([sys.executable, "-c", _SAMPLED], capture_output=True, text=True, check=True).stdout
    found = ("a list", "one of torch.float32", "one of torch.bool")
    assert printed.splitlines() == [f"{LABELS} {each}: pass torch.tensor([0, 1, …])" for each in found]
