import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_experiments import CPU, half_trained, same, trained

from kdm.configuration import to_json
from kdm.evaluation import paired_error
from kdm.teachers import named
from kdm.training.batches import ImportanceConfig, PermutationConfig
from kdm.training.distillation import distil, load
from kdm.training.loop import TrainingDiverged
from kdm.training.measurable import data_for
from kdm.training.optimisation import AdamConfig, SOAPConfig
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import collect, open_trajectories


def test_the_same_seed_gives_the_same_weights_bitwise_and_another_seed_does_not(config, data, tmp_path):
    first = trained(config, data, tmp_path / "first")
    assert same(first, trained(config, data, tmp_path / "second"))
    reseeded = replace(config, training=replace(config.training, seed=1))
    assert not same(first, trained(reseeded, data, tmp_path / "third"))


def test_training_leaves_the_global_random_state_and_threads_alone(config, data, tmp_path):
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    steps = distil(config, data, tmp_path / "run", device=CPU)
    next(steps)
    assert torch.get_num_threads() == threads
    list(steps)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    "batches", [PermutationConfig(), ImportanceConfig(redraw_every=3)], ids=["epochs", "importance"]
)
@pytest.mark.parametrize("optimiser", [SOAPConfig(smallest_side=2), AdamConfig()], ids=["soap", "adam"])
def test_ten_steps_are_five_and_an_interruption_and_five_bitwise(config, data, tmp_path, optimiser, batches):
    config = replace(config, training=replace(config.training, optimiser=optimiser, batches=batches))
    whole = trained(config, data, tmp_path / "whole")
    half_trained(config, data, tmp_path / "halves")
    at_half = load_file(tmp_path / "halves" / "model.safetensors")
    assert not same(at_half, whole), "half of the training must not be all of it"
    resumed = [step.index for step in distil(config, data, tmp_path / "halves", device=CPU)]
    assert resumed == [6, 7, 8, 9, 10]
    assert same(load_file(tmp_path / "halves" / "model.safetensors"), whole)
    assert RunFolder(tmp_path / "halves").metrics() == RunFolder(tmp_path / "whole").metrics()


def test_steps_after_the_last_save_are_made_again(config, data, tmp_path):
    whole = trained(config, data, tmp_path / "whole")
    steps = distil(config, data, tmp_path / "killed", device=CPU)
    for step in steps:
        if step.index == 8:
            steps.close()
    with open(tmp_path / "killed" / "metrics.jsonl", "a") as metrics:
        metrics.write('{"step": 7, "to')
    resumed = [step.index for step in distil(config, data, tmp_path / "killed", device=CPU)]
    assert resumed == [6, 7, 8, 9, 10]
    assert same(load_file(tmp_path / "killed" / "model.safetensors"), whole)
    assert RunFolder(tmp_path / "killed").metrics() == RunFolder(tmp_path / "whole").metrics()


def test_an_interrupt_waits_for_the_step_saves_and_is_then_raised(config, data, tmp_path):
    def interrupted() -> None:
        for step in distil(config, data, tmp_path / "interrupted", device=CPU):
            if step.index == 3:
                os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is before
    assert [step.index for step in distil(config, data, tmp_path / "interrupted", device=CPU)] == [5, 6, 7, 8, 9, 10]
    whole = trained(config, data, tmp_path / "whole")
    assert same(load_file(tmp_path / "interrupted" / "model.safetensors"), whole)


def test_a_finished_run_trains_no_further(config, data, tmp_path):
    whole = trained(config, data, tmp_path / "run")
    assert list(distil(config, data, tmp_path / "run", device=CPU)) == []
    assert same(load_file(tmp_path / "run" / "model.safetensors"), whole)


def test_training_brings_the_held_out_error_down_and_logs_it(config, data, tmp_path):
    config = replace(config, training=replace(config.training, steps=150, evaluate_every=50))
    measured = [step.heldout for step in distil(config, data, tmp_path / "run", device=CPU) if step.heldout]
    assert len(measured) == 3
    assert measured[-1].relative_rmse < 0.7 < 1.0, "the mean of the data has error 1"
    lines = RunFolder(tmp_path / "run").metrics()
    assert lines[-1]["heldout_paired_error"] == measured[-1].relative_rmse
    assert {"latent_linearity", "reconstruction", "prediction", "total", "learning_rate"} <= lines[0].keys()


def test_a_loaded_model_is_the_averaged_one(config, data, tmp_path):
    *_, last = distil(config, data, tmp_path / "run", device=CPU)
    assert paired_error(load(tmp_path / "run"), data.heldout()) == last.heldout


def test_another_experiment_in_the_folder_is_refused_by_name_and_left_alone(config, data, tmp_path):
    whole = trained(config, data, tmp_path / "run")
    other = replace(config, training=replace(config.training, batch=64))
    with pytest.raises(RunError, match=r"differs in training\.batch"):
        next(distil(other, data, tmp_path / "run", device=CPU))
    assert same(load_file(tmp_path / "run" / "model.safetensors"), whole)


def test_a_folder_with_other_files_is_refused(config, data, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for occupied in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(RunError, match="to be new or a RUN, got something else there: choose another"):
            next(distil(config, data, occupied, device=CPU))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_what_is_not_a_run_is_refused(config, data, tmp_path):
    with pytest.raises(RunError, match="no run at"):
        load(tmp_path / "nothing")
    trained(config, data, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "config.json").read_text())

    def with_record(text: str) -> Path:
        (tmp_path / "run" / "config.json").write_text(text)
        return tmp_path / "run"

    with pytest.raises(RunError, match="version 1 in .*, got version 2"):
        load(with_record(json.dumps(record | {"version": 2})))
    with pytest.raises(RunError, match="got a damaged one"):
        load(with_record(json.dumps(record | {"experiment": []})))
    with pytest.raises(RunError, match="the config.json of a kdm-run"):
        load(with_record("[]"))
    with pytest.raises(RunError, match="the run is damaged"):
        load(with_record("{"))
    with pytest.raises(RunError, match="expected a koopman-distillation"):
        load(with_record(json.dumps(record | {"experiment": record["experiment"] | {"kind": "other"}})))


def test_an_unfinished_run_is_not_loaded(config, data, tmp_path):
    half_trained(config, data, tmp_path / "run")
    with pytest.raises(RunError, match="got one at step 5 of 10"):
        load(tmp_path / "run")


def test_moved_data_are_the_same_experiment(config, data, tmp_path):
    shutil.copytree(data.folder, tmp_path / "moved")
    trained(config, data, tmp_path / "run")
    assert list(distil(config, open_trajectories(tmp_path / "moved"), tmp_path / "run", device=CPU)) == []
    assert RunFolder(tmp_path / "run").data_folder() == data.folder.resolve()


def test_a_run_is_not_measured_on_pairs_it_was_trained_on(config, data, tmp_path):
    trained(config, data, tmp_path / "run")
    assert data_for(tmp_path / "run", None).manifest.digest == data.manifest.digest
    fewer = collect(named("mixture"), 200, generator=torch.Generator().manual_seed(0), steps=12, out=tmp_path / "fewer")
    shared = {row.tobytes() for row in fewer.heldout().noise.numpy()}
    assert shared & {row.tobytes() for row in data.training().noise.numpy()}, "they would be"
    with pytest.raises(RunError, match="collect them with another --seed"):
        data_for(tmp_path / "run", tmp_path / "fewer")
    other = collect(named("mixture"), 200, generator=torch.Generator().manual_seed(1), steps=12, out=tmp_path / "other")
    assert data_for(tmp_path / "run", tmp_path / "other").manifest.digest == other.manifest.digest


def test_data_that_went_away_must_be_named(config, data, tmp_path):
    shutil.copytree(data.folder, tmp_path / "data")
    trained(config, open_trajectories(tmp_path / "data"), tmp_path / "run")
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(RunError, match="are not there any more: name the folder where they are now with --data"):
        data_for(tmp_path / "run", None)
    assert data_for(tmp_path / "run", tmp_path / "moved").manifest.digest == data.manifest.digest


def test_data_that_were_in_memory_must_be_named(config, tmp_path):
    memory = collect(named("mixture"), 100, generator=torch.Generator().manual_seed(0), steps=8)
    trained(config, memory, tmp_path / "run")
    with pytest.raises(RunError, match="name a data set with --data"):
        data_for(tmp_path / "run", None)


def test_missing_and_damaged_weights_are_refused_and_written_anew_from_the_state(config, data, tmp_path):
    whole = trained(config, data, tmp_path / "run")
    weights = tmp_path / "run" / "model.safetensors"
    content = weights.read_bytes()
    for damaged in (content[:100], content.replace(b'"steps"', b'"stops"')):
        weights.write_bytes(damaged)
        for use in (lambda: load(tmp_path / "run"), lambda: list(distil(config, data, tmp_path / "run", device=CPU))):
            with pytest.raises(RunError, match="weights that say their training steps.*: remove it, and the command"):
                use()
    weights.unlink()
    with pytest.raises(RunError, match="got one at step 0 of 10"):
        load(tmp_path / "run")
    assert list(distil(config, data, tmp_path / "run", device=CPU)) == []
    assert weights.read_bytes() == content
    assert same(load_file(weights), whole)


def test_weights_of_another_model_are_refused(config, data, tmp_path):
    trained(config, data, tmp_path / "run")
    wider = replace(config, architecture=replace(config.architecture, latent=5))
    trained(wider, data, tmp_path / "wider")
    shutil.copy(tmp_path / "wider" / "model.safetensors", tmp_path / "run")
    with pytest.raises(RunError, match="expected the weights of this model"):
        load(tmp_path / "run")


def test_a_damaged_state_is_refused(config, data, tmp_path):
    half_trained(config, data, tmp_path / "run")
    state = tmp_path / "run" / "state.pt"
    for content in (b"not a state", state.read_bytes()[:1000]):
        state.write_bytes(content)
        with pytest.raises(RunError, match="expected a training state"):
            list(distil(config, data, tmp_path / "run", device=CPU))


def test_a_state_is_never_unpickled_into_code(config, data, tmp_path):
    class Gadget:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "executed"),))

    half_trained(config, data, tmp_path / "run")
    torch.save({"step": Gadget()}, tmp_path / "run" / "state.pt")
    with pytest.raises(RunError, match="expected a training state"):
        list(distil(config, data, tmp_path / "run", device=CPU))
    assert not (tmp_path / "executed").exists()


def test_a_diverging_training_stops_with_advice(config, data, tmp_path):
    hot = replace(config, training=replace(config.training, optimiser=AdamConfig(learning_rate=1e30), steps=50))
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        list(distil(hot, data, tmp_path / "run", device=CPU))


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_resumes_to_the_same_weights(config, data, tmp_path, signal_number):
    config = replace(config, training=replace(config.training, steps=60, evaluate_every=20))
    whole = trained(config, data, tmp_path / "whole")
    program = textwrap.dedent(
        f"""
        import os, pathlib, signal, torch
        from kdm.configuration import from_json
        from kdm.training.distillation import DistillationConfig, distil
        from kdm.trajectories import open_trajectories
        config = from_json(DistillationConfig, {to_json(config)!r})
        data = open_trajectories({str(data.folder)!r})
        for step in distil(config, data, pathlib.Path({str(tmp_path / "killed")!r}), device=torch.device("cpu")):
            if step.index == 33:
                os.kill(os.getpid(), {int(signal_number)})
        """
    )
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert killed.returncode == (-signal.SIGKILL if signal_number == signal.SIGKILL else 143), killed.stderr
    assert killed.stderr == b""
    indices = [step.index for step in distil(config, data, tmp_path / "killed", device=CPU)]
    assert indices[0] == (21 if signal_number == signal.SIGKILL else 35)
    assert same(load_file(tmp_path / "killed" / "model.safetensors"), whole)
