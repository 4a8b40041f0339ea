"""Executes the notebooks: each `NN_name.py` (percent format) becomes `NN_name.ipynb`, with its outputs.

    python notebooks/build.py [--fast] [--out FOLDER] [NAME …]

Every notebook runs in a fresh folder, so that its outputs are those of a first run. What is built is read by people who
run nothing: output on the standard error stream, or a path of this machine, is refused.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
import tyro
from nbclient import NotebookClient
from nbformat import NotebookNode
from tyro.conf import FlagCreatePairsOff, Positional

FOLDER = Path(__file__).resolve().parent


class UnfitForReaders(ValueError):
    """A notebook's outputs show what concerns nobody but who built it."""


def executed(source: Path, *, work: Path, fast: bool) -> NotebookNode:
    """The notebook of a percent-format source, executed in `work`.

    Args:
        source: The `.py` file.
        work: An empty folder, in which the kernel runs and the notebook keeps its experiments.
        fast: Few pairs and little training.

    Raises:
        CellExecutionError: If a cell fails.
        UnfitForReaders: If it printed a warning or a path of this machine.
    """
    notebook = jupytext.read(source)
    environment = {**os.environ, "KDM_WORK": str(work), "KDM_FAST": "1" if fast else "0", "OMP_NUM_THREADS": "1"}
    client = NotebookClient(notebook, timeout=3600, record_timing=False, resources={"metadata": {"path": str(work)}})
    client.execute(env=environment)
    require_fit_for_readers(notebook, paths=[str(work), str(Path.home()), str(FOLDER.parent)])
    notebook.metadata.pop("jupytext", None)
    for index, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{index}", NotebookNode()
    return notebook


def require_fit_for_readers(notebook: NotebookNode, *, paths: Sequence[str]) -> None:
    """Refuses a notebook whose outputs hold a warning, or one of these paths.

    Raises:
        UnfitForReaders: If they do.
    """
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if output.get("name") == "stderr":
            raise UnfitForReaders(f"expected nothing on the standard error stream, got {output['text']!r}: mend it")
        pictures_aside = {kind: value for kind, value in output.get("data", {}).items() if kind.startswith("text/")}
        text = output.get("text", "") + "".join(pictures_aside.values())
        shown = [path for path in paths if path in text]
        if shown:
            raise UnfitForReaders(f"expected no path of this machine in an output, got {shown[0]!r}: print less")


def build(
    names: Positional[tuple[str, ...]] = (), *, fast: FlagCreatePairsOff[bool] = False, out: Path = FOLDER
) -> None:
    """Execute notebooks and save them with their outputs.

    Args:
        names: Sources without `.py`; all of them without a name.
        fast: Few pairs and little training: to see that everything runs.
        out: Where the notebooks go.
    """
    sources = [FOLDER / f"{name}.py" for name in names] or sorted(FOLDER.glob("[0-9][0-9]_*.py"))
    out.mkdir(parents=True, exist_ok=True)
    for source in sources:
        with tempfile.TemporaryDirectory() as work:
            notebook = executed(source, work=Path(work), fast=fast)
        built = out / source.with_suffix(".ipynb").name
        nbformat.write(notebook, built)
        print(built)


if __name__ == "__main__":
    tyro.cli(build, prog="python notebooks/build.py")
