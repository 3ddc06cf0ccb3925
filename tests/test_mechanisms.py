"""Mechanisms: each is a switch that acts where it says and nowhere else; with all aligned nothing is left."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import synthetic
from conftest import REPOSITORY, ROWS, Folder, run, uncrossed
from uncrossed.analysis.attribution import attribute
from uncrossed.explain.proof import EPSILONS, GATE_LIMITS
from uncrossed.results import tables, trial_file
from uncrossed.study import manifest
from uncrossed.study.mechanisms import (
    MECHANISMS,
    NAMED,
    NATIVE,
    alone,
    flipped,
    resolve,
    spell,
    table,
    variants,
)
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load
from uncrossed.training.arrays import to_pytorch
from uncrossed.training.draws import dropout_mask
from uncrossed.training.effective import effective

CHECKS = Path(__file__).with_name("checks")


def test_native_leaves_both_frameworks_stock():
    for framework in FRAMEWORKS:
        assert effective(NATIVE, framework, MECHANISMS) == {}


@pytest.mark.parametrize("side", FRAMEWORKS)
def test_a_side_is_left_stock_by_what_it_ships_with(side):
    other = "tensorflow" if side == "pytorch" else "pytorch"
    for name in BUILT_IN_ARCHITECTURES:
        touching = load(name).touching
        assert effective(NAMED[side], side, touching) == {}
        differing = {name for name in touching if side in MECHANISMS[name].settings}
        assert effective(NAMED[side], other, touching) == dict.fromkeys(differing, side)


def test_named_semantics_are_what_they_are_called():
    assert resolve("published") == NATIVE | {"batchnorm_variance": "pytorch"}
    shared = {"initial_weights": "shared", "dropout_masks": "shared"}
    assert resolve("aligned") == NAMED["pytorch"] | shared
    assert resolve("aligned-tensorflow") == NAMED["tensorflow"] | shared
    assert resolve("aligned;stride=native")["stride"] == "native"
    assert resolve("mine;stride=native", {"mine": "aligned"}) == resolve("aligned;stride=native")


def test_every_combination_survives_spelling():
    texts = [*NAMED, *(alone(name) for name in MECHANISMS), *(flipped(name) for name in MECHANISMS)]
    for text in texts:
        assert resolve(spell(resolve(text))) == resolve(text)


def test_the_proof_passes_and_every_flip_is_detected(tmp_path):
    uncrossed("prove", "--architecture", "smallcnn", "--json", tmp_path / "proof.json")
    gates = json.loads((tmp_path / "proof.json").read_text())
    aligned = {(g["semantics"], g["adam_epsilon"], g["gate"]) for g in gates if not g["flipped"]}
    assert aligned == {(s, e, g) for s in ("aligned", "aligned-tensorflow") for e in EPSILONS for g in GATE_LIMITS}
    assert {g["flipped"] for g in gates if g["flipped"]} == load("smallcnn").touching
    assert all(g["passed"] for g in gates)


def test_a_wrong_imitation_fails_the_proof():
    program = """
from uncrossed.cli.main import main
from uncrossed.training.architectures import load
load('smallcnn')._module.BATCHNORM = {'pytorch': (0.1, 1e-5), 'tensorflow': (0.99, 1e-4)}
main(['prove', '--architecture', 'smallcnn'])
"""
    assert "**failed**" in run(sys.executable, "-c", program, code=1).stdout


def test_dropout_masks_keep_half_and_differ_by_step_layer_and_seed():
    mask = dropout_mask(1, 2, 0, (50, 64))
    assert set(np.unique(mask)) == {0, 2}
    assert abs(mask.mean() - 1) < 0.05
    np.testing.assert_array_equal(mask, dropout_mask(1, 2, 0, (50, 64)))
    for other in (dropout_mask(2, 2, 0, (50, 64)), dropout_mask(1, 3, 0, (50, 64)), dropout_mask(1, 2, 1, (50, 64))):
        assert (mask != other).mean() > 0.4


def with_semantics(folder: Folder, rows: dict[str, str]) -> None:
    """Make a manifest of the first trial of the tests' study with other semantics, by trial."""
    values = ROWS["first"]
    line = f"smallcnn,{values['learning_rate']},{values['batch_size']},{values['adam_epsilon']},1"
    lines = ["trial,architecture,learning_rate,batch_size,adam_epsilon,epochs,semantics"]
    folder.manifest.write_text("\n".join(lines + [f"{trial},{line},{text}" for trial, text in rows.items()]) + "\n")


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    """A finished study of one trial with several semantics."""
    folder = Folder(tmp_path_factory.mktemp("crossed"))
    rows = {
        "a": "native",
        "b": "stride=pytorch;conv_bias=tensorflow",
        "c": "batchnorm_momentum=pytorch",
        "d": "aligned",
    }
    with_semantics(folder, rows)
    folder.snakemake()
    return folder


def attributes_and_content(folder: Folder, trial: str, framework: str) -> tuple[dict, str]:
    attributes = trial_file.read(folder.results / f"trials/{trial}/{framework}.h5").attributes
    return attributes["row"]["semantics"], attributes["content_sha256"]


def test_a_mechanism_that_does_not_touch_the_architecture_changes_the_recorded_semantics_only(crossed):
    for framework in FRAMEWORKS:
        (native, content), (other, same) = (attributes_and_content(crossed, t, framework) for t in "ab")
        assert native == {}
        assert other == {"stride": "pytorch", "conv_bias": "tensorflow"}
        assert content == same
        one, two = (crossed.results / f"trials/{t}/{framework}.h5" for t in "ab")
        assert uncrossed("compare", one, two).stdout.startswith("same result\n")


def test_a_side_that_a_setting_leaves_native_is_trained_once(crossed):
    logs = {(t, f): (crossed.results / f"logs/trials/{t}/{f}.log").read_text() for t in "abcd" for f in FRAMEWORKS}
    copied = {key for key, text in logs.items() if "the same training as a" in text}
    assert copied == {("b", "pytorch"), ("b", "tensorflow"), ("c", "pytorch")}
    assert attributes_and_content(crossed, "c", "pytorch")[1] == attributes_and_content(crossed, "a", "pytorch")[1]
    runs = pd.read_parquet(crossed.results / "tables/runs.parquet").set_index(["trial", "framework"])
    assert runs.loc[("c", "pytorch"), "twin"] == "a"
    assert crossed.planned() == []


def test_a_copy_equals_a_training(crossed, tmp_path):
    job = Study.load(crossed.path / "study.yaml").job("c").canonical()
    data = crossed.path / "results/datasets/digits-few.h5"
    uncrossed("train", "pytorch", "--job", job, "--dataset", data, "--output", tmp_path / "c.h5")
    copied = crossed.results / "trials/c/pytorch.h5"
    assert uncrossed("compare", tmp_path / "c.h5", copied).stdout == "same file\n"
    other = crossed.results / "trials/d/pytorch.h5"
    # A twin that is none is not copied: the trial is trained.
    command = ["train", "pytorch", "--job", job, "--dataset", data, "--output", tmp_path / "x.h5", "--twin", other]
    assert "not the same training as d: another row" in uncrossed(*command).stdout
    assert (tmp_path / "x.h5").read_bytes() == copied.read_bytes()


def test_aligned_pairs_start_from_the_same_weights_and_others_do_not(crossed, tmp_path):
    data = crossed.path / "results/datasets/digits-few.h5"
    for trial, equal in (("a", False), ("d", True)):
        job = Study.load(crossed.path / "study.yaml").job(trial).canonical()
        kept = json.dumps({"keep_epochs": [0]})
        initial = []
        for framework in FRAMEWORKS:
            output = tmp_path / f"{trial}-{framework}.h5"
            uncrossed("train", framework, "--job", job, "--settings", kept, "--dataset", data, "--output", output)
            initial.append(trial_file.read(output).weights[0])
        theirs = to_pytorch(load("smallcnn").on((32, 32, 3), 10).layers, initial[1])
        assert all((initial[0][name] == array).all() for name, array in theirs.items()) == equal


def test_rows_that_come_and_go_train_nothing_that_is_finished(crossed):
    semantics = {
        "a": "native",
        "b": "stride=pytorch;conv_bias=tensorflow",
        "c": "batchnorm_momentum=pytorch",
        "d": "aligned",
    }
    try:
        # A row that would have been the one to train comes, the one that was trained goes.
        with_semantics(crossed, {"0": "native"} | semantics)
        assert crossed.planned() == ["pytorch 0", "tensorflow 0"]
        del semantics["a"]
        with_semantics(crossed, semantics)
        # What was copied from it is copied from another, where that is newer, which keeps its own result: nothing is
        # trained.
        (crossed.results / "trials/c/pytorch.h5").touch()
        assert crossed.planned() == ["pytorch b"]
        crossed.snakemake("results/tiny/trials/b/pytorch.h5")
        log = (crossed.results / "logs/trials/b/pytorch.log").read_text()
        assert "the same training as c: copied" in log
    finally:
        with_semantics(crossed, {"a": "native"} | semantics)


def test_the_ablation_leaves_out_what_cannot_differ(tmp_path):
    bases = manifest.read(REPOSITORY / "config/manifests/ablation-bases.csv")
    rows = manifest.ablate(bases.values(), [0, 1, 2])
    manifest.write(tmp_path / "m.csv", rows)
    assert (tmp_path / "m.csv").read_bytes() == (REPOSITORY / "config/manifests/ablation.csv").read_bytes()
    dense = [row for row in rows if row.architecture == "densenet121" and row.seed == 0]
    labels = {row.trial.removeprefix(f"{row.base}-") for row in dense}
    assert "only-batchnorm_momentum-0" in labels
    assert not any("stride" in label or "dropout" in label for label in labels)
    trainings = [{row.training(framework, load("densenet121").touching) for row in dense} for framework in FRAMEWORKS]
    # PyTorch is left stock by all but shared weights; Keras is changed by every variant.
    assert len(trainings[0]) == 2 * len({row.base for row in dense})
    assert len(trainings[1]) == len(dense)
    output = uncrossed(
        *("manifest", "ablate", REPOSITORY / "config/manifests/ablation-bases.csv", "--trials", "dense-few-steps"),
        *("--seeds", "5", "--study", REPOSITORY / "config/ablation.yaml", "--output", tmp_path / "one.csv"),
    ).stdout
    assert "2 PyTorch and 14 TensorFlow trainings" in output


BASES = {"x": {f"{label}-{seed}": label for label in variants(load("densenet121").touching) for seed in range(9)}}


def ablated(gaps: dict[str, float], noise: float, seeds: int = 4) -> pd.DataFrame:
    """A table of trials with known gaps by variant; seeds move both accuracies by `noise` and gaps a little."""
    random = np.random.default_rng(0)
    rows = []
    for label in variants(load("densenet121").touching):
        for seed in range(seeds):
            gap = gaps.get(label, gaps["native"]) + random.normal(0, 0.001)
            accuracy = 0.6 + noise * seed
            rows.append({"trial": f"{label}-{seed}", "architecture": "densenet121", "seed": seed})
            rows[-1]["both_completed"] = True
            rows[-1] |= {"pytorch_test_accuracy": accuracy, "tensorflow_test_accuracy": accuracy - gap}
            rows[-1]["difference"] = gap
    return pd.DataFrame(rows)


def test_the_attribution_finds_known_shares():
    gaps = {"native": 0.4, "only-batchnorm_momentum": 0.1, "without-batchnorm_momentum": 0.28, "aligned": 0.0}
    found = attribute(ablated(gaps, 0.01), BASES).set_index(["variant", "mechanism"])
    row = found.loc[("only", "batchnorm_momentum")]
    assert row["share"] == pytest.approx(0.75, abs=0.02)
    assert row["share_low"] <= row["share"] <= row["share_high"]
    assert found.loc[("without", "batchnorm_momentum"), "share"] == pytest.approx(0.7, abs=0.02)
    assert found.loc[("only", "adam_epsilon"), "share"] == pytest.approx(0, abs=0.02)
    assert row["seed_floor"] == pytest.approx(0.0167, abs=0.003)


def test_no_share_is_said_of_a_gap_within_the_floors():
    found = attribute(ablated({"native": 0.02, "aligned": 0.0}, 0.05), BASES)
    assert not found["above_floors"].any()
    assert found["share"].isna().all()
    one_seed = attribute(ablated({"native": 0.4, "aligned": 0.0}, 0.01, seeds=1), BASES)
    assert not one_seed["above_floors"].any(), "one seed has no floor"
    assert one_seed[["gap_low", "gap_high"]].isna().all(axis=None), "and no bounds"


def test_diverged_pairs_are_left_out_of_an_attribution():
    trials = ablated({"native": 0.4, "aligned": 0.0}, 0.01)
    diverged = trials["trial"] == "native-0"
    trials.loc[diverged, ["both_completed", "difference"]] = [False, -0.9]
    found = attribute(trials, BASES).set_index("variant")
    assert found.loc["native", "gap"] == pytest.approx(0.4, abs=0.01)
    assert found.loc["native", "seeds"] == 3


@pytest.mark.parametrize("diverged", ["all", "in turns"])
def test_a_base_of_which_nothing_can_be_attributed_is_named(diverged, tmp_path):
    (base,) = synthetic.rows(1, 2, ["smallcnn"])
    synthetic.write(tmp_path, manifest.ablate([base], [0, 1]))
    # Native pairs completed with one seed, aligned ones with the other.
    lost = ("native-0", "aligned-1") if diverged == "in turns" else ("native-0", "native-1")
    for name in lost:
        path = tmp_path / f"trials/{base.trial}-{name}/pytorch.h5"
        result = trial_file.read(path)
        result.attributes["status"] = "diverged"
        trial_file.write(path, result)
    tables.make(tmp_path)
    output = uncrossed("attribution", tmp_path).stdout
    assert output == f"{base.trial}: no native and aligned pair of one seed completed: nothing is attributed\n"


def test_the_figure_of_an_attribution_is_the_same_every_time(tmp_path):
    from uncrossed.analysis.attribution import draw

    found = attribute(ablated({"native": 0.4, "aligned": 0.0}, 0.01), BASES)
    for name in "ab":
        draw(found, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_trace_names_step_layer_and_mechanism(few, tmp_path):
    values = {"learning_rate": 0.001, "batch_size": 30, "adam_epsilon": 1e-4, "epochs": 1}
    row = json.dumps({"trial": "t", "architecture": "smallcnn", **values, "semantics": flipped("batchnorm_momentum")})
    command = ["trace", "--row", row, "--dataset", few, "--steps", 4, "--output", tmp_path]
    output = uncrossed(*command).stdout
    assert "t (smallcnn) as it is: after step 1 in batchnorm" in output
    assert output.splitlines()[-1] == "the row's first difference is explained by: batchnorm_momentum"
    # The comparison needs neither framework.
    blocked = "import sys; sys.modules.update(torch=None, tensorflow=None, keras=None)"
    program = f"{blocked}; from uncrossed.cli.main import main\n"
    program += f"main(['trace', '--compare', '--output', {str(tmp_path)!r}])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines() == output.splitlines()[-len(done.stdout.splitlines()) :]


def test_a_trace_says_what_cannot_be_read_and_what_is_damaged(tmp_path):
    row = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 30}
    row |= {"adam_epsilon": 0.1, "epochs": 1}
    for framework in FRAMEWORKS:
        about = {"row": row, "precision": "float64", "steps": 1, "files": {"aligned": f"{framework}.h5"}, "layers": []}
        (tmp_path / f"{framework}.json").write_text(json.dumps(about))
        (tmp_path / f"{framework}.h5").mkdir()
    compare = ["trace", "--compare", "--output", tmp_path]
    assert "pytorch.h5: cannot be read (Is a directory)" in uncrossed(*compare, code=1).stdout
    for framework in FRAMEWORKS:
        (tmp_path / f"{framework}.h5").rmdir()
        (tmp_path / f"{framework}.h5").write_bytes(b"no HDF5")
    assert "pytorch.h5, or tensorflow.h5: missing or damaged" in uncrossed(*compare, code=2).stdout


def test_the_documentation_has_the_table_of_mechanisms():
    assert table() in (REPOSITORY / "README.md").read_text()
