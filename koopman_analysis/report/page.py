"""The report as one self-contained HTML page: no script, no network, its pictures inside."""

import base64
import json
import re
import struct
from collections import Counter
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from koopman_analysis.claims import Claim, Control
from koopman_analysis.report.document import Entry, Report, Table
from koopman_analysis.report.numbers import bound_of, measured, outcome_of, verdict_of
from koopman_analysis.report.terminal import control_summary


def html_page(report: Report, images: Mapping[str, bytes]) -> str:
    """The page.

    Args:
        report: What it shows.
        images: The report's figures as PNG, by name.
    """
    package = files("koopman_analysis.report")
    shown = {entry.figure for entry in report.entries}
    further = {name: image for name, image in images.items() if name not in shown}
    return Template(package.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=escape(report.title),
        style=package.joinpath("page.css").read_text(encoding="utf-8"),
        introduction=escape(report.introduction),
        tally=escape(_tally(list(report.claims.values()))),
        claims="\n".join(_claim(entry, images, report.command) for entry in report.entries),
        tables="\n".join(_table(table) for table in report.tables),
        pictures=_pictures(further),
        footer=_footer(report),
    )


def _tally(claims: list[Claim]) -> str:
    counts = Counter(verdict_of(claim) for claim in claims)
    order = ("supported", "refuted", "inconclusive", "not applicable")
    verdicts = ", ".join(f"{counts[word]} {word}" for word in order if counts[word])
    controls = [control for claim in claims for control in claim.controls]
    good = sum(control.behaves for control in controls)
    undecided = sum(not control.decided for control in controls)
    remark = f"; {undecided} stayed undecided, for want of samples" if undecided else ""
    return f"{len(claims)} claims: {verdicts}. {good} of {len(controls)} controls came out as they must{remark}."


def _claim(entry: Entry, images: Mapping[str, bytes], command: str) -> str:
    claim = entry.claim
    numbers = (measured(claim.interval), bound_of(claim)) if claim.applicable else ("–", "–")
    trusted = all(control.behaves or not control.decided for control in claim.controls)
    controls = control_summary(claim.controls) if claim.applicable else "–"
    cells = (
        f"<span>{escape(claim.hypothesis)}</span>",
        *(f'<span class="number">{escape(number)}</span>' for number in numbers),
        f'<span class="verdict {claim.verdict.value}">{verdict_of(claim)}</span>',
        f'<span class="controls{"" if trusted else " fails"}">{escape(controls)}</span>',
    )
    picture = "" if entry.figure is None else f"<figure>{_image(entry.figure, images[entry.figure])}</figure>"
    left, right = _formal(entry, command), _spoken(entry)
    return (
        f'<details id="{escape(claim.id)}"><summary class="row">{"".join(cells)}</summary>'
        f'<div class="body"><div>{picture}{left}</div><div class="words">{right}</div></div></details>'
    )


def _formal(entry: Entry, command: str) -> str:
    indexed = re.sub(r"_(\w+)", r"<sub>\1</sub>", escape(entry.explained.equation))
    equation = f'<div class="equation">{indexed}</div>'
    again = _headed("Again", f"<pre>{escape(command)}</pre>") if command else ""
    return _headed("Equation", equation) + again


def _spoken(entry: Entry) -> str:
    claim = entry.claim
    parts = [
        _headed("In plain words", f"<p>{escape(entry.explained.words)}</p>"),
        _headed("Verdict", f"<p>{escape(verdict_of(claim).capitalize())}: {escape(_reason(claim))}.</p>"),
    ]
    if claim.applicable:
        how = f"{claim.quantity}; {claim.interval.n} independent units, {claim.interval.method}"
        parts.append(_headed("Measured", f"<p>{escape(how[:1].upper() + how[1:])}.</p>"))
    if claim.controls:
        parts.append(_headed("Controls", _control_table(claim.controls)))
    return "".join(parts)


def _headed(title: str, content: str) -> str:
    return f"<h3>{title}</h3>{content}"


def _reason(claim: Claim) -> str:
    return claim.because.removeprefix("not applicable: ").rstrip(".")


def _control_table(controls: tuple[Control, ...]) -> str:
    rows = "".join(
        f"<tr><td>{escape(control.name)}</td><td>{escape(measured(control.interval))}</td>"
        f'<td class="{"" if control.behaves or not control.decided else "fails"}">must be {control.expected.value}, '
        f"{'is ' if control.decided else ''}{outcome_of(control)}</td></tr>"
        for control in controls
    )
    return f"<table>{rows}</table>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<h2>{escape(table.title)}</h2><div class="card"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _pictures(images: Mapping[str, bytes]) -> str:
    if not images:
        return ""
    cards = "".join(
        f'<figure class="picture{" wide" if _aspect(image) > 2.2 else ""}">{_image(name, image)}'
        f"<figcaption>{escape(_caption(name))}</figcaption></figure>"
        for name, image in images.items()
    )
    return f'<h2>Further pictures</h2><div class="pictures">{cards}</div>'


def _caption(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _image(name: str, image: bytes) -> str:
    encoded = base64.b64encode(image).decode("ascii")
    return f'<img alt="{escape(_caption(name))}" src="data:image/png;base64,{encoded}">'


def _aspect(image: bytes) -> float:
    """Width over height of a PNG, whose header begins with both (RFC 2083, section 4.1.1)."""
    width, height = struct.unpack(">II", image[16:24])
    return float(width / height)


def _footer(report: Report) -> str:
    command = f"<p>Again:</p><pre>{escape(report.command)}</pre>" if report.command else ""
    seed = {} if report.seed is None else {"seed": report.seed}
    facts = {**seed, **report.inputs, **report.environment}
    items = "".join(f"<dt>{escape(_caption(key))}</dt><dd>{escape(_fact(value))}</dd>" for key, value in facts.items())
    return f"{command}<dl>{items}</dl>"


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_fact(item)}" for key, item in value.items())
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
