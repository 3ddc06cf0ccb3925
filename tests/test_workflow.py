"""The workflow as a whole: style, plans of the default study, profiles, environments."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import metadata

import pytest
import yaml

from conftest import PATH, REPOSITORY, copy_sources, need, run

TRIAL = "results/cifar10/trials/vgg16-s03-07/tensorflow.h5"


@pytest.mark.parametrize(
    "command",
    ["ruff format --check .", "ruff check .", "snakefmt --check Snakefile workflow", "snakemake --lint"],
)
def test_the_sources_are_clean(command):
    run(*command.split(), folder=REPOSITORY)


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
        (TRIAL, {"dataset": 1, "train_tensorflow": 1}),
        ("pytorch", {"dataset": 1, "train_pytorch": 1200, "pytorch": 1}),
        ("tensorflow", {"dataset": 1, "train_tensorflow": 1200, "tensorflow": 1}),
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
    # What the stand-in builds where this is no dry-run: tests/test_conda.py.
    path = f"{REPOSITORY / 'tests/stand-in'}:{PATH}"
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
    # As the README's troubleshooting says: Snakemake's own cache is in the home folder.
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


def test_both_profiles_agree_on_what_makes_a_job_run_again():
    for name in ("local", "slurm"):
        profile = yaml.safe_load((REPOSITORY / f"profiles/{name}/config.yaml").read_text())
        assert profile["rerun-triggers"] == ["mtime", "params"]
        assert not profile.keys() & {"configfile", "config", "snakefile"}, "a profile says how to run, never what"


def test_every_rule_has_a_log_and_an_environment_and_none_retries():
    # A rule's own retries would be multiplied under Slurm, inside one allocation.
    rules = [path.read_text() for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk"))]
    bodies = re.split(r"^ *rule *\w*:", "\n".join(rules), flags=re.MULTILINE)[1:]
    assert len(bodies) >= 14
    for body in bodies:
        assert "retries" not in body
        if "shell:" in body:
            assert "conda:" in body
            assert "log:" in body


def pins(text: str) -> dict[str, set[str]]:
    """Exact requirements by package, each with its marker."""
    found: dict[str, set[str]] = {}
    for name, rest in re.findall(r"^([a-z0-9][a-z0-9_.-]*)==(.+)$", text, flags=re.MULTILINE):
        found.setdefault(name, set()).add(rest.strip())
    return found


def versions(requirements: set[str]) -> set[str]:
    return {requirement.split(";")[0].strip() for requirement in requirements}


def test_the_conda_environments_agree_with_the_lock():
    lock = pins((REPOSITORY / "envs/lock.txt").read_text())
    needed = {
        "pytorch": {"torch", "torchvision", "h5py", "numpy", "pydantic", "nvidia-cudnn-cu13"},
        "tensorflow": {"tensorflow", "keras", "h5py", "numpy", "pydantic", "nvidia-cudnn-cu12"},
        "workflow": {"snakemake", "snakemake-executor-plugin-slurm", "pandas", "pyarrow", "scikit-learn"},
    }
    for name, packages in needed.items():
        *dependencies, inline = yaml.safe_load((REPOSITORY / f"envs/{name}.yaml").read_text())["dependencies"]
        assert dependencies == ["python=3.11", "pip"]
        assert not [pin for pin in inline["pip"] if "==" not in pin]
        pinned = pins("\n".join(inline["pip"]))
        assert packages <= pinned.keys()
        for package, requirements in pinned.items():
            assert versions(requirements) <= versions(lock[package]), f"envs/{name}.yaml: {package}"


def test_every_direct_requirement_is_locked_and_installed_as_locked():
    lock = pins((REPOSITORY / "envs/lock.txt").read_text())
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    direct = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    for requirement in direct:
        name = re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower()
        assert name in lock, f"{name} is not in envs/lock.txt: run `make lock`"
        if exact := re.search(r"==(\S+)", requirement):
            assert versions(lock[name]) == {exact[1]}
        # A local label (+cu130, +cpu) names the build, not the version.
        assert metadata.version(name).split("+")[0] in versions(lock[name])


def test_nothing_else_lies_at_the_top():
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    top = {name.split("/")[0] for name in tracked.stdout.splitlines()}
    folders = {"Snakefile", "workflow", "config", "envs", "profiles", "results", "tests", "README.md"}
    expected = {"pyproject.toml", "Makefile", "LICENSE", "CITATION.cff", ".ci", ".github", ".gitignore", "slurm"}
    assert top == folders | expected
