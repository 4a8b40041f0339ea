import copy
import signal
import threading
from dataclasses import replace

import pytest
import torch
from processes import in_threads
from tiny_experiments import CPU, same, trained
from torch import distributed
from torch.nn import functional

from kdm.ablations.direct import DirectObjective, DirectRegression
from kdm.configuration import built_model, seeded_modules
from kdm.interrupts import Terminated
from kdm.model import Scaling
from kdm.networks import ResidualMLP, ResidualMLPConfig
from kdm.objectives import KoopmanObjective
from kdm.training import distributed as together
from kdm.training import sessions
from kdm.training.batches import ImportanceConfig, PermutationConfig
from kdm.training.distillation import distil, model_config_of
from kdm.training.distributed import (
    Alone,
    ProcessGroup,
    ProcessLost,
    current_processes,
    joined_processes,
    made_once,
    own_device,
    own_rows,
)
from kdm.training.loop import TrainingState, train
from kdm.training.optimisation import AdamConfig
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import Pairs
from kdm.trajectories.mapped import MappedPairs


@pytest.fixture
def group(monkeypatch):
    """A process group of this process alone."""
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_PORT", "0")
    with joined_processes(CPU) as processes:
        yield processes


def test_several_train_as_one_does_and_observe_the_same_errors(config, data):
    training = replace(
        config.training, steps=7, batch=11, batches=ImportanceConfig(redraw_every=3), optimiser=AdamConfig(), warmup=0,
        clipping=0.5,
    )  # fmt: skip
    names = ("noise_encoder", "data_encoder", "decoder")
    functions = {name: getattr(config.architecture, name).without_dropout() for name in names}
    architecture = replace(config.architecture, **functions)
    shape = model_config_of(replace(config, architecture=architecture), data)
    pairs = data.training()
    pairs = Pairs(noise=pairs.noise.double(), data=pairs.data.double())

    model = built_model(shape, generator=torch.Generator().manual_seed(0)).double()

    def work(processes):
        state = TrainingState(copy.deepcopy(model), training, pairs=len(pairs))
        steps = train(state, KoopmanObjective(latent_noise=0.3), pairs, pairs[:20], processes=processes)
        told = [(step.losses.total.item(), step.gradient_norm.item(), step.heldout) for step in steps]
        return state, told

    alone, told = work(Alone())
    assert max(norm for _, norm, _ in told) > 0.5, "gradients were clipped"
    several = in_threads(3, work)
    for state, said in several:
        assert said == several[0][1]
        for name, value in alone.module.state_dict().items():
            torch.testing.assert_close(state.module.state_dict()[name], value, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(state.batches.state_dict(), alone.batches.state_dict(), rtol=1e-5, atol=1e-6)
        assert torch.equal(state.batches.state_dict()["errors"], several[0][0].batches.state_dict()["errors"])
    assert said[-1][2].relative_rmse == pytest.approx(told[-1][2].relative_rmse, rel=1e-6)


def test_dropout_differs_between_parts_and_not_between_runs(config, data, tmp_path):
    parts = replace(config, training=replace(config.training, micro_batch=100))
    first = trained(parts, data, tmp_path / "first")
    assert same(first, trained(parts, data, tmp_path / "second"))
    assert not same(first, trained(config, data, tmp_path / "whole"))


def test_whatever_draws_from_torch_in_a_step_is_reproduced_and_torchs_state_left_alone(config, data):
    class Noisy(ResidualMLP):
        def forward(self, features, labels=None):
            return super().forward(functional.dropout(features, 0.5, self.training), labels)

    ends = []
    for _ in range(2):
        with seeded_modules(torch.Generator().manual_seed(0)):
            network = Noisy(2, 2, ResidualMLPConfig(width=8, blocks=1))
        module = DirectRegression(network, shape=(2,), scaling=Scaling(noise=80.0, data_mean=0.0, data=1.0))
        before = torch.random.get_rng_state()
        pairs = data.training()
        list(train(TrainingState(module, config.training, pairs=360), DirectObjective(), pairs, pairs[:9]))
        assert torch.equal(torch.random.get_rng_state(), before)
        ends.append(network.outward.weight.detach().clone())
        torch.rand(1)
    assert torch.equal(*ends)


def test_a_batch_of_less_than_a_pair_for_each_process_is_refused():
    assert own_rows(3, Alone(1, 3)) == range(1, 2)
    with pytest.raises(ValueError, match="expected a batch of at least one pair for each of 4 processes, got 3"):
        own_rows(3, Alone(1, 4))


@pytest.mark.parametrize("batches", [PermutationConfig(), ImportanceConfig(redraw_every=2)], ids=["ahead", "drawn"])
def test_pairs_on_disk_are_those_in_memory_and_are_read_ahead_where_that_can_be(config, data, monkeypatch, batches):
    training = replace(config.training, steps=6, batch=100, micro_batch=30, batches=batches)
    readers, ends = set(), []
    taken = MappedPairs.__getitem__

    def noted(pairs, rows):
        readers.add(threading.current_thread().name)
        return taken(pairs, rows)

    monkeypatch.setattr(MappedPairs, "__getitem__", noted)
    whole, count = data.training(), len(data.training())
    mapped = MappedPairs(noise=data.noise[:count], data=data.data[:count], labels=data.labels[:count])
    for pairs in (whole, mapped):
        model = built_model(model_config_of(config, data), generator=torch.Generator().manual_seed(0))
        state = TrainingState(model, training, pairs=count)
        steps = train(state, config.objective, pairs, data.heldout())
        next(steps)
        steps.close()  # and begun anew, as a training that resumes
        *_, last = train(state, config.objective, pairs, data.heldout())
        ends.append(last.losses.total)
    assert torch.equal(*ends)
    assert readers == ({"prefetching"} if isinstance(batches, PermutationConfig) else {"MainThread"})
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetching"]


def test_a_process_group_of_one_says_what_one_process_says(group):
    assert group == current_processes() == ProcessGroup(rank=0, count=1)
    tensors = [torch.ones(2, 3), torch.arange(4.0)]
    for processes in (group, Alone()):
        processes.add_up(tensors)
        assert torch.equal(tensors[0], torch.ones(2, 3))
        assert torch.equal(tensors[1], torch.arange(4.0))
        assert processes.anywhere(True)
        assert not processes.anywhere(False)
        assert processes.told(lambda: 5) == 5
        assert made_once(lambda: [7], processes) == [7]
        with pytest.raises(ZeroDivisionError):
            processes.told(lambda: 1 / 0)


def test_without_torchrun_there_is_one_process(monkeypatch):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with joined_processes(CPU) as processes:
        assert processes == Alone() == current_processes()
        assert not distributed.is_initialized()


def test_a_process_learns_that_the_first_failed_and_that_another_is_gone(monkeypatch):
    second = ProcessGroup(rank=1, count=2)

    def received(values, **_):
        values[0] = (None, "RunError: expected a folder")

    monkeypatch.setattr(distributed, "broadcast_object_list", received)
    with pytest.raises(ProcessLost, match="of rank 0 stopped, and so does that of rank 1: RunError: expected a folder"):
        second.told(lambda: None)

    def closed(*_, **__):
        raise RuntimeError("connection closed by peer\nin some file")

    monkeypatch.setattr(distributed, "all_reduce", closed)
    with pytest.raises(
        ProcessLost, match=r"expected 2 processes .* for 30 minutes: .* \(rank 1 met: connection closed"
    ):
        second.anywhere(False)


def test_each_process_has_a_device_of_its_own(monkeypatch):
    chosen, cuda = [], torch.device("cuda")
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert own_device(cuda) == cuda
    for name in together._STARTED_BY_TORCHRUN:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert own_device(CPU) == CPU
    assert own_device(cuda) == torch.device("cuda", 1)
    assert chosen == [1]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="expected a CUDA device for each process, got 1 for more: lower --nproc"):
        own_device(cuda)


def test_an_interrupt_of_another_process_stops_this_one_after_the_same_step(config, data, tmp_path, monkeypatch):
    class Told(Alone):
        steps = 0

        def anywhere(self, flag):
            Told.steps += 1
            return flag or Told.steps == 3

    whole = trained(config, data, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "current_processes", Told)
        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(Terminated):
            trained(config, data, tmp_path / "run")
        assert signal.getsignal(signal.SIGTERM) is before
    steps = distil(config, data, tmp_path / "run", device=CPU)
    assert next(steps).index == 4
    steps.close()
    assert same(trained(config, data, tmp_path / "run"), whole)


def test_processes_that_find_different_saves_do_not_train(config, data, tmp_path):
    class Elsewhere(Alone):
        def told(self, action):
            return 500 if action() == 0 else None

    model = built_model(model_config_of(config, data), generator=torch.Generator())
    state = TrainingState(model, config.training, pairs=10)
    with pytest.raises(RunError, match="expected a save after 500 steps in .* got one after 0 in that of rank 1: put"):
        sessions._resume(RunFolder(tmp_path), state, Elsewhere(rank=1, count=2))


def test_a_clipped_gradient_has_its_norm_logged_as_it_was_and_others_have_none(config, data, tmp_path):
    trained(config, data, tmp_path / "plain")
    assert all("gradient_norm" not in entry for entry in RunFolder(tmp_path / "plain").metrics())
    wide = replace(config, training=replace(config.training, clipping=1e6))
    trained(wide, data, tmp_path / "wide")
    norms = [entry["gradient_norm"] for entry in RunFolder(tmp_path / "wide").metrics()]
    assert len(norms) == 2
    assert all(0 < norm < 1e6 for norm in norms)
    narrow = replace(config, training=replace(config.training, clipping=norms[0] / 100, optimiser=AdamConfig()))
    steps = list(distil(narrow, data, tmp_path / "narrow", device=CPU))
    assert min(step.gradient_norm for step in steps) > norms[0] / 100
