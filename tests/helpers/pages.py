"""What a report's page holds."""

import json
import re

from plotly.offline import get_plotlyjs

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="300pt" height="200pt" '
    'viewBox="0 0 300 200" onload="alert(1)"><defs><style>*{stroke-linejoin: round}</style>'
    '<clipPath id="p"><rect width="9" height="9"/></clipPath></defs><script>alert(1)</script>'
    '<a xlink:href="https://example.org/"><text id="t">words that stay text</text></a>'
    '<use xlink:href="#t" clip-path="url(#p)" style="fill: url(https://example.org/)"/></svg>'
)


def page(folder) -> str:
    """The report of a study, without the library that draws its plots."""
    text = (folder / "report.html").read_text(encoding="utf-8")
    return text.replace(get_plotlyjs(), "")


def data(folder) -> dict:
    """What the page's script reads."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page(folder), re.S)[1])


def words(folder) -> str:
    """The page's text without what only scripts read."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", " ", page(folder))
    return " ".join(re.sub(r"<[^>]+>", "", body).split())


WIDE = "document.documentElement.scrollWidth > innerWidth"
