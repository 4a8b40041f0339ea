"""What is measured, not asserted: accuracy and cost on a named machine, one page a benchmark in `results/`.

    python -m tests.benchmarks                    all of them
    python -m tests.benchmarks published digits   some of them
    python -m tests.benchmarks --fast             to see that everything runs: pages go to `runs/benchmarks/fast`

Every benchmark's module has a function `measured(profile)` that returns a page. They want the extra `bench`; those of
training, the published trajectories in the folder that KDM_REFERENCE_DATA names; those of operators, other libraries
beside this one, which `python -m tests.benchmarks.peers` installs (`edmd`, `edmd_wide`, `dmd`, `spurious`), and Linux,
whose /proc tells memory.
"""
