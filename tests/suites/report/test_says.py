"""The report says what the tables and files hold."""

import html
import shutil

import numpy as np
import pandas as pd
import pytest

from helpers import synthetic
from helpers.commands import uncrossed
from helpers.pages import SVG, data, page, words
from uncrossed.analysis import recalibration
from uncrossed.common.errors import InputError
from uncrossed.report import report
from uncrossed.report.sentences import MINUS, NONE
from uncrossed.results import tables, trial_file


def test_the_summary_says_what_the_table_of_trials_holds(made):
    trials = pd.read_parquet(made / "tables/trials.parquet")
    text = words(made)
    means = trials[trials["both_completed"]].groupby("architecture")["difference"].mean()
    for architecture, mean in means.items():
        assert f"{architecture} With native semantics the mean difference" in text
        assert f"is +{mean:.3f}" in text
    order = means.sort_values(ascending=False)
    others = "".join(f", of {name} {mean:.3f}" for name, mean in order[1:].items())
    assert f"On average pairs of {order.index[0]} are {order.iloc[0]:.3f} apart{others}. PyTorch is ahead in 6 " in text
    assert "Not measured in this study: how far another seed alone puts a pair apart and what the differences" in text
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
            for name in ("test_accuracy", "train_accuracy", "train_loss"):
                assert side[name] == pytest.approx(result.curves[name], rel=1e-3)


def test_the_same_results_elsewhere_make_the_same_bytes(made, tmp_path):
    folder = tmp_path / "another place/made-up"
    synthetic.study(folder, 7, diverged="vgg16-0005", failed="vgg16-0002")
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
    table = pd.DataFrame({"trial": ["a", "<u>"], "architecture": "vgg16", "learning_rate": [0.1, 0.2]})
    table = table.assign(pytorch_test_accuracy=[0.9, 0.5], tensorflow_test_accuracy=[0.4, 0.5])
    (tmp_path / "tables").mkdir()
    table.to_parquet(tmp_path / "tables/trials.parquet")
    report.make(tmp_path)
    assert "On average pairs of vgg16 are 0.250 apart. PyTorch is ahead in 1 of 2 pairs." in words(tmp_path)
    assert "<u>" not in page(tmp_path)
    assert data(tmp_path)["pairs"] == [{}, {}]
    assert data(tmp_path)["trials"] == ["a", "<u>"]


def test_it_takes_noise_and_bounds_from_the_summary(study):
    lines = ["architecture,semantics,statistic,value,low,high"]
    lines += ["vgg16,native,difference_mean,0.5,0.41,0.59", "vgg16,native,seed_distance_mean,0.02,0.01,0.03"]
    lines += ["vgg16,native,beyond_seeds_mean,0.3,0.2,0.4", "vgg16,native,seed_floor,0.05,,"]
    (study / "tables/summary.csv").write_text("\n".join(lines) + "\n")
    report.make(study)
    text = words(study)
    assert "is +0.500 [+0.410, +0.590]" in text
    assert "Where seeds were repeated, two of one framework are 0.020, an unknown distance and an unknown" in text
    assert (
        "Where seeds were repeated, two of the same framework are on average 0.020 [0.010, 0.030] apart, two of "
        "different frameworks by +0.300 [+0.200, +0.400] further: that is beyond seed noise." in text
    )
    assert "Of differences that are nothing but another seed 95% stay below 0.050." in text
    assert "Not measured in this study: what the differences come from." in text
    unbounded = "\n".join(lines).replace("0.02,0.01,0.03", "0.02,,").replace("0.3,0.2,0.4", "0.3,,")
    (study / "tables/summary.csv").write_text(unbounded + "\n")
    report.make(study)
    text = words(study)
    assert "further; this has no interval, so that nothing is said of other configurations." in text
    assert "beyond seed noise" not in text


def test_the_second_answer_says_which_kinds_of_pairs_hold_how_much_of_all_distance(made):
    trials = pd.read_parquet(made / "tables/trials.parquet").set_index("trial")
    done = trials[trials["both_completed"]]
    share = done.loc["vgg16-0002", "difference"] / done["difference"].sum()
    assert trials.loc["vgg16-0002", "diagnosis"] == "evaluation failure"
    text = words(made)
    assert f"{1 - share:.0%} of all distance lies in the 5 of 7 pairs in which both trained" in text
    difference = done.loc["vgg16-0002", "difference"]
    assert f"evaluation failure TensorFlow 11+{difference:.3f}{share:.0%}" in text
    assert f"diverged PyTorch 1, TensorFlow 11{NONE}{NONE}" in text


def recalibrated(folder, trial, stored, exact, state=recalibration.RECALIBRATED):
    """The lines of a pair in the table of recalibrated models, by its test accuracies."""
    return [
        {
            **{"trial": trial, "architecture": trial.partition("-")[0], "framework": side, "state": state},
            "content_sha256": trial_file.read_attributes(folder / f"trials/{trial}/{side}.h5")["content_sha256"],
            **{"test_examples": 100, "test_accuracy": stored[k], "recalibrated_test_accuracy": exact[k]},
            **{"test_loss": 1.0, "recalibrated_test_loss": 1.0},
        }
        for k, side in enumerate(("pytorch", "tensorflow"))
    ]


def test_the_third_answer_is_a_sum_of_contributions(study):
    """Of a factorial of three configurations, and of models that were recalibrated."""
    columns = "architecture,semantics,towards,fraction,base,configurations,seeds"
    columns += ",seeds_left_out,configurations_left_out,quantity,factor,value,low,high,p_holm,significant"
    columns += ",share,share_low,share_high"
    about = "densenet121,native,pytorch,half,,3,1,4,1,"
    rows = [
        about + "gap,,0.3,0.2,0.4,,False",
        about + "shapley,batchnorm_momentum,0.25,0.15,0.35,0.01,True",
        about + "shapley,initialisation,0.04,-0.01,0.09,0.2,False",
        about + "remaining,,0.01,0,0.02,,False",
        about.replace(",,", ",a,") + "gap,,0.9,0.8,1,,False",
    ]
    (study / "tables/attribution.csv").write_text("\n".join([columns, *(row + ",,," for row in rows)]) + "\n")
    lines = recalibrated(study, "vgg16-0002", (0.9, 0.3), (0.8, 0.87))
    # Without batch normalisation nothing was measured, and "0 of it is running statistics" would be no answer.
    lines += recalibrated(study, "resnet50-0001", (0.9, 0.3), (0.9, 0.3), recalibration.WITHOUT)
    recalibration.write(recalibration.completed(lines), study / "tables/recalibration.csv")
    report.make(study)
    text = words(study)
    assert "densenet121 +0.300 = batchnorm momentum +0.250, others +0.040, remaining +0.010" in text
    assert f"vgg16 +0.600 = running statistics +0.670, remaining {MINUS}0.070. Of these models alone." in text
    assert "<strong>running statistics</strong>" not in page(study), "of one pair nothing is beyond chance"
    assert "resnet50 +0.600" not in text
    assert "what the differences come from" not in text
    assert "initialisation+0.040" in text
    assert "+0.900" not in text, "one configuration is not the answer"
    left_out = "Left out, as a loss was not finite: 4 seeds, with them 1 whole configuration."
    notes = (
        f"vgg16: 1 recalibrated pair, these alone. densenet121: 3 configurations, half of the combinations. {left_out}"
    )
    assert notes in text
    assert (
        "Of it batchnorm momentum contributes +0.250 [+0.150, +0.350]. Not told from chance: initialisation +0.040 "
        f"[{MINUS}0.010, +0.090]. With all aligned +0.010 [0.000, +0.020] remains. "
        f"The contributions rest on half of the combinations. {left_out}"
    ) in text
    assert f"the mean difference of 1 pair is {MINUS}0.070 and not +0.600: +0.670 is the running statistics." in text
    place = data(study)["trials"].index("vgg16-0002")
    # The gap is the table's, whatever the table of trials says, as of published pairs.
    said = "With exact running statistics the test accuracy is 0.800 in PyTorch and 0.870 in TensorFlow: +0.670 of the "
    assert f"{said}difference of +0.600, as the weights give it here," in data(study)["words"][place]
    unchanged = data(study)["words"][data(study)["trials"].index("resnet50-0001")]
    assert "exact running statistics" not in unchanged
    (study / "tables/recalibration.csv").unlink()
    report.make(study)
    alone = "Shares of accuracy; a column adds up to its gap. Bold: beyond chance. In brackets: Student's t intervals "
    assert f"{alone}over 3 configurations. densenet121: " in html.unescape(words(study))


@pytest.mark.parametrize(
    ("pytorch", "tensorflow", "said"),
    [
        (("trained", 0.8, 0.95, 0.2), ("trained", 0.77, 0.93, 0.3), "Both trained equally well (training acc"),
        (
            ("trained", 0.9, 0.95, 0.2),
            ("trained", 0.25, 0.93, 0.3),
            "Both learnt the training examples equally well (training accuracy 0.950 and 0.930), but their test "
            "accuracies are 0.900 and 0.250.",
        ),
        (
            ("trained", 0.8, 0.95, 0.2),
            ("evaluation failure", 0.09, 0.94, 0.2),
            "Both learnt the training examples equally well (training accuracy 0.950 and 0.940), but TensorFlow's test "
            "accuracy fails, 0.09",
        ),
        (
            ("slow", 0.3, 0.31, 1.9),
            ("plateau", 0.1, 0.1, 2.303),
            "PyTorch learnt slowly (training accuracy 0.310); TensorFlow learnt nothing (training accuracy 0.100).",
        ),
        (
            ("trained", 0.8, np.nan, 0.2),
            ("unknown", 0.1, np.nan, np.nan),
            "PyTorch trained (training loss 0.200); TensorFlow tests at chance, 0.100, for no known reason.",
        ),
        (("diverged", 0, np.nan, np.nan), ("missing", np.nan, np.nan, np.nan), "PyTorch diverged; TensorFlow has no "),
    ],
)
def test_an_opened_pair_says_what_became_of_its_sides(pytorch, tensorflow, said, tmp_path):
    row = {"trial": "a", "architecture": "vgg16", "diagnosis": "trained"}
    for name, side in (("pytorch", pytorch), ("tensorflow", tensorflow)):
        values = zip(("diagnosis", "test_accuracy", "train_accuracy", "train_loss"), side, strict=True)
        row |= {f"{name}_{column}": value for column, value in values}
    (tmp_path / "tables").mkdir()
    pd.DataFrame([row]).to_parquet(tmp_path / "tables/trials.parquet")
    report.make(tmp_path)
    assert data(tmp_path)["words"][0].startswith(said)


def test_a_pair_names_the_commands_that_tell_why_it_differs_and_their_cost(tmp_path):
    folder = tmp_path / "made"
    synthetic.study(folder, 3)
    report.make(folder)
    plans = data(folder)["plans"]
    assert plans["vgg16-0002"]["recalibrate"] == "", "it has no batch normalisation"
    plan = plans["densenet121-0000"]
    assert plan["recalibrate"] == "uncrossed recalibrate results/made --trials densenet121-0000"
    assert plan["cost"].startswith("10 PyTorch and 20 TensorFlow trainings, about ")
    # The results do not say where the made-up dataset comes from: no command names them as if they did.
    assert plan["commands"][0].startswith("uncrossed explain densenet121-0000 --study config/STUDY.yaml --output ")
    assert plan["hint"].startswith("config/STUDY.yaml is the study file that says 'study: made': ")
    lines = recalibrated(folder, "densenet121-0000", (0.9, 0.3), (0.8, 0.8))
    recalibration.write(recalibration.completed(lines), folder / "tables/recalibration.csv")
    report.make(folder)
    assert data(folder)["plans"]["densenet121-0000"]["recalibrate"] == "", "it was done"


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
    assert "On average pairs of far are" in whole
    assert "further apart than those of near and other is more than chance" in whole
    # Which is further apart is said as the test saw it, and by means in which each configuration has the same weight.
    noisy = table[:3].assign(tensorflow_test_accuracy=0.9)
    repeated = pd.concat([table[:60], *(noisy.assign(trial=noisy["trial"] + f"-r{k}") for k in range(50))])
    assert "further apart than those of near is more than chance" in said(repeated)
    rest = said(table[30:90])
    assert "it may be chance" in rest
    assert "more than chance" not in rest
    single = said(table)
    assert "On average pairs of few are 0.600 apart" in single
    assert "Warning: few can hardly be compared with others" in single
    assert "chance." not in single.split("In which pairs?")[0]


def test_rows_of_known_and_unknown_origin_make_a_report(tmp_path):
    rows = synthetic.rows(3, 1)
    origins = ("random", "guided", None)
    rows = [row.model_copy(update={"origin": origin}) for row, origin in zip(rows, origins, strict=True)]
    synthetic.write(tmp_path, rows)
    tables.make(tmp_path)
    report.make(tmp_path)
    assert data(tmp_path)["choices"]["origin"] == ["random", "guided", None]


def test_an_architecture_without_a_completed_pair_is_named(tmp_path):
    rows = synthetic.rows(4, 2, ["densenet121", "resnet50"])[:2] + synthetic.rows(4, 2, ["densenet121"])[2:]
    synthetic.write(tmp_path, rows, diverged="resnet50-0001")
    tables.make(tmp_path)
    report.make(tmp_path)
    assert "Of resnet50 no pair completed." in words(tmp_path)
    assert "These are the pairs with" not in words(tmp_path)
