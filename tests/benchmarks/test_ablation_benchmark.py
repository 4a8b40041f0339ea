"""The page of the ablations says what its measurements say; what they say is never asserted."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import ablations
from benchmarks.ablation_tables import ABLATION, DATA, ENERGY_DIFFERENCE, FLOOR, RATIO, grouped
from benchmarks.ablations import SEEDS, STEPS, halved, page, problems
from benchmarks.experiments import Profile
from kdm.ablations import ABLATIONS, PLAIN, SHARED
from kdm.ablations.study import Measurement, Quality
from kdm.presets import preset_named

STUDY = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from benchmarks.ablations import prepare_worker

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=prepare_worker) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        pool.submit(time.sleep, 300).result()
"""
EASY, HARD = DATA_SETS = ("mixture of 2", "mixture of 4")
FACTORS = {
    "identity": {EASY: 2.0, HARD: 2.0},
    "isometric": {EASY: 0.5, HARD: 1.0},
    SHARED: {EASY: 1.5, HARD: 3.0},
}
"""What a change multiplies errors by; 1 where nothing is said."""


@pytest.fixture
def groups():
    rng = np.random.default_rng(0)
    made = []
    for data in DATA_SETS:
        for seed in SEEDS:
            error = float(np.exp(rng.normal()))  # seeds differ by much, what is paired by little
            for ablation in ABLATIONS:
                factor = FACTORS.get(ablation, {}).get(data, 1.0) * float(np.exp(rng.normal(0, 0.01)))
                quality = Quality(paired_error=factor * error, median=factor * error / 10, energy_distance=-0.01)
                made.append(Measurement(problem=data, ablation=ablation, seed=seed, quality=quality, cpu_seconds=7.0))
    return grouped(reversed(made))


def test_every_ablation_is_compared_on_every_data_set_and_over_all(groups):
    together, each, levels, _ = page(groups, dict.fromkeys(DATA_SETS, 0.02)).tables
    changed = [name for name in ABLATIONS if name != PLAIN]
    assert [row[ABLATION] for row in together.rows] == changed
    assert [(row[DATA], row[ABLATION]) for row in each.rows] == [(data, name) for data in DATA_SETS for name in changed]
    for row in each.rows:
        expected = FACTORS.get(row[ABLATION], {}).get(row[DATA], 1.0)
        assert row[RATIO].estimate == pytest.approx(expected, rel=0.05)
        assert row[ENERGY_DIFFERENCE].estimate == pytest.approx(0, abs=1e-15)
    isometric = together.rows[changed.index("isometric")]
    assert isometric[RATIO].estimate == pytest.approx(np.sqrt(0.5), rel=0.05), "the geometric mean"
    assert [row[ABLATION] for row in levels.rows] == 2 * [*ABLATIONS, FLOOR]


def test_a_sentence_names_where_an_error_is_larger_smaller_or_open(groups):
    notes = page(groups, dict.fromkeys(DATA_SETS, 0.02)).notes
    identity, isometric, refitted = notes[:3]
    assert f"larger on {EASY} (× 2" in identity
    assert f"{HARD} (× " in identity
    assert "smaller" not in identity
    assert f"smaller on {EASY} (× 0.5" in isometric
    assert f"no difference shown on {HARD} (× " in isometric
    assert f"no difference shown on {EASY}" in refitted
    assert HARD in refitted


def test_one_shared_encoder_is_held_against_the_modes(groups):
    written = page(groups, dict.fromkeys(DATA_SETS, 0.02))
    hurts, with_modes = written.tables[3].rows
    # 1.5 on two modes and 3 on four: their geometric mean, and twice as much for a doubling.
    assert hurts["measured"].estimate == pytest.approx(np.sqrt(1.5 * 3), rel=0.05)
    assert with_modes["measured"].estimate == pytest.approx(2.0, rel=0.05)
    assert hurts["verdict"] == with_modes["verdict"] == "supported"
    assert "raised by 1.5: " in with_modes["controls"]
    assert "must be refuted" in with_modes["controls"]
    (told,) = [note for note in written.notes if note.startswith("**One encoder for all times costs the more")]
    assert "Supported: " in told


def test_a_measurement_of_another_seed_does_not_pair(groups):
    fewer = {**groups, (EASY, "identity"): groups[EASY, "identity"][:-1]}
    with pytest.raises(ValueError, match=f"expected the same seeds everywhere, got .* of identity on {EASY}"):
        page(fewer, dict.fromkeys(DATA_SETS, 0.02))


def test_a_reduced_preset_is_the_preset_but_for_its_size(tmp_path):
    full = problems(Profile(fast=False, work=tmp_path))
    assert [problem.name for problem in full[1:-1]] == list(ablations.RINGS)
    assert [problem.teacher.number_of_labels for problem in full[1:-1]] == list(ablations.RINGS.values())
    for problem, name in ((full[0], "checkerboard"), (full[1], "mixture"), (full[-1], "digits")):
        preset, reduced = preset_named(name).distillation, problem.distillation
        assert reduced.architecture == halved(preset.architecture)
        assert reduced.architecture.latent == preset.architecture.latent
        assert 2 * reduced.architecture.decoder.width == preset.architecture.decoder.width
        assert reduced.objective == preset.objective
        assert len(problem.keep) == ablations.INTERVALS + 1
        assert problem.keep[-1] == problem.solver_steps
        assert reduced.training.steps == STEPS[name] < preset.training.steps
        same = replace(
            reduced.training, steps=preset.training.steps, batch=preset.training.batch,
            evaluate_every=preset.training.evaluate_every,
        )  # fmt: skip
        assert same == preset.training


def is_running(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


@pytest.mark.slow
def test_no_worker_outlives_a_killed_study(tmp_path):
    script = tmp_path / "study.py"
    script.write_text(STUDY)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path)}
    study = subprocess.Popen([sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True)
    worker = int(study.stdout.readline())
    assert is_running(worker)
    study.send_signal(signal.SIGKILL)
    study.wait()
    until = time.monotonic() + 60
    while is_running(worker) and time.monotonic() < until:
        time.sleep(0.05)
    study.stdout.close()
    assert not is_running(worker)
