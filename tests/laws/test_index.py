"""The list of laws in README.md is the list of laws there are."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent


def written() -> dict[str, list[str]]:
    """The tests of each file, in the order of the file."""
    return {
        path.name: [
            node.name
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
    }


def listed() -> dict[str, list[str]]:
    """The same from README.md: a heading for each file, a table row for each sentence."""
    laws: dict[str, list[str]] = {}
    for line in (HERE / "README.md").read_text().splitlines():
        if line.startswith("## "):
            current = laws.setdefault(line.removeprefix("## "), [])
        elif line.startswith("| ") and line not in ("| law | source |", "| --- | --- |"):
            sentence = line.split("|")[1].strip().lower().replace("'", "")
            current.append("test_" + re.sub(r"\W+", "_", sentence))
    return laws


def test_the_readme_lists_exactly_the_laws_there_are():
    assert listed() == written()


def test_there_are_at_least_forty_laws():
    assert len({name for laws in written().values() for name in laws}) >= 40


def test_every_law_is_checked_on_inputs_that_hypothesis_draws():
    for path in HERE.glob("test_*.py"):
        if path == Path(__file__):
            continue
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                assert any("given(" in ast.unparse(decorator) for decorator in node.decorator_list), node.name
