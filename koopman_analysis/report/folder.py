"""A report as a folder that appears complete or not at all.

    index.html      one page, its pictures inside        claims.json     the same claims for machines
    figures/        every picture as PDF and PNG

Everything is written beside the destination and moved into place at the end, so that an interrupted run leaves the
older report as it was. A kill leaves what it had written, hidden; the next save to the same destination removes it.
"""

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from koopman_analysis.figures.style import save_figure
from koopman_analysis.report.document import Report
from koopman_analysis.report.page import html_page


def write_report(report: Report, folder: Path) -> Path:
    """Writes the report and returns the path of its page.

    Raises:
        FileExistsError: If the folder holds anything that is not a report.
    """
    require_report_or_nothing(folder)
    place = folder.resolve()  # where a link points to
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.{os.getpid()}-") as beside:
        complete, older = Path(beside, "complete"), Path(beside, "older")
        _write_files(report, complete)
        try:
            if place.exists():
                place.rename(older)
            complete.rename(place)
        except BaseException:
            if older.exists() and not place.exists():
                older.rename(place)
            raise
    _clear_killed(place)
    return folder / "index.html"


def require_report_or_nothing(folder: Path) -> None:
    """Refuses a destination that holds something else than an older report; to be called before hours of work, too.

    Raises:
        FileExistsError: If it does, or is the working folder or a mount point.
    """
    if not folder.exists():
        return
    is_report = folder.is_dir() and (folder / "claims.json").is_file() and (folder / "index.html").is_file()
    if not is_report and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(
            f"expected {str(folder)!r} to be absent, empty or an older report, got something else: "
            "choose another folder, or remove it yourself"
        )
    if os.path.ismount(folder) or folder.samefile(os.curdir):
        raise FileExistsError(
            f"expected {str(folder)!r} to be a folder that can be replaced, got the working folder or a mount point: "
            "choose a folder inside of it"
        )


def saved_inputs(folder: Path) -> dict[str, Any] | None:
    """What went into the report in a folder; None where there is none, or its `claims.json` does not say."""
    try:
        return dict(json.loads((folder / "claims.json").read_text(encoding="utf-8"))["inputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _clear_killed(place: Path) -> None:
    """Removes what processes that are gone left beside a report."""
    for path in place.parent.glob(".*-*"):
        match = re.fullmatch(rf"\.{re.escape(place.name)}\.(\d+)-\w+", path.name)
        if match is not None and path.is_dir() and not _is_running(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True  # signal 0 is a question on POSIX only
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # someone else's
    return True


def _write_files(report: Report, folder: Path) -> None:
    pictures = folder / "figures"
    pictures.mkdir(parents=True)
    saved: dict[str, Path] = {}
    for name in report.pictures:
        saved[name] = save_figure(report.figure(name), pictures / name)[1]
    text = json.dumps(report.to_json(), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "claims.json").write_text(text + "\n", encoding="utf-8")
    images = {name: path.read_bytes() for name, path in saved.items()}
    (folder / "index.html").write_text(html_page(report, images), encoding="utf-8")
