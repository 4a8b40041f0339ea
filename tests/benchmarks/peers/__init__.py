"""The libraries that do the same work, each in an environment of its own, outside the repository.

    python -m tests.benchmarks.peers [--work runs/benchmarks/environments] [--interpreter PYTHON]

makes the environments (`environments`), a few minutes and two gigabytes for all. A peer that has none is a line in the
tables that says so. `worker` is what runs in them, `*_jobs` what each library is asked to do.
"""
