"""Plans hold the jobs of their targets alone, on any machine."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from helpers.commands import PATH, REPOSITORY, STAND_IN, need, run
from helpers.studies import copy_sources
from uncrossed.study.trial import FRAMEWORKS

TRIAL = "results/cifar10/trials/vgg16-s03-07/tensorflow.h5"


def plan(folder, *arguments: object, **options) -> tuple[Counter, str]:
    """Plan the default study in an empty folder; return jobs per rule, and the output."""
    command = ["snakemake", *arguments, "-n", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder]
    output = run(*command, **options).stdout
    return Counter(re.findall(r"^(?:local)?rule (\w+):", output, flags=re.MULTILINE)), output


def test_the_default_study_plans_1200_jobs_per_framework_without_conda_or_slurm(tmp_path):
    # A path with the environment's own programs and the system's alone.
    jobs, _ = plan(tmp_path, PATH=f"{PATH.split(':')[0]}:/usr/bin:/bin")
    assert jobs == {
        "dataset": 1,
        "preflight_pytorch": 1,
        "preflight_tensorflow": 1,
        "train_pytorch": 1200,
        "train_tensorflow": 1200,
        "manifest": 1,
        "tables": 1,
        "analysis": 1,
        "report": 1,
        "checksums": 1,
        "all": 1,
    }


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (TRIAL, {"dataset": 1, "preflight_tensorflow": 1, "train_tensorflow": 1}),
        *(
            pytest.param(
                name,
                {"dataset": 1, f"preflight_{name}": 1, f"train_{name}": 1200, name: 1},
                marks=pytest.mark.long,
            )
            for name in FRAMEWORKS
        ),
    ],
)
def test_a_target_plans_its_own_jobs(target, expected, tmp_path):
    assert plan(tmp_path, target)[0] == expected


def test_the_demo_has_six_small_trials_and_a_large_one(tmp_path):
    _, output = plan(tmp_path, "--configfile", REPOSITORY / "config/demo.yaml")
    trained = set(re.findall(r"results/demo/trials/([a-z0-9_-]+)/pytorch\.h5", output))
    assert sum(trial.startswith("smallcnn") for trial in trained) >= 6
    assert sum(trial.startswith("densenet121") for trial in trained) == 1
    # The study file stands alone: nothing of the default study is in it.
    assert "cifar10" not in output


def test_a_variable_names_the_study_before_targets_or_after(tmp_path):
    for name in ("demo", str(REPOSITORY / "config/demo.yaml")):
        command = ["snakemake", "-n", "results/demo/trials/smallcnn-fast/pytorch.h5", "--cores", "1"]
        output = run(*command, "--directory", tmp_path, folder=REPOSITORY, UNCROSSED_STUDY=name).stdout
        assert re.search(r"^train_pytorch +1$", output, flags=re.MULTILINE)
    said = run("snakemake", "-n", "--directory", tmp_path, folder=REPOSITORY, UNCROSSED_STUDY="demmo", code=1).stdout
    assert "UNCROSSED_STUDY: found 'demmo'; allowed: a study file, or one of config, demo, explain" in said


def test_planning_imports_no_training_framework_and_no_pandas():
    program = """
import sys
from uncrossed.study.study import Study
study = Study.load('config/config.yaml'); study.job(next(iter(study.rows))).canonical()
study.attributes(next(iter(study.rows.values())), 'pytorch')
print(sorted({'torch', 'tensorflow', 'keras', 'pandas', 'sklearn', 'snakemake'} & sys.modules.keys()))
"""
    assert run(sys.executable, "-c", program, folder=REPOSITORY).stdout == "[]\n"


def test_profile_slurm_plans_from_a_clone(tmp_path):
    # What the stand-in builds where this is no dry-run: tests/suites/cluster/test_conda.py.
    path = f"{STAND_IN}:{PATH}"
    command = ["snakemake", TRIAL, "-n", "--profile", "slurm", "--directory", tmp_path]
    output = run(*command, folder=REPOSITORY, PATH=path).stdout
    assert "tensorflow.yaml will be created" in output
    assert "gpu=1" in output
    # Without conda: run in the active environment.
    run(*command, "--sdm", "env-modules", folder=REPOSITORY)


def test_a_full_home_folder_does_not_matter(tmp_path):
    need(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0, "user namespaces (unshare)")
    script = 'mount -t tmpfs -o size=4k none "$1" && echo >"$1/full" && export HOME="$1" && shift && "$@"'
    arguments = ["-n", "-q", "rules", "--configfile", REPOSITORY / "config/demo.yaml", "--directory", tmp_path]
    command = ["snakemake", "--profile", REPOSITORY / "profiles/local", *arguments]
    (tmp_path / "home").mkdir()
    # As docs/troubleshooting.md says: Snakemake's own cache is in the home folder.
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    run("unshare", "-rm", "sh", "-c", script, "sh", tmp_path / "home", *command, folder=REPOSITORY, **cache)


def test_an_edited_rule_is_read_again(tmp_path):
    sources = copy_sources(tmp_path / "sources")
    command = ["snakemake", "-n", "-q", "rules", "--profile", sources / "profiles/local", "--snakefile"]
    command += [sources / "Snakefile", "--directory", tmp_path, "--configfile", REPOSITORY / "config/demo.yaml"]
    assert "\nreport " in run(*command).stdout
    rules = sources / "workflow/rules/tables.smk"
    rules.write_text(rules.read_text().replace("        rules.report.output,\n", ""))
    assert "\nreport " not in run(*command).stdout
