"""The report: a study as one HTML file that stands alone.

`data.py` says what it shows, `answers.py` and `sentences.py` in which words, `page.html.jinja` in which order, with
`page.css` and `page.js`, which draws with Plotly's library. Nothing in it depends on clock, host, path or what a run
took, so equal results make equal reports.
"""

import os
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from uncrossed.common.files import write_text
from uncrossed.report import answers, data, script, sentences
from uncrossed.study import layout

HERE = Path(__file__).parent


def make(folder: str | os.PathLike[str], partial: bool = False) -> Path:
    """Write `report.html` of a study.

    Args:
        folder: the study's folder, with its tables.
        partial: list what is missing or damaged in the report instead of refusing.

    Returns:
        The report's path.

    Raises:
        InputError: no table of trials; a missing or damaged trial file, table or figure.
    """
    path = Path(folder) / layout.REPORT
    write_text(path, render(data.read(Path(folder), partial)))
    return path


def render(page: data.Page) -> str:
    """A page as HTML."""
    environment = Environment(
        autoescape=True,
        keep_trailing_newline=True,
        loader=FileSystemLoader(HERE),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    style, program = (Markup((HERE / name).read_text(encoding="utf-8")) for name in ("page.css", "page.js"))
    return environment.get_template("page.html.jinja").render(
        page=page,
        answers=answers,
        say=sentences,
        layout=layout,
        data=script.data(page),
        style=style,
        library=Markup(get_plotlyjs()),
        program=program,
    )
