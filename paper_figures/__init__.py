"""The figures of the paper, one module each: `python -m paper_figures [--fast] [--width WIDTH] [NAME …]`.

Each module has `drawn(profile) -> Figure`, made of library calls. `README.md` says which claim each shows and where its
numbers come from.
"""
