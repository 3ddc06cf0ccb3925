"""A factorial holds every combination of what can differ once, and its trainings are counted as they are made."""

import shutil

import pytest

from helpers.commands import REPOSITORY, told
from uncrossed.common.errors import InputError
from uncrossed.study import factorial, manifest, trainings
from uncrossed.study.architectures import PACKAGED
from uncrossed.study.mechanisms import FACTORS, MECHANISMS, NATIVE, resolve, spell
from uncrossed.study.trial import FRAMEWORKS, Trial

TOUCHING = {name: architecture.touching for name, architecture in PACKAGED.items()}


def base(architecture: str, semantics: str = "native") -> Trial:
    values = {"learning_rate": 0.01, "batch_size": 32, "adam_epsilon": 0.1, "epochs": 2, "seed": 7}
    return Trial.check({"trial": "b", "architecture": architecture, "semantics": semantics, **values}, "test")


def test_every_mechanism_is_in_one_factor():
    assert sorted(MECHANISMS) == sorted(one for group in FACTORS.values() for one in group)


@pytest.mark.parametrize(
    ("architecture", "half", "rows", "trained"),
    [
        ("densenet121", False, 16, (2, 4)),
        ("resnet50", False, 64, (2, 16)),
        ("resnet50", True, 32, (2, 8)),
        ("vgg16", False, 8, (4, 8)),
        ("vgg16", True, 4, (4, 4)),
        ("smallcnn", False, 32, (4, 8)),
    ],
)
def test_what_a_factorial_takes(architecture, half, rows, trained):
    made = factorial.cross(base(architecture), PACKAGED[architecture].touching, half=half)
    needed = trainings.needed(made, TOUCHING)
    assert (len(made), *(len(needed[framework]) for framework in FRAMEWORKS)) == (rows, *trained)
    # No two rows do the same in both frameworks.
    touching = TOUCHING[architecture]
    assert len({tuple(row.training(framework, touching) for framework in FRAMEWORKS) for row in made}) == rows


def test_rows_that_differ_in_evaluation_alone_are_one_training():
    one, other, third = (
        base("smallcnn", text) for text in ("native", "batchnorm_momentum=pytorch", "adam_epsilon=pytorch")
    )
    counts = [len(trainings.needed(rows, TOUCHING)["tensorflow"]) for rows in ([one, other], [one, third])]
    assert counts == [1, 2]


def test_the_first_row_is_the_base_and_the_last_has_nothing_left():
    made = factorial.cross(base("densenet121"), PACKAGED["densenet121"].touching)
    assert spell(made[0].semantics) == "native"
    assert spell(made[-1].semantics) == "aligned"
    assert made[0].training("tensorflow", TOUCHING["densenet121"]) == base("densenet121").training(
        "tensorflow", TOUCHING["densenet121"]
    )
    imitated = factorial.cross(base("densenet121"), PACKAGED["densenet121"].touching, towards="tensorflow")
    assert spell(imitated[-1].semantics) == "aligned-tensorflow"
    # Only the side that imitates trains otherwise, but for what is shared.
    assert [len(trainings.needed(imitated, TOUCHING)[framework]) for framework in FRAMEWORKS] == [4, 2]


def test_a_base_keeps_its_semantics():
    published = factorial.cross(base("densenet121", "published"), PACKAGED["densenet121"].touching)
    assert len(published) == 8
    assert all(row.semantics["batchnorm_variance"] == "pytorch" for row in published)
    kept = factorial.cross(base("vgg16", "dropout=tensorflow"), PACKAGED["vgg16"].touching)
    assert all(row.semantics["dropout"] == "tensorflow" for row in kept)
    assert len(kept) == 4, "without dropout on either side masks are nothing that could be shared"
    with pytest.raises(InputError, match="no mechanism is left"):
        factorial.cross(base("vgg16", "aligned"), PACKAGED["vgg16"].touching)


def test_joined_factors_can_be_split():
    found = factorial.factors(base("smallcnn"), PACKAGED["smallcnn"].touching, split=("epsilons", "dropout"))
    assert "batchnorm_epsilon" in found
    assert found["dropout"] == ("dropout",)
    assert len(found) == 7


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("architecture", ["smallcnn", "resnet50", "vgg16", "resnet18"])
def test_a_factorial_is_known_again_by_its_rows(architecture, half, tmp_path):
    rows = [
        *factorial.cross(base(architecture), PACKAGED[architecture].touching, [3, 5], half=half),
        *factorial.repeats([base(architecture)], 2),
    ]
    manifest.write(tmp_path / "m.csv", rows)
    (design,) = factorial.designs(reversed(manifest.read(tmp_path / "m.csv").values()), TOUCHING)
    assert design.factors == tuple(factorial.factors(base(architecture), PACKAGED[architecture].touching))
    assert list(design.points) == factorial.points(design.factors, half)
    assert design.half == half
    assert {seed: len(trials) for seed, trials in design.replicates.items()} == dict.fromkeys(
        (3, 5), len(design.points)
    )
    assert design.replicates[3] == tuple(row.trial for row in rows if row.seed == 3)


def test_what_lacks_a_row_or_differs_otherwise_is_no_factorial():
    rows = factorial.cross(base("densenet121"), PACKAGED["densenet121"].touching)
    assert not factorial.designs(rows[:-1], TOUCHING)
    assert not factorial.designs([rows[0].model_copy(update={"epochs": 9}), *rows[1:]], TOUCHING)
    assert not factorial.designs([row.model_copy(update={"base": None}) for row in rows], TOUCHING)
    assert not factorial.designs(rows[:1], TOUCHING), "a single row"


def test_repeats_are_of_the_largest_steps():
    bases = [base("vgg16").model_copy(update={"trial": f"b{k}", "learning_rate": 0.01 * (k + 1)}) for k in range(8)]
    rows = factorial.repeats(bases, 3)
    assert {row.base for row in rows} == {"b6", "b7"}
    assert {row.seed for row in rows} == {8, 9, 10}
    assert all(row.semantics == NATIVE for row in rows)


@pytest.mark.parametrize(
    ("name", "options"),
    [("explain-digits", []), ("explain", ["--fraction", "resnet50=half", "--repeats", 4])],
)
def test_the_committed_manifests_are_made_by_the_commands_that_their_studies_state(name, options, tmp_path):
    study, bases = REPOSITORY / f"config/{name}.yaml", REPOSITORY / f"config/manifests/{name}-bases.csv"
    made = tmp_path / "m.csv"
    told("manifest", "factorial", bases, "--study", study, *options, "--output", made)
    assert made.read_bytes() == (REPOSITORY / f"config/manifests/{name}.csv").read_bytes()


def test_the_stratified_bases_are_made_again_and_cover_what_they_are_taken_from(tmp_path):
    whole = REPOSITORY / "config/manifests/cifar10.csv"
    study = ["--study", REPOSITORY / "config/explain.yaml"]
    told("manifest", "stratify", whole, "--rows", 40, "--seed", 2021, *study, "--output", tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_bytes() == (REPOSITORY / "config/manifests/explain-bases.csv").read_bytes()
    every = [row for row in manifest.read(whole).values() if row.architecture == "vgg16"]
    taken = [row for row in manifest.read(tmp_path / "b.csv").values() if row.architecture == "vgg16"]
    for value in (lambda row: row.epochs * -(-50_000 // row.batch_size), lambda row: row.learning_rate):
        quarters = sorted(map(value, every))[100::100]
        counts = [sum(sum(value(row) > bound for bound in quarters) == k for row in taken) for k in range(4)]
        assert all(8 <= count <= 12 for count in counts)


def test_the_command_says_what_it_takes_and_refuses_what_cannot_be(tmp_path):
    study, bases = REPOSITORY / "config/explain-digits.yaml", REPOSITORY / "config/manifests/explain-digits-bases.csv"
    command = ["manifest", "factorial", bases, "--study", study, "--output", tmp_path / "m.csv"]
    output = told(*command, "--trials", "densenet121-1,smallcnn-1", "--seeds", "5,6")
    assert "densenet121: 4 PyTorch and 8 TensorFlow trainings; the other 52 of 64 results are twins and views" in output
    assert "smallcnn: 8 PyTorch and 16 TensorFlow trainings" in output
    assert "hours in all, one training after the other on a cpu" in output
    assert "96 trials (32 densenet121, 64 smallcnn)" in output
    # A manifest that no study names would be forgotten, and the old one built.
    builds = f"explain-digits.csv, and not {tmp_path / 'm.csv'} before its key 'manifest' names it"
    assert builds in output
    shutil.copy(study, tmp_path / "study.yaml")
    (tmp_path / "manifests").mkdir()
    named = [*command[:4], tmp_path / "study.yaml", "--output", tmp_path / "manifests/explain-digits.csv"]
    assert "before its key" not in told(*named)
    shutil.rmtree(tmp_path / "manifests")
    (tmp_path / "study.yaml").unlink()
    published = tmp_path / "published.csv"
    rows = manifest.read(bases).values()
    manifest.write(published, [row.model_copy(update={"semantics": resolve("published")}) for row in rows])
    command[2] = published
    output = told(*command, "--trials", "densenet121-1", "--split", "epsilons")
    assert (
        "as published: 16 of 16 combinations of initialisation, batchnorm_epsilon, adam_epsilon, batchnorm_momen"
        in output
    )
    assert "; constant: batchnorm_variance\n" in output
    command[2] = bases
    for made in (published, tmp_path / "m.csv"):
        made.unlink()
    for options, message in (
        (["--fraction", "half"], "at least 3 for a half-fraction"),
        (["--fraction", "vgg16=half"], "--fraction: found 'vgg16=half'"),
        (["--split", "initialisation"], "--split: found 'initialisation'"),
        (["--seeds", "0,0"], "twice"),
        (["--seeds", "a"], "integers separated by commas"),
        (["--trials", "none"], "no trial 'none'"),
    ):
        assert message in told(*command, *options, code=2)
    assert not list(tmp_path.iterdir())
