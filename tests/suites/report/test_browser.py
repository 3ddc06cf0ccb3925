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


def test_it_works_in_a_browser(made, tmp_path):
    need(shutil.which("chromium"), "chromium")
    trials = pd.read_parquet(made / "tables/trials.parquet")
    with Browser() as browser:
        assert browser.open(made / "report.html") < 10
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
