"""The report: what it says, what it refuses, and how it behaves in a real browser."""

import base64
import json
import re
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

import synthetic
from browser import Browser
from conftest import need, uncrossed
from uncrossed.common.errors import InputError
from uncrossed.report import report
from uncrossed.results import trial_file

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="300pt" height="200pt" '
    'viewBox="0 0 300 200" onload="alert(1)"><defs><style>*{stroke-linejoin: round}</style>'
    '<clipPath id="p"><rect width="9" height="9"/></clipPath></defs><script>alert(1)</script>'
    '<a xlink:href="https://example.org/"><text id="t">words that stay text</text></a>'
    '<use xlink:href="#t" clip-path="url(#p)" style="fill: url(https://example.org/)"/></svg>'
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished study of seven pairs, one of them diverged, with its report."""
    folder = tmp_path_factory.mktemp("results") / "made-up"
    synthetic.study(folder, 7, diverged="vgg16-0005")
    report.make(folder)
    return folder


@pytest.fixture
def study(made, tmp_path):
    """A copy of the study that a test may change."""
    return shutil.copytree(made, tmp_path / "made-up")


def page(folder) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def data(folder) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page(folder), re.S)[1])


def words(folder) -> str:
    """The page's text without what only scripts read."""
    body = re.sub(r"(?s)<(script|style).*?</\1>", " ", page(folder))
    return " ".join(re.sub(r"<[^>]+>", "", body).split())


def test_the_summary_says_what_the_table_of_trials_holds(made):
    trials = pd.read_parquet(made / "tables/trials.parquet")
    text = words(made)
    means = trials[trials["both_completed"]].groupby("architecture")["difference"].mean()
    for architecture, mean in means.items():
        assert f"{architecture} With native semantics the mean difference" in text
        assert f"is +{mean:.4f}" in text
    assert f"{means.idxmax()} differs most" in text
    assert "Seed noise was not measured" in text
    assert "1 more did not complete in both frameworks" in text


def test_a_pair_has_its_curves_confusion_matrices_and_identity(made):
    found = data(made)
    for index, trial in enumerate(found["trials"]):
        for framework in ("pytorch", "tensorflow"):
            result = trial_file.read(made / f"trials/{trial}/{framework}.h5")
            side = found["pairs"][index][framework]
            assert side["sha"] == result.attributes["content_sha256"]
            matrix = np.reshape(side["confusion"], (10, 10))
            if trial == "vgg16-0005":
                assert side["skipped"] == 200
                assert matrix.sum() == 0
                continue
            assert matrix.sum(axis=1).tolist() == [20] * 10
            assert matrix.trace() / 200 == pytest.approx(result.curves["test_accuracy"][-1])
            assert side["accuracy"] == pytest.approx(result.curves["test_accuracy"], rel=1e-3)
            assert side["loss"] == pytest.approx(result.curves["train_loss"], rel=1e-3)


def test_the_same_results_elsewhere_make_the_same_bytes(made, tmp_path):
    folder = tmp_path / "another place/made-up"
    synthetic.study(folder, 7, diverged="vgg16-0005")
    uncrossed("report", folder)
    assert (folder / "report.html").read_bytes() == (made / "report.html").read_bytes()


def test_nothing_in_it_comes_from_elsewhere(made):
    assert not re.search(r"https?://(?!www\.w3\.org/)", page(made))
    assert str(made.parent) not in page(made)


@pytest.mark.parametrize("damage", ["missing", "truncated", "predictions", "another trial's"])
def test_a_bad_trial_file_is_refused_by_name_and_listed_where_that_is_asked_for(damage, study):
    name = "trials/resnet50-0001/tensorflow.h5"
    path = study / name
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "predictions":
        with h5py.File(path, "r+") as file:
            file["predictions/logits"][0, 0] += 1
    else:
        shutil.copy(study / "trials/resnet50-0004/tensorflow.h5", path)
    output = uncrossed("report", study, code=2).stdout
    assert name in output
    uncrossed("report", study, "--partial")
    assert "This report is partial 1 of 14 trial files are missing or not usable" in words(study)
    assert f"{name}: {'missing' if damage == 'missing' else 'damaged'}" in words(study)
    found = data(study)
    assert "sha" not in found["pairs"][found["trials"].index("resnet50-0001")]["tensorflow"]


def test_a_trial_file_that_cannot_be_read_is_not_called_damaged(study):
    name = "trials/resnet50-0001/tensorflow.h5"
    (study / name).unlink()
    (study / name).mkdir()
    assert f"{name}: cannot be read (Is a directory)" in uncrossed("report", study, code=1).stdout
    uncrossed("report", study, "--partial")
    assert f"{name}: cannot be read" in words(study)


def test_what_an_operating_system_puts_beside_files_changes_neither_report_nor_checksums(study):
    (study / "figures").mkdir(exist_ok=True)
    (study / "figures/a.svg").write_text(SVG)
    made = {}
    for _ in range(2):
        uncrossed("report", study)
        uncrossed("checksums", study)
        for name in ("report.html", "SHA256SUMS"):
            assert made.setdefault(name, (study / name).read_bytes()) == (study / name).read_bytes()
        for name in ("figures/._a.svg", "tables/._trials.csv", "tables/.nfs0001.json", "figures/Thumbs.db"):
            (study / name).write_bytes(b"Mac OS X")


def test_a_partial_table_makes_a_partial_report(study):
    shutil.rmtree(study / "trials/vgg16-0002")
    uncrossed("tables", study, "--partial")
    uncrossed("report", study, code=2)
    uncrossed("report", study, "--partial")
    assert "1 of 7 pairs have no result in the tables" in words(study)
    assert "tensorflow.h5: missing" in words(study)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tables/curves.parquet", None),
        ("tables/curves.parquet", "nothing"),
        ("tables/trials.parquet", None),
        ("tables/runs.parquet", None),
        ("tables/summary.csv", "a,b\n1,2\n"),
        ("tables/summary.csv", "architecture,semantics,statistic,value\nvgg16,native,pairs,none\n"),
        ("tables/attribution.csv", ""),
        ("figures/x.svg", "<svg"),
        ("figures/x.svg", "<html/>"),
        ("figures/captions.json", "["),
        ("figures/captions.json", '{"y": "Words."}'),
    ],
)
def test_a_bad_table_or_figure_is_refused_by_name(name, text, study):
    path = study / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    if name == "tables/runs.parquet":
        report.make(study)  # The trial files name devices and versions.
        return
    with pytest.raises(InputError, match=r"figures/y.svg" if "{" in (text or "") else re.escape(name)):
        report.make(study)


def test_a_published_table_alone_works(tmp_path):
    table = pd.DataFrame({"trial": ["a", "<b>"], "architecture": "vgg16", "learning_rate": [0.1, 0.2]})
    table = table.assign(pytorch_test_accuracy=[0.9, 0.5], tensorflow_test_accuracy=[0.4, 0.5])
    (tmp_path / "tables").mkdir()
    table.to_parquet(tmp_path / "tables/trials.parquet")
    report.make(tmp_path)
    assert "The 2 pairs of vgg16 are on average 0.2500 [0.0000, 0.5000] apart" in words(tmp_path)
    assert "<b>" not in page(tmp_path)
    assert data(tmp_path)["pairs"] == [{}, {}]
    assert data(tmp_path)["trials"] == ["a", "<b>"]


def test_semantics_are_called_as_an_ablation_calls_them_in_an_ablation_alone(study):
    trials = pd.read_parquet(study / "tables/trials.parquet")
    trials["semantics"] = ["published", "dropout=pytorch"] * 3 + ["native"]
    trials.assign(architecture="vgg16").to_parquet(study / "tables/trials.parquet")
    report.make(study)
    assert "vgg16published3" in words(study)
    assert "The 3 pairs of vgg16 are on average" in words(study), "the only native pair diverged"
    assert "vgg16dropout aligned alone" in words(study)
    (study / "tables/attribution.csv").write_text(
        "base,architecture,variant,mechanism,share\na,vgg16,only,dropout,0.5\n"
    )
    report.make(study)
    assert "vgg16batchnorm_variance aligned alone3" in words(study)


def test_no_text_of_a_study_is_read_as_html(tmp_path):
    evil = """"><script>alert(1)<script>'&amp;"""
    folder = tmp_path / evil
    (folder / "tables").mkdir(parents=True)
    table = pd.DataFrame({"trial": [evil], "architecture": [evil], "semantics": [evil], evil: [evil]})
    table = table.assign(pytorch_test_accuracy=[0.9], tensorflow_test_accuracy=[0.4])
    table.to_parquet(folder / "tables/trials.parquet")
    alone = {"base": evil, "architecture": evil, "variant": "only", "mechanism": evil, "share": 0.9, "native_gap": 0.5}
    pd.DataFrame([alone]).to_csv(folder / "tables/attribution.csv", index=False)
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


def test_it_takes_floors_bounds_and_causes_from_the_tables_that_have_them(study):
    lines = ["architecture,semantics,statistic,value,low,high"]
    lines += ["vgg16,native,difference_mean,0.5,0.41,0.59", "vgg16,native,seed_floor,0.02,0.01,0.03"]
    (study / "tables/summary.csv").write_text("\n".join(lines) + "\n")
    columns = "base,architecture,variant,mechanism,seeds,gap,gap_low,gap_high,native_gap,seed_floor,rounding_floor"
    columns += ",above_floors,share,share_low,share_high"
    rows = [
        "a,resnet50,only,stride,3,0.1,0,0.2,0.5,0.03,0.01,True,0.8,0.7,0.9",
        "a,resnet50,only,dropout,3,0.1,0,0.2,0.5,0.03,0.01,True,0.1,0.0,0.2",
        "a,resnet50,without,stride,3,0.1,0,0.2,0.5,0.03,0.01,True,0.85,0.75,0.95",
        "b,vgg16,only,dropout,3,0.01,0,0.2,0.01,0.03,0.01,False,,,",
        "c,densenet121,only,initializer,3,0.1,0,0.2,0.5,0.03,0.01,True,0.2,-0.1,0.9",
    ]
    (study / "tables/attribution.csv").write_text("\n".join([columns, *rows]) + "\n")
    report.make(study)
    text = words(study)
    assert "is +0.5000 [+0.4100, +0.5900]" in text
    assert "beyond seed noise: two seeds of the same framework are on average 0.0200 [0.0100, 0.0300] apart" in text
    assert "beyond seed noise: two seeds of the same framework are on average 0.0300 apart" in text
    assert (
        "stride explains 80% [70%, 90%] of the difference of +0.5000 when it alone is aligned; when all others" in text
    )
    assert "In the trial b the difference of +0.0100 is within the floors" in text
    assert "In the trial c no mechanism alone explains the difference" in text


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
    assert text.count("max-width: 400px") == 1, "300 points"
    assert '<a href="figures/a%20three.svg">Figure 3</a>' in text


def test_the_study_is_named_by_its_statement_wherever_it_lies(made, tmp_path):
    copy = shutil.copytree(made, tmp_path / "a copy")
    assert report.make(copy).read_bytes() == (made / "report.html").read_bytes()
    assert data(copy)["study"] == "made"
    (copy / "study.json").unlink()
    report.make(copy)
    assert data(copy)["study"] == "a copy"
    (copy / "study.json").write_text("{")
    with pytest.raises(InputError, match=r"study\.json"):
        report.make(copy)


def test_of_a_hundred_classes_a_pair_shows_those_that_are_confused_most(tmp_path):
    synthetic.study(tmp_path / "many", 3, classes=100, examples=2000)
    synthetic.study(tmp_path / "few", 3, classes=10, examples=2000)
    sizes = [report.make(tmp_path / name).stat().st_size for name in ("many", "few")]
    assert sizes[0] < sizes[1] + 3000
    for pair in data(tmp_path / "many")["pairs"]:
        assert pair["classes"]["all"] == 100
        assert len(pair["classes"]["shown"]) == 10
        for framework in ("pytorch", "tensorflow"):
            matrix = np.reshape(pair[framework]["confusion"], (11, 11))
            assert matrix.sum(axis=1).tolist() == [20] * 10 + [1800]
    assert not any("classes" in pair for pair in data(tmp_path / "few")["pairs"])


CELL = "[...document.querySelectorAll('#pairs tbody tr.pair:not([hidden])')].map(row => row.cells[%d].textContent)"
WIDE = "document.documentElement.scrollWidth > innerWidth"


def test_it_works_in_a_browser(made, tmp_path):
    need(shutil.which("chromium"), "chromium")
    trials = pd.read_parquet(made / "tables/trials.parquet")
    with Browser() as browser:
        assert browser.open(made / "report.html") < 3
        assert browser.run(CELL % 0) == list(trials["trial"])

        # Sorted by difference with the keyboard: the largest first, then the smallest, which `aria-sort` says.
        browser.run("document.querySelectorAll('#pairs thead button')[1].focus()")
        for key, ascending in (("Enter", False), ("Space", True)):
            browser.press(key)
            expected = trials.sort_values("difference", ascending=ascending, kind="stable")["trial"]
            assert browser.run(CELL % 0) == list(expected)
            says = browser.run("[...document.querySelectorAll('#pairs th[aria-sort]')].map(e => e.ariaSort)")
            assert says[1] == ("ascending" if ascending else "descending")
            assert set(says[:1] + says[2:]) == {"none"}

        # Filtered by architecture and by text.
        change = "{const e = document.getElementById('%s'); e.value = '%s'; e.dispatchEvent(new Event('%s'))}"
        browser.run(change % ("architecture", "vgg16", "change"))
        assert sorted(browser.run(CELL % 0)) == ["vgg16-0002", "vgg16-0005"]
        browser.run(change % ("filter", "VGG16 DIVERGED", "input"))
        assert browser.run(CELL % 0) == ["vgg16-0005"]
        assert browser.run("document.getElementById('count').textContent") == "1 of 7 pairs"

        # A diverged pair opens, too.
        browser.run("document.querySelector('#pairs tbody tr.pair:not([hidden]) button').focus()")
        browser.press("Enter")
        assert "200 examples without a finite prediction" in browser.run("document.querySelector('.panel').textContent")
        browser.run(change % ("filter", "", "input") + change % ("architecture", "", "change"))
        browser.run("document.querySelector('tr.detail').previousSibling.querySelector('button').click()")
        assert browser.run("document.querySelector('tr.detail').hidden")

        # A pair opens and shows both curves, two matrices, its files and how to build it again.
        browser.run("[...document.querySelectorAll('tr.pair')].find(e => e.textContent.includes('0003')).click()")
        panel = "document.querySelector('tr.detail:not([hidden]) .panel')"
        assert browser.run(f"{panel}.querySelectorAll('.curves .curve').length") == 4
        assert browser.run(
            f"[...{panel}.querySelectorAll('.curves .curve')].every(e => e.getAttribute('d').length > 9)"
        )
        assert browser.run(f"{panel}.querySelectorAll('table.confusion').length") == 2
        text = browser.run(f"{panel}.textContent")
        assert trial_file.read_attributes(made / "trials/densenet121-0003/pytorch.h5")["content_sha256"] in text
        assert (
            "snakemake --cores 4 results/made/trials/densenet121-0003/pytorch.h5 "
            "results/made/trials/densenet121-0003/tensorflow.h5 --configfile YOUR-STUDY.yaml"
        ) in text
        assert 'YOUR-STUDY.yaml is the study file that says "study: made".' in text
        assert not browser.run(WIDE)
        light = browser.run("getComputedStyle(document.body).backgroundColor")

        # On a phone the page does not scroll sideways, the table does.
        browser.open(made / "report.html", width=360, height=740)
        assert browser.run("location.hash = '#trial=vgg16-0002', innerWidth") == 360
        browser.run("new Promise(resolve => setTimeout(resolve, 50))")
        assert browser.run(f"{panel}.getBoundingClientRect().width <= 360")
        assert not browser.run(WIDE)
        assert browser.run("(e => e.scrollWidth > e.clientWidth)(document.getElementById('pairs').parentElement)")

        browser.open(made / "report.html", dark=True)
        assert browser.run("getComputedStyle(document.body).backgroundColor") != light
        assert browser.faults == []
        assert {address.split(":")[0] for address in browser.requests} <= {"file", "data", "about"}
        assert {a for a in browser.requests if a.startswith("file:")} == {(made / "report.html").as_uri()}


def test_figures_and_the_most_confused_classes_in_a_browser(tmp_path):
    need(shutil.which("chromium"), "chromium")
    synthetic.study(tmp_path, 1, classes=100, examples=2000)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/a.svg").write_text(SVG)
    report.make(tmp_path)
    with Browser() as browser:
        for width in (1200, 360):
            browser.open(tmp_path / "report.html", width=width)
            browser.run("document.querySelector('img').decode()")
            size = browser.run("(e => [e.naturalWidth, e.clientWidth])(document.querySelector('img'))")
            assert size[0] == 400
            assert 300 <= size[1] <= 400
            browser.run("document.querySelector('tr.pair button').click()")
            assert "Of 100 classes it shows the 10 that both models confuse most" in browser.run(
                "document.querySelector('.panel').textContent"
            )
            heads = browser.run("[...document.querySelectorAll('.confusion thead tr')].map(e => e.innerText.trim())")
            classes = [str(label) for label in data(tmp_path)["pairs"][0]["classes"]["shown"]]
            assert [head.split() for head in heads] == [[*classes, "others"]] * 2
            assert not browser.run(WIDE)
        assert browser.faults == []
        assert {address.split(":")[0] for address in browser.requests} <= {"file", "data", "about"}


def test_what_comes_from_data_is_shown_and_never_run_in_a_browser(tmp_path):
    need(shutil.which("chromium"), "chromium")
    evil = "</script><script>console.error(1)</script><img src=x onerror=console.error(2)>"
    table = pd.DataFrame({"trial": [evil], "architecture": [evil], evil: [evil]})
    table = table.assign(pytorch_test_accuracy=[0.9], tensorflow_test_accuracy=[0.4])
    (tmp_path / "tables").mkdir()
    table.to_parquet(tmp_path / "tables/trials.parquet")
    report.make(tmp_path)
    with Browser() as browser:
        browser.open(tmp_path / "report.html")
        browser.run("document.querySelector('tr.pair button').click()")
        assert browser.run("document.querySelector('tr.pair button').textContent") == evil
        assert evil in browser.run("document.querySelector('.panel').textContent")
        assert browser.run("document.querySelectorAll('img').length") == 0
        assert browser.faults == []
