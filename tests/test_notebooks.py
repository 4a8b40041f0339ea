"""Notebooks run, and what is committed of them is what their sources say."""

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from notebooks.build import UnfitForReaders, build, require_fit_for_readers

FOLDER = Path(__file__).parents[1] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
MEGABYTE = 2**20

each_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def cells(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def images(notebook):
    return [output for cell in code(notebook) for output in cell.outputs if "image/png" in output.get("data", {})]


def printing(text, *, stream):
    cell = new_code_cell("print(…)", outputs=[new_output("stream", name=stream, text=text)])
    return new_notebook(cells=[cell])


def test_there_are_notebooks():
    assert SOURCES


@each_notebook
def test_a_built_notebook_has_the_cells_of_its_source(source):
    assert cells(nbformat.read(source.with_suffix(".ipynb"), as_version=4)) == cells(jupytext.read(source))


@each_notebook
def test_a_built_notebook_was_run_once_from_top_to_bottom_and_is_small(source):
    built = source.with_suffix(".ipynb")
    notebook = nbformat.read(built, as_version=4)
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert images(notebook)
    assert built.stat().st_size < 1.5 * MEGABYTE
    require_fit_for_readers(notebook, paths=["/home/", "/Users/", "/tmp/", str(FOLDER.parent)])


@pytest.mark.gallery
@each_notebook
def test_a_notebook_runs(source, tmp_path):
    build((source.stem,), fast=True, out=tmp_path / "built")
    notebook = nbformat.read(tmp_path / "built" / source.with_suffix(".ipynb").name, as_version=4)
    nbformat.validate(notebook)
    assert len(images(notebook)) == len(images(nbformat.read(source.with_suffix(".ipynb"), as_version=4)))


def test_warnings_and_paths_are_kept_from_readers():
    require_fit_for_readers(printing("held-out error 1 %", stream="stdout"), paths=["/home/ada"])
    with pytest.raises(UnfitForReaders, match="nothing on the standard error stream, got 'DeprecationWarning'"):
        require_fit_for_readers(printing("DeprecationWarning", stream="stderr"), paths=[])
    with pytest.raises(UnfitForReaders, match="no path of this machine in an output, got '/home/ada'"):
        require_fit_for_readers(printing("saved in /home/ada/runs", stream="stdout"), paths=["/home/ada"])
