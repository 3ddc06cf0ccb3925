"""Where a study comes from: its keys, identities of rows, dataset and code, versions and devices."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from uncrossed.common.errors import InputError
from uncrossed.common.version import VERSION
from uncrossed.results import trial_file
from uncrossed.study import layout
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS


def collect(folder: Path, study: Study, listed: Mapping[str, str]) -> dict[str, Any]:
    """What `provenance.json` says.

    Args:
        folder: `results/STUDY`.
        study: the built study.
        listed: the SHA-256 of its files by name.

    Raises:
        InputError: a trial file that is missing, damaged or of another study.
    """
    code: dict[str, set[str]] = {name: set() for name in FRAMEWORKS}
    devices: dict[str, set[str]] = {name: set() for name in FRAMEWORKS}
    versions: dict[str, dict[str, set[str]]] = {name: {} for name in FRAMEWORKS}
    datasets = set()
    files = [name for name in listed if layout.is_trial_file(name)]
    for name in tqdm(files, desc="provenance", unit="file", disable=None):
        attributes = trial_file.read_attributes(folder / name)
        if fault := study.contradiction(attributes):
            raise InputError(f"{folder / name}: {fault}; build the study again")
        _, framework = layout.place(name)
        code[framework].add(attributes["code_sha256"])
        devices[framework].add(attributes["device"])
        datasets.add(attributes["dataset_sha256"])
        for package, text in attributes["versions"].items():
            versions[framework].setdefault(package, set()).add(text)
    return {
        "study": study.statement(),
        "manifest_sha256": listed[layout.MANIFEST],
        "dataset": study.dataset.identity().model_dump(mode="json"),
        "dataset_sha256": sorted(datasets),
        "uncrossed": VERSION,
        "code_sha256": {name: sorted(hashes) for name, hashes in code.items()},
        "devices": {name: sorted(names) for name, names in devices.items()},
        "versions": {
            framework: {name: sorted(texts) for name, texts in sorted(packages.items())}
            for framework, packages in versions.items()
        },
    }
