"""The report works in a real browser."""

import shutil

import pandas as pd

from helpers import synthetic
from helpers.browser import Browser
from helpers.commands import need
from helpers.pages import SVG, WIDE, data
from uncrossed.report import report
from uncrossed.results import trial_file

CELL = "[...document.querySelectorAll('#pairs tbody tr.pair:not([hidden])')].map(row => row.cells[%d].textContent)"
CHANGE = "{const e = document.querySelector(%r); e.value = %r; e.dispatchEvent(new Event(%r))}"
PANEL = "document.getElementById('pair')"
POINTS = """[...document.querySelectorAll('#plot .points path')].map(path => {
  const box = path.getBoundingClientRect();
  return [(box.left + box.right) / 2, (box.top + box.bottom) / 2, getComputedStyle(path).fill];
})"""
LABEL = "document.querySelector('#plot .hoverlayer').textContent"


def names(browser: Browser, trials: list[str]) -> dict[str, tuple[float, float, str]]:
    """What the plot calls each of its points when one points at it: place in the window and colour, by trial."""
    browser.run("document.getElementById('plot').scrollIntoView()")
    found = {}
    for x, y, colour in browser.run(POINTS):
        browser.point(1, 1)
        browser.point(x, y)
        label = browser.run(f"new Promise(resolve => setTimeout(() => resolve({LABEL}), 100))")
        found |= {trial: (x, y, colour) for trial in trials if trial in label}
    return found


def opened(browser: Browser) -> str | None:
    """The name of the pair that is open."""
    return browser.run(f"{PANEL}.hidden ? null : {PANEL}.querySelector('h3').textContent")


def test_the_table_and_an_opened_pair_in_a_browser(made):
    need(shutil.which("chromium"), "chromium")
    trials = pd.read_parquet(made / "tables/trials.parquet")
    with Browser() as browser:
        assert browser.open(made / "report.html", width=1280) < 10
        tables = "[...document.querySelectorAll('.answers .scroll')]"
        assert not browser.run(f"{tables}.some(e => e.scrollWidth > e.clientWidth)")
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

        # A diverged pair opens with the keyboard, and closes.
        browser.run(CHANGE % ("#filter", "VGG16 DIVERGED", "input"))
        browser.run("document.querySelector('#pairs tbody tr.pair:not([hidden]) button').focus()")
        browser.press("Enter")
        assert opened(browser) == "vgg16-0005"
        assert "200 examples without a finite prediction" in browser.run(f"{PANEL}.textContent")
        assert browser.run("location.hash") == "#trial=vgg16-0005"
        browser.run(f"[...{PANEL}.querySelectorAll('button')].at(-1).click()")
        assert opened(browser) is None
        assert browser.run("location.hash") == ""
        browser.run(CHANGE % ("#filter", "", "input"))

        # The cheapest step comes first.
        row = "[...document.querySelectorAll('tr.pair')].find(e => e.textContent.includes('densenet121-0000'))"
        browser.run(f"{row}.click()")
        plan = browser.run(f"{PANEL}.querySelector('.plan').innerText")
        places = [plan.index(words) for words in ("without any training", "uncrossed recalibrate", "uncrossed explain")]
        assert places == sorted(places)
        assert "config/STUDY.yaml is the study file that says 'study: made'" in plan

        # A pair says what became of it, and shows all curves, two matrices, its files and how to build it again.
        browser.run("[...document.querySelectorAll('tr.pair')].find(e => e.textContent.includes('vgg16-0002')).click()")
        assert opened(browser) == "vgg16-0002"
        said = browser.run(f"{PANEL}.querySelector('.answer').textContent")
        assert said.startswith(
            "Both learnt the training examples equally well (training accuracy 0.950 and 0.950), but Te"
        )
        lines = (
            f"[...{PANEL}.querySelectorAll('.chart')].map(e => [...e.querySelectorAll('.scatterlayer path.js-line')]"
        )
        drawn = browser.run(lines + ".map(path => path.getAttribute('d').length))")
        assert list(map(len, drawn)) == [4, 2]
        assert min(map(min, drawn)) > 9
        assert browser.run(f"{PANEL}.querySelectorAll('table.confusion').length") == 2
        text = browser.run(f"{PANEL}.textContent")
        assert trial_file.read_attributes(made / "trials/vgg16-0002/pytorch.h5")["content_sha256"] in text
        assert (
            "snakemake --cores 4 results/made/trials/vgg16-0002/pytorch.h5 "
            "results/made/trials/vgg16-0002/tensorflow.h5 --configfile YOUR-STUDY.yaml"
        ) in text
        assert 'YOUR-STUDY.yaml is the study file that says "study: made".' in text
        # From there to the next of the table.
        order = browser.run(CELL % 0)
        browser.run(f"{PANEL}.querySelectorAll('button')[1].click()")
        assert opened(browser) == order[(order.index("vgg16-0002") + 1) % len(order)]
        assert not browser.run(WIDE)
        assert browser.faults == []
        assert {address.split(":")[0] for address in browser.requests} <= {"file", "data", "about"}
        assert {a for a in browser.requests if a.startswith("file:")} == {(made / "report.html").as_uri()}


def test_the_plot_names_and_opens_pairs_and_filters_act_on_it_and_the_table_in_a_browser(made):
    need(shutil.which("chromium"), "chromium")
    trials = list(pd.read_parquet(made / "tables/trials.parquet")["trial"])
    with Browser() as browser:
        browser.open(made / "report.html")
        found = names(browser, trials)
        assert sorted(found) == sorted(trials)
        # One that trained, one that fails in evaluation, one that diverged.
        colours = [found[trial][2] for trial in ("vgg16-0005", "vgg16-0002", "resnet50-0001", "resnet50-0004")]
        assert len(set(colours)) == 3
        assert colours[2] == colours[3]
        browser.point(*found["vgg16-0002"][:2])
        said = browser.run(f"new Promise(resolve => setTimeout(() => resolve({LABEL}), 100))")
        assert f"difference {data(made)['numbers'][trials.index('vgg16-0002')][0][3]}; evaluation failure" in said
        browser.point(*found["densenet121-0003"][:2], click=True)
        assert opened(browser) == "densenet121-0003"
        # A row that one points at is named in the plot.
        row = "[...document.querySelectorAll('tr.pair')].find(e => e.textContent.includes('resnet50-0004'))"
        browser.run(f"{row}.dispatchEvent(new Event('mouseover', {{bubbles: true}}))")
        assert "resnet50-0004" in browser.run(LABEL)

        for change, shown in (
            (CHANGE % ('[data-column="architecture"]', "vgg16", "change"), ["vgg16-0002", "vgg16-0005"]),
            ("document.querySelector('.kinds [value=\"diverged\"]').click()", ["vgg16-0002"]),
            (CHANGE % ('[data-column="architecture"]', "", "change"), sorted({*trials} - {"vgg16-0005"})),
            (CHANGE % ("#filter", "NET121-0003", "input"), ["densenet121-0003"]),
            (CHANGE % ("#least", "0.9", "input"), []),
        ):
            browser.run(change)
            assert browser.run(CELL % 0) == shown
            ring = "densenet121-0003" in shown  # around the pair that is open
            assert len(browser.run(POINTS)) == len(shown) + ring
            assert browser.run("document.getElementById('count').textContent") == f"{len(shown)} of 7 pairs"
        assert browser.faults == []


def test_a_phone_and_a_dark_page_in_a_browser(made):
    need(shutil.which("chromium"), "chromium")
    looks = {}
    with Browser() as browser:
        for dark in (False, True):
            # The page does not scroll sideways, the table does.
            browser.open(made / "report.html", width=390, height=844, dark=dark)
            # All answers are on the first screen.
            assert browser.run("[...document.querySelectorAll('.answer')].at(-1).getBoundingClientRect().bottom") < 844
            assert browser.run("location.hash = '#trial=vgg16-0002', innerWidth") == 390
            browser.run("new Promise(resolve => setTimeout(resolve, 50))")
            assert opened(browser) == "vgg16-0002"
            assert browser.run(f"{PANEL}.getBoundingClientRect().width <= 390")
            widths = "[...document.querySelectorAll('#plot, .chart')].map(e => e.getBoundingClientRect().right)"
            assert max(browser.run(widths)) <= 390
            assert not browser.run(WIDE)
            assert browser.run("(e => e.scrollWidth > e.clientWidth)(document.getElementById('pairs').parentElement)")
            looks[dark] = {colour for _, _, colour in browser.run(POINTS)} - {"none"}
            looks[dark].add(browser.run("getComputedStyle(document.body).backgroundColor"))
        assert not looks[False] & looks[True]
        assert browser.faults == []


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
            assert 300 <= size[1] <= 525
            browser.run("document.querySelector('tr.pair button').click()")
            assert "Of 100 classes it shows the 10 that both models confuse most" in browser.run(
                "document.getElementById('pair').textContent"
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
        assert evil in browser.run("document.getElementById('pair').textContent")
        assert browser.run("document.querySelectorAll('img').length") == 0
        browser.run("void Plotly.Fx.hover('plot', [{curveNumber: 0, pointNumber: 0}])")
        assert evil in browser.run(LABEL)
        assert browser.faults == []
