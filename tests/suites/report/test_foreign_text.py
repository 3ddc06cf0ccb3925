"""Nothing in the report comes from elsewhere, and no text in it is read as HTML."""

import json
import re

import pandas as pd

from helpers.pages import SVG, page
from uncrossed.analysis.contributions import COLUMNS
from uncrossed.report import report


def test_nothing_in_it_comes_from_elsewhere(made):
    assert not re.search(r"https?://(?!www\.w3\.org/)", page(made))
    assert str(made.parent) not in page(made)


def test_no_text_of_a_study_is_read_as_html(tmp_path):
    evil = """"><script>alert(1)<script>'&amp;"""
    folder = tmp_path / evil
    (folder / "tables").mkdir(parents=True)
    table = pd.DataFrame({"trial": [evil], "architecture": [evil], "semantics": [evil], evil: [evil]})
    table = table.assign(pytorch_test_accuracy=[0.9], tensorflow_test_accuracy=[0.4])
    table.to_parquet(folder / "tables/trials.parquet")
    alone = {"base": "", "architecture": evil, "semantics": evil, "towards": evil, "fraction": evil, "factor": evil}
    alone |= {"quantity": "shapley", "configurations": 3, "seeds": 1, "value": 0.9, "significant": True}
    alone |= {"seeds_left_out": 0, "configurations_left_out": 0}
    pd.DataFrame([alone], columns=COLUMNS).to_csv(folder / "tables/attribution.csv", index=False)
    summary = {"architecture": evil, "semantics": evil, "statistic": evil, "value": 1.0}
    pd.DataFrame([summary]).to_csv(folder / "tables/summary.csv", index=False)
    for name in ("trajectory", "published"):
        pd.DataFrame({evil: [evil]}).to_csv(folder / f"tables/{name}.csv", index=False)
    (folder / "figures").mkdir()
    (folder / f"figures/{evil}.svg").write_text(SVG)
    (folder / "figures/captions.json").write_text(json.dumps({evil: evil}))
    report.make(folder)
    text = page(folder)
    # As often as it is shown it is escaped, once.
    escaped = "&#34;&gt;&lt;script&gt;alert(1)&lt;script&gt;&#39;&amp;amp;"
    json_too = r"\"\u003e\u003cscript\u003ealert(1)\u003cscript\u003e\u0027\u0026amp;"
    in_link = "%22%3E%3Cscript%3Ealert%281%29%3Cscript%3E%27%26amp%3B"
    assert text.count("alert") == text.count(escaped) + text.count(json_too) + text.count(in_link)
