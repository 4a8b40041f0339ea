import pytest
import torch

from kdm.ablations import equal_network, load_direct, regress_directly
from kdm.configuration import built_model
from kdm.evaluation import paired_error
from kdm.networks import ResidualMLP
from kdm.training.distillation import distil, load, model_config_of
from kdm.training.runs import RunError

CPU = torch.device("cpu")


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_direct_regression_has_the_parameters_of_the_model_and_not_one_width_more(config, data):
    model_config = model_config_of(config, data)
    model = built_model(model_config, generator=torch.Generator())
    network = equal_network(model_config)
    assert network.blocks == config.architecture.noise_encoder.blocks
    narrower = type(network)(width=network.width - 1, blocks=network.blocks)
    assert count(ResidualMLP(2, 2, narrower)) < count(model) <= count(ResidualMLP(2, 2, network))


def test_direct_regression_trains_resumes_and_loads(config, data, tmp_path):
    *_, last = regress_directly(config, data, tmp_path / "direct", device=CPU)
    assert last.index == config.training.steps
    assert paired_error(load_direct(tmp_path / "direct"), data.heldout()) == last.heldout
    assert list(regress_directly(config, data, tmp_path / "direct", device=CPU)) == []


def test_a_run_of_the_other_kind_is_refused(config, data, tmp_path):
    list(distil(config, data, tmp_path / "run", device=CPU))
    list(regress_directly(config, data, tmp_path / "direct", device=CPU))
    with pytest.raises(RunError, match="expected a direct-regression"):
        load_direct(tmp_path / "run")
    with pytest.raises(RunError, match="expected a koopman-distillation"):
        load(tmp_path / "direct")
    with pytest.raises(RunError, match="another one"):
        next(regress_directly(config, data, tmp_path / "run", device=CPU))
