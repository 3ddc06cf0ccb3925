"""Rows may name an optimizer; rows that name none are what they were before there was more than one."""

import hashlib
import json
from pathlib import Path

import pytest

from helpers import synthetic
from helpers.commands import REPOSITORY, told
from helpers.searches import SMALL
from helpers.studies import Folder
from uncrossed.analysis import statistics
from uncrossed.common.errors import InputError
from uncrossed.results import tables
from uncrossed.search.suggestion import suggest
from uncrossed.study import factorial, manifest
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.mechanisms import OF_OPTIMIZERS
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS, Job, Settings, Trial

SAME = {"trial": "a", "architecture": "smallcnn", "learning_rate": 0.01, "batch_size": 50, "epochs": 2}
ADAM = {**SAME, "adam_epsilon": 0.1}
SGD = {**SAME, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01}
RMSPROP = {**SAME, "optimizer": "rmsprop", "rho": 0.9, "rmsprop_epsilon": 1e-7}
TOUCHING = PACKAGED["smallcnn"].touching


def trained(columns: dict, semantics: str) -> list[str]:
    """What determines both sides' results of a row."""
    row = Trial(**columns, semantics=semantics)
    return [row.training(framework, TOUCHING) for framework in FRAMEWORKS]


def test_a_row_without_the_columns_is_what_it_was():
    rows = manifest.read(REPOSITORY / "config/manifests/cifar10.csv")
    canonical = Job(row=rows["densenet121-s00-00"], settings=Settings()).canonical()
    known = "20e5f0d55f5ebccc70e6dfb3fc8126be16dc35a7961e4a7ff784de3ef775e277"
    assert hashlib.sha256(canonical.encode()).hexdigest() == known
    assert manifest.sha256(rows.values()) == "bae15506872a6290b44d878cf8d87e8a8c6b3ba7d9ccd3b3777f5ce972432827"
    search = Study.load(REPOSITORY / "config/search.yaml").search
    assert search.sha256().startswith("3efebf69bef66528")


def test_the_columns_empty_are_the_columns_absent(tmp_path):
    header = "trial,architecture,learning_rate,batch_size,adam_epsilon,epochs"
    (tmp_path / "old.csv").write_text(f"{header}\na,smallcnn,0.01,50,0.1,2\n")
    (tmp_path / "new.csv").write_text(f"{header},optimizer,weight_decay,nesterov\na,smallcnn,0.01,50,0.1,2,,,\n")
    old, new = (manifest.read(tmp_path / name) for name in ("old.csv", "new.csv"))
    assert Job(row=old["a"]).canonical() == Job(row=new["a"]).canonical()
    assert manifest.text(old.values()) == manifest.text(new.values())


def test_names_of_semantics_set_for_a_row_what_its_optimizer_has():
    for name, side in (("aligned", "pytorch"), ("tensorflow", "tensorflow")):
        for columns, own in ((ADAM, {"adam_epsilon"}), (SGD, {"weight_decay"}), (RMSPROP, {"rmsprop_epsilon"})):
            row = Trial(**columns, semantics=name)
            deciding = row.deciding()["semantics"]
            assert {one: deciding[one] for one in deciding.keys() & OF_OPTIMIZERS} == dict.fromkeys(own, side)
            assert row.spelled() == name
            # As it is read from a result.
            assert Trial.check(json.loads(json.dumps(row.deciding())), "a result") == row


@pytest.mark.parametrize(
    ("columns", "semantics"),
    [
        (ADAM, "weight_decay=pytorch;rmsprop_epsilon=pytorch"),
        (SGD, "adam_epsilon=tensorflow"),
        # Without a momentum that keeps it, both forms subtract the same.
        ({**SGD, "momentum": None}, "weight_decay=tensorflow"),
        ({**ADAM, "optimizer": "adamw", "weight_decay": 0.1}, "weight_decay=tensorflow"),
        ({**RMSPROP, "weight_decay": 0}, "weight_decay=pytorch"),
    ],
)
def test_a_mechanism_that_an_optimizer_lacks_changes_no_row(columns, semantics):
    assert trained(columns, semantics) == trained(columns, "native")
    assert Trial(**columns, semantics=semantics).deciding() == Trial(**columns).deciding()


def test_one_that_it_has_changes_the_side_that_imitates():
    for columns, mechanism in ((SGD, "weight_decay"), (RMSPROP, "rmsprop_epsilon")):
        native = trained(columns, "native")
        imitating = {side: trained(columns, f"{mechanism}={side}") for side in FRAMEWORKS}
        assert [a == b for a, b in zip(native, imitating["pytorch"], strict=True)] == [True, False]
        assert [a == b for a, b in zip(native, imitating["tensorflow"], strict=True)] == [False, True]


REFUSED = {
    "unknown": ({**ADAM, "optimizer": "lion"}, ["'optimizer'", "'lion'", "adam, adamw, rmsprop, sgd"]),
    "no epsilon": (SAME, ["missing column 'adam_epsilon'"]),
    "no decay": ({**ADAM, "optimizer": "adamw"}, ["missing column 'weight_decay' of the optimizer adamw"]),
    "no rho": ({**RMSPROP, "rho": None}, ["missing column 'rho' of the optimizer rmsprop", "from 0 to below 1"]),
    "foreign epsilon": (
        {**SGD, "adam_epsilon": 0.1},
        ["column 'adam_epsilon': found 0.1", "sgd takes weight_decay, momentum, nesterov", "optimizer adam or adamw"],
    ),
    "foreign momentum": ({**ADAM, "momentum": 0.9}, ["'momentum'", "found 0.9", "optimizer rmsprop or sgd"]),
    "momentum of 1": ({**SGD, "momentum": 1}, ["'momentum'", "from 0 to below 1"]),
    "nesterov alone": ({**SGD, "momentum": None, "nesterov": True}, ["'nesterov'", "'momentum' above 0"]),
    "negative decay": ({**SGD, "weight_decay": -1}, ["'weight_decay'", "a number >= 0"]),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_value_that_the_optimizer_does_not_take_or_lacks_is_refused(fault, tmp_path):
    columns, parts = REFUSED[fault]
    values = {name: "" if value is None else value for name, value in columns.items()}
    (tmp_path / "m.csv").write_text(",".join(values) + "\n" + ",".join(map(str, values.values())) + "\n")
    for make in (lambda: Trial.check(columns, "the row", "column"), lambda: manifest.read(tmp_path / "m.csv")):
        with pytest.raises(InputError) as caught:
            make()
        for part in parts:
            assert part in str(caught.value)


def test_a_manifest_and_the_tables_have_the_columns_that_a_row_uses(tmp_path):
    adam, sgd, rmsprop = (
        Trial(**{**columns, "trial": name})
        for name, columns in (("adam", ADAM), ("sgd", {**SGD, "nesterov": True}), ("rmsprop", RMSPROP))
    )
    assert manifest.text([adam]).splitlines()[0] == (
        "trial,architecture,learning_rate,batch_size,adam_epsilon,epochs,seed,semantics"
    )
    manifest.write(tmp_path / "all.csv", [adam, sgd, rmsprop])
    assert manifest.read(tmp_path / "all.csv") == {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}
    for rows, further in (([adam], []), ([sgd], ["optimizer", "weight_decay", "momentum", "nesterov"])):
        folder = tmp_path / rows[0].trial
        synthetic.write(folder, rows)
        table = tables.make(folder)
        assert [*table][:8] == [*manifest.COLUMNS][:8]
        assert [*table][8 : 8 + len(further)] == further
        assert "pytorch" in [*table][8 + len(further)]
        # Of what no row takes nothing is known, and all else is worked out.
        summary = statistics.summarise(statistics.prepared(tables.read(folder), 1000, 200, 10, "the table"))
        assert len(summary)
        assert "optimizer sgd" in tables.printed_pair(folder, table.iloc[0]) or rows == [adam]


def test_rows_of_other_optimizers_are_other_configurations():
    rows = [Trial(**{**SGD, "momentum": momentum, "trial": f"m{k}"}) for k, momentum in enumerate((0.5, 0.9, 0.9))]
    table = synthetic_table(rows)
    assert [*statistics.configurations(table)] == [0, 1, 1]


def synthetic_table(rows):
    """The columns of rows as a table has them."""
    import pandas as pd

    return pd.DataFrame([{**dict(row), "semantics": row.spelled()} for row in rows])


def test_a_factorial_crosses_what_the_optimizer_has():
    decayed = Trial(**ADAM, weight_decay=0.1)
    found = factorial.factors(decayed, TOUCHING)
    assert found["weight_decay"] == ("weight_decay",)
    assert found["epsilons"] == ("batchnorm_epsilon", "adam_epsilon")
    assert "weight_decay" not in factorial.factors(Trial(**ADAM), TOUCHING)
    assert factorial.factors(Trial(**RMSPROP), TOUCHING)["epsilons"] == ("batchnorm_epsilon", "rmsprop_epsilon")
    (design,) = factorial.designs(factorial.cross(decayed, TOUCHING), {"smallcnn": TOUCHING})
    assert {"weight_decay", "epsilons"} <= {*design.factors}
    assert design.semantics == "native"


def test_cuda_graphs_are_for_adam_alone():
    settings = Settings(device="gpu", cuda_graphs=True)
    for columns in (ADAM, {**ADAM, "weight_decay": 0.1}):
        settings.check_row(Trial(**columns), PACKAGED["smallcnn"])
    for columns in (SGD, RMSPROP, {**ADAM, "optimizer": "adamw", "weight_decay": 0.1}):
        with pytest.raises(InputError, match=r"optimizer .*: CUDA graphs .*'cuda_graphs' false"):
            settings.check_row(Trial(**columns), PACKAGED["smallcnn"])


def of_search(tmp_path: Path, **changes) -> Study:
    """A study with a search of another optimizer."""
    tmp_path.mkdir(exist_ok=True)
    folder = Folder(tmp_path)
    del folder.configuration["manifest"]
    folder.configure(search={**SMALL, "start": 2, **changes})
    return Study.load(tmp_path / "study.yaml")


def test_a_search_box_holds_what_the_optimizer_takes(tmp_path):
    box = {name: side for name, side in SMALL["box"].items() if name != "adam_epsilon"}
    box |= {"momentum": {"low": 0.5, "high": 0.99}, "weight_decay": {"low": 1e-5, "high": 1e-2, "log": True}}
    study = of_search(tmp_path, box=box, optimizer="sgd", nesterov=True, split=["momentum"])
    row = Trial.check(suggest(study, study.trials[0], tmp_path)["row"], "suggested")
    assert (row.optimizer, row.nesterov, row.adam_epsilon) == ("sgd", True, None)
    assert 0.5 <= row.momentum <= 0.99
    assert 1e-5 <= row.weight_decay <= 1e-2
    assert study.kinds[0].optimizer == "sgd"
    assert study.largest(study.trials[0])[0].optimizer == "sgd"
    with pytest.raises(InputError, match=r"sgd takes weight_decay, momentum, nesterov"):
        of_search(tmp_path / "other", box={**box, "adam_epsilon": 1}, optimizer="sgd")
    with pytest.raises(InputError, match=r"box: missing 'rho'"):
        of_search(tmp_path / "third", box=box, optimizer="rmsprop")


def test_the_command_says_what_a_row_lacks(tmp_path):
    folder = Folder(tmp_path)
    folder.manifest.write_text(
        "trial,architecture,learning_rate,batch_size,epochs,optimizer\na,smallcnn,0.1,50,2,sgd\nb,smallcnn,0.1,50,2,\n"
    )
    output = told("manifest", "check", "--study", tmp_path / "study.yaml", code=2)
    assert "row 2 (line 3): missing column 'adam_epsilon' of the optimizer adam; it is a number > 0" in output
