"""The report says what the tables and files hold."""

import shutil

import numpy as np
import pandas as pd
import pytest

from helpers import synthetic
from helpers.commands import told, uncrossed
from helpers.pages import SVG, data, page, words
from uncrossed.analysis import recalibration
from uncrossed.analysis.contributions import COLUMNS
from uncrossed.common.errors import InputError
from uncrossed.report import report
from uncrossed.results import trial_file
from uncrossed.study.trial import FRAMEWORKS


def test_the_summary_says_what_the_table_of_trials_holds(made):
    trials = pd.read_parquet(made / "tables/trials.parquet")
    text = words(made)
    means = trials[trials["both_completed"]].groupby("architecture")["difference"].mean()
    for architecture, mean in means.items():
        assert f"{architecture} With native semantics the mean difference" in text
        assert f"is +{mean:.3f}, the median" in text, "no bounds of few configurations"
    assert f"Furthest apart in test accuracy are the pairs of {means.idxmax()}, on average" in text
    few = trials[trials["both_completed"]]["architecture"].value_counts().loc[lambda counts: counts < 5]
    assert f"{few.index[-1]} can hardly be compared with others, having fewer than 5 configurations" in text
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


def test_a_published_table_alone_works(tmp_path):
    table = pd.DataFrame({"trial": ["a", "<b>"], "architecture": "vgg16", "learning_rate": [0.1, 0.2]})
    table = table.assign(pytorch_test_accuracy=[0.9, 0.5], tensorflow_test_accuracy=[0.4, 0.5])
    (tmp_path / "tables").mkdir()
    table.to_parquet(tmp_path / "tables/trials.parquet")
    report.make(tmp_path)
    assert "The 2 pairs of vgg16 are on average 0.250 apart" in words(tmp_path)
    assert "<b>" not in page(tmp_path)
    assert data(tmp_path)["pairs"] == [{}, {}]
    assert data(tmp_path)["trials"] == ["a", "<b>"]


def test_it_takes_floors_and_bounds_from_the_summary(study):
    lines = ["architecture,semantics,statistic,value,low,high"]
    lines += ["vgg16,native,difference_mean,0.5,0.41,0.59", "vgg16,native,seed_distance_mean,0.02,0.01,0.03"]
    lines += ["vgg16,native,beyond_seeds_mean,0.3,0.2,0.4", "vgg16,native,seed_floor,0.05,,"]
    (study / "tables/summary.csv").write_text("\n".join(lines) + "\n")
    report.make(study)
    text = words(study)
    assert "is +0.500 [+0.410, +0.590]" in text
    assert (
        "Two seeds of the same framework are on average 0.020 [0.010, 0.030] apart, two seeds of different frameworks "
        "by +0.300 [+0.200, +0.400] further: that is beyond seed noise." in text
    )
    assert "Of differences that are nothing but another seed 95% stay below 0.050." in text


def test_it_says_what_a_factorial_says_with_signs_and_over_what(study):
    def rows(architecture: str, configurations: int, seeds: int, *lines: tuple) -> list[dict]:
        about = {"architecture": architecture, "semantics": "native", "towards": "pytorch", "fraction": "half"}
        about |= {"base": "", "configurations": configurations, "seeds": seeds}
        names = ("quantity", "factor", "value", "low", "high", "significant")
        return [about | dict(zip(names, line, strict=True)) for line in lines]

    none = float("nan")
    table = rows(
        *("resnet50", 8, 1),
        ("gap", "", 0.5, 0.4, 0.6, False),
        ("shapley", "stride", -0.1, -0.15, -0.05, True),
        ("shapley", "batchnorm_momentum", 0.58, 0.5, 0.66, True),
        ("shapley", "epsilons", 0.01, -0.1, 0.12, False),
        ("remaining", "", 0.01, -0.02, 0.04, False),
    )
    table += rows("vgg16", 1, 1, ("gap", "", 0.2, none, none, False), ("shapley", "dropout", 0.2, none, none, False))
    pd.DataFrame(table, columns=COLUMNS).to_csv(study / "tables/attribution.csv", index=False)
    report.make(study)
    text = words(study).replace("\u2212", "-")
    assert (
        "Over 8 configurations as native the gap is +0.5000 [+0.4000, +0.6000]. Of it batchnorm momentum contributes "
        "+0.5800 [+0.5000, +0.6600] and stride contributes -0.1000 [-0.1500, -0.0500]. Not told from chance: epsilons "
        "+0.0100 [-0.1000, +0.1200]. With all aligned +0.0100 [-0.0200, +0.0400] remains. The contributions rest on "
        "half of the combinations. In brackets: Student&#39;s t intervals over 8 configurations."
    ) in text
    assert "In one configuration as native the gap is +0.2000. Of one seed nothing is claimed: dropout +0.2000." in text


def test_an_order_of_architectures_is_said_to_be_more_than_chance_only_where_a_test_says_so(tmp_path):
    random = np.random.default_rng(0)
    gaps = np.concatenate([random.normal(0.3, 0.05, 30), random.normal(0.1, 0.05, 60), [0.6]])
    table = pd.DataFrame({"trial": [f"t{k}" for k in range(91)], "learning_rate": np.arange(91) / 1000})
    table = table.assign(architecture=np.repeat(["far", "near", "other", "few"], [30, 30, 30, 1]))
    table = table.assign(pytorch_test_accuracy=0.9, tensorflow_test_accuracy=0.9 - gaps)
    (tmp_path / "tables").mkdir()

    def said(rows):
        rows.to_parquet(tmp_path / "tables/trials.parquet")
        report.make(tmp_path)
        return words(tmp_path)

    whole = said(table[:90])
    assert "pairs of far, on average" in whole
    assert "further apart than those of near and other is more than chance" in whole
    rest = said(table[30:90])
    assert "it may be chance" in rest
    assert "more than chance" not in rest
    single = said(table)
    assert "pairs of few, on average 0.600 (1 pair); of far" in single
    assert "Warning: few can hardly be compared with others" in single
    assert "chance." not in single


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


def test_a_recalibrated_pair_says_so_until_its_files_are_others(study):
    trial = "densenet121-0000"
    paths = {framework: study / f"trials/{trial}/{framework}.h5" for framework in FRAMEWORKS}
    lines = [
        {"trial": trial, "architecture": "densenet121", "framework": framework, "state": recalibration.RECALIBRATED}
        | {"content_sha256": trial_file.read_attributes(path)["content_sha256"], "test_examples": 200}
        | {"test_accuracy": stored, "recalibrated_test_accuracy": then, "test_loss": 1, "recalibrated_test_loss": 1}
        for (framework, path), stored, then in zip(paths.items(), (0.9, 0.1), (0.91, 0.89), strict=True)
    ]
    recalibration.write(recalibration.completed(lines), study / "tables/recalibration.csv")
    report.make(study)
    assert "With exact running statistics" in words(study)
    found = data(study)
    pair = found["pairs"][found["trials"].index(trial)]
    assert [pair[framework]["recalibrated"] for framework in FRAMEWORKS] == [0.91, 0.89]
    assert pair["recalibrated"] == {"gap": pytest.approx(0.02), "share": pytest.approx(0.975)}
    assert "densenet121      1     0.8000       0.0200" in told("analyse", study)
    result = trial_file.read(paths["tensorflow"])
    result.curves["train_loss"][0] += 1
    trial_file.write(paths["tensorflow"], result)
    report.make(study)
    pair = data(study)["pairs"][found["trials"].index(trial)]
    assert "recalibrated" not in pair
    assert "recalibrated" not in pair["tensorflow"]
    assert pair["pytorch"]["recalibrated"] == 0.91
