"""What the README says can be done."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

import kdm.teachers
import koopman_analysis
from kdm.__main__ import main as kdm_command
from paper_figures.__main__ import main as paper_figures_command

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [command.strip() for block in blocks("sh") for line in block.splitlines() for command in line.split("&&")]


def help_of(command: list[str], capsys) -> str:
    main = kdm_command if command[0] == "kdm" else paper_figures_command
    with pytest.raises(SystemExit) as stopped:
        main([*command[1:], "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


@pytest.mark.gallery
def test_the_python_runs_and_gives_the_verdicts_that_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = blocks("python")
    said = re.findall(r"# (Verdict\.[A-Z]+)", "".join(code))
    assert {"Verdict.SUPPORTED", "Verdict.REFUTED"} <= set(said)
    namespace: dict = {}
    for block in code:
        exec(compile(block, "README.md", "exec"), namespace)
    printed = re.findall(r"^Verdict\.[A-Z]+$", capsys.readouterr().out, flags=re.MULTILINE)
    assert printed == said
    assert namespace["samples"].shape == (1000, 2)
    assert {"closure_spectrum.pdf", "reports", "runs"} <= {path.name for path in tmp_path.iterdir()}


def test_every_command_exists_with_the_options_that_are_shown(capsys):
    ours = [command for command in COMMANDS if command.startswith(("kdm ", "python -m paper_figures"))]
    assert len(ours) > 5
    for command in ours:
        words = command.removeprefix("python -m ").split()
        help_text = help_of(words[:2] if words[0] == "kdm" else words[:1], capsys)
        for option in re.findall(r"--[a-z-]+", command):
            assert option in help_text, command


def test_every_subcommand_is_shown(capsys):
    subcommands = re.search(r"usage: kdm \[-h\] \{([a-z,]+)\}", help_of(["kdm"], capsys)).group(1).split(",")
    assert set(subcommands) == {command.split()[1] for command in COMMANDS if command.startswith("kdm ")}


def test_the_two_commands_install_extras_that_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = {}
    for name in ("main", "test"):
        (line,) = re.findall(rf"<!-- {name} command -->\n```sh\n(.*)\n```", README)
        install, _, then = line.partition(" && ")
        target = shlex.split(install)[-1]
        asked = re.search(r"\[(.*)\]", target)
        installed[name] = asked.group(1).split(",") if asked else []
        assert shlex.split(install)[:2] == ["pip", "install"]
        assert then in {"kdm verify", "pytest"}
    assert installed["main"] == []
    assert set(installed["test"]) <= set(extras)
    assert "test" in installed["test"]


def test_every_file_that_is_linked_is_there():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("https://")]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_names_in_the_notation_table_exist():
    table = README[README.index("## Notation") : README.index("## Map")]
    names = re.findall(r"`([A-Z][A-Za-z]+)\.([a-z_]+)`", table)
    assert len(names) > 5
    for owner, attribute in names:
        family = getattr(koopman_analysis, owner, None) or getattr(kdm.teachers, owner)
        assert attribute in {*dir(family), *family.__annotations__}, f"{owner}.{attribute}"
