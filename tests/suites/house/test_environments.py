"""All environments agree with the lock."""

import re
import tomllib
from importlib import metadata

import yaml

from helpers.commands import REPOSITORY


def pins(text: str) -> dict[str, set[str]]:
    """Exact requirements by package, each with its marker."""
    found: dict[str, set[str]] = {}
    for name, rest in re.findall(r"^([a-z0-9][a-z0-9_.-]*)==(.+)$", text, flags=re.MULTILINE):
        found.setdefault(name, set()).add(rest.strip())
    return found


def versions(requirements: set[str]) -> set[str]:
    return {re.split(" ?;| --hash", requirement)[0] for requirement in requirements}


def test_the_lists_and_conda_environments_are_parts_of_the_lock():
    lock = pins((REPOSITORY / "envs/lock.txt").read_text())
    assert all(" --hash=sha256:" in pin for some in lock.values() for pin in some)
    made_here = pins((REPOSITORY / "envs/venv.txt").read_text())
    assert all(some <= lock[package] for package, some in made_here.items())
    assert made_here.keys() >= {"torch", "tensorflow", "snakemake", "pytest", "pip", "setuptools", "wheel"}
    needed = {
        "pytorch": {"torch", "torchvision", "h5py", "numpy", "pydantic", "nvidia-cudnn-cu13"},
        "tensorflow": {"tensorflow", "keras", "h5py", "numpy", "pydantic", "nvidia-cudnn-cu12"},
        "workflow": {"snakemake", "snakemake-executor-plugin-slurm", "pandas", "pyarrow", "scikit-learn"},
    }
    for name, packages in needed.items():
        *dependencies, inline = yaml.safe_load((REPOSITORY / f"envs/{name}.yaml").read_text())["dependencies"]
        assert dependencies == ["python=3.11", "pip"]
        assert "".join(f"{pin}\n" for pin in inline["pip"]) == (REPOSITORY / f"envs/{name}.txt").read_text()
        pinned = pins("\n".join(inline["pip"]))
        assert packages <= pinned.keys()
        for package, requirements in pinned.items():
            assert requirements <= lock[package], f"envs/{name}.yaml: {package}"


def test_the_environments_for_older_drivers_differ_in_what_is_built_for_cuda_alone():
    pinned = {}
    for name in ("pytorch", "pytorch-cuda12", "tensorflow", "tensorflow-cuda12"):
        *_, inline = yaml.safe_load((REPOSITORY / f"envs/{name}.yaml").read_text())["dependencies"]
        pinned[name] = {package: versions(some) for package, some in pins("\n".join(inline["pip"])).items()}
    new, old = pinned["tensorflow"], pinned["tensorflow-cuda12"]
    assert {name for name in new if new[name] != old.get(name)} == {"nvidia-cudnn-cu12"}
    assert all(version.startswith("9.10.") for version in old["nvidia-cudnn-cu12"])
    new, old = pinned["pytorch"], pinned["pytorch-cuda12"]
    others = {name for name in new if new[name] != old.get(name)}
    assert {name for name in others if not name.startswith(("nvidia-", "cuda-"))} == {"torch", "torchvision"}
    for name in ("torch", "torchvision"):
        assert old[name] == {f"{version}+cu126" for version in new[name]}


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
