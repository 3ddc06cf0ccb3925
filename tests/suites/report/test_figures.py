"""Figures are in the report byte by byte."""

import base64
import json
import re

from helpers.pages import SVG, page
from uncrossed.report import report


def test_figures_are_images_in_the_page_each_the_bytes_of_its_file(study):
    (study / "figures").mkdir()
    for name, width in (("one", 'width="300pt" '), ("two", ""), ("a three", 'width="90%" ')):
        (study / f"figures/{name}.svg").write_text(SVG.replace('width="300pt" ', width))
    (study / "figures/captions.json").write_text(json.dumps({"two": 'Two & a "<b>caption</b>".', "one": "One."}))
    report.make(study)
    text = page(study)
    images = re.findall(r'<img [^>]*src="data:image/svg\+xml;base64,([^"]+)">', text)
    drawn = [base64.b64decode(image) for image in images]
    assert drawn == [(study / f"figures/{name}.svg").read_bytes() for name in ("two", "one", "a three")]
    assert "<svg" not in text
    assert "alert" not in text
    assert "example.org" not in text
    assert text.index("Two &amp; a &#34;&lt;b&gt;caption") < text.index("One.</figcaption>")
    assert text.count("flex-basis: 525px") == 1, "300 points"
    assert '<a href="figures/a%20three.svg">Figure 3</a>' in text
