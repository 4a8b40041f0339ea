"""The house rules that a program can check."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "kdm").rglob("*.py")) + sorted((ROOT / "koopman_analysis").rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_there_are_sources_to_check():
    assert len(SOURCES) > 30


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_keeps_the_house_rules(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 300, "above 300 lines the glossary is missing a word"
    assert path.stem not in {"utils", "helpers", "misc", "common"}
    assert ast.get_docstring(tree), "a module begins with its mathematics"
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            text_of_it = ast.get_docstring(node, clean=False) or ""
            lines = (node.end_lineno or 0) - node.lineno + 1 - len(text_of_it.splitlines())
            assert lines <= 50, f"{node.name} has {lines} lines of code"
    for node in tree.body:
        if isinstance(node, FUNCTIONS):
            assert node.name != path.stem, "a function does not bear its module's name"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_touches_a_global_seed(path):
    forbidden = {"np.random.seed", "numpy.random.seed", "random.seed"}
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert not calls & forbidden
    if "torch.manual_seed" in calls:
        assert "torch.random.fork_rng" in calls, "the global seed may be set only inside a fork of it"
