"""What a study needs before it is published: its card, its metadata, where it comes from, and the list of all files.

    README.md           the dataset card: what it is, how it was made, numbers, known defects, licence, citation
    croissant.json      Croissant JSON-LD, which mlcroissant and dataset search engines read
    provenance.json     the study's keys, identities of rows, dataset and code, versions and devices
    RELEASE_SHA256SUMS  the checksums of everything that is released, in the form that `sha256sum -c` reads

Nothing in them depends on clock, host or path: equal results have equal metadata.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from uncrossed.analysis import statistics
from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.common.files import sha256, write_json, write_text
from uncrossed.release import card, metadata, provenance
from uncrossed.results import checksums, tables
from uncrossed.study import layout, manifest
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS

METADATA = (layout.CARD, layout.CROISSANT, layout.PROVENANCE)


def make(folder: str | os.PathLike[str]) -> list[str]:
    """Write the metadata of a built study, and the list of all that is released.

    Args:
        folder: `results/STUDY`, with its SHA256SUMS and its study.json.

    Returns:
        The names in the list.

    Raises:
        InputError: a missing or damaged file, one that is not what SHA256SUMS lists, or a trial file of another study.
    """
    folder = Path(folder)
    study = Study.read_built(folder)
    listed = checksums.read_built(folder)
    trials = tables.read(folder)
    table = statistics.prepared(
        trials, study.dataset.train_examples, study.dataset.test_examples, study.dataset.classes, folder
    )
    write_json(folder / layout.PROVENANCE, provenance.collect(folder, study, listed))
    write_json(folder / layout.CROISSANT, metadata.croissant(study, trials, listed))
    write_text(folder / layout.CARD, card.text(study, table))
    names = [*listed, layout.CHECKSUMS, layout.RUNS_TABLE, *METADATA]
    trials = sorted(manifest.read(folder / layout.MANIFEST, architectures=None))
    places = [(trial, framework) for trial in trials for framework in FRAMEWORKS]
    names += [layout.run_record(*place) for place in places]
    names += [name for name in (layout.views_file(*place) for place in places) if (folder / name).is_file()]
    names += [layout.suggestion(trial) for trial in trials if study.search]
    made = (folder / layout.CHECKSUMS).stat().st_mtime_ns

    def hashed(name: str) -> str:
        path = folder / name
        try:
            # A file that is older than SHA256SUMS is not hashed here: it is when it is uploaded.
            unchanged = name in listed and path.stat().st_mtime_ns <= made
            digest = listed[name] if unchanged else sha256(path)
        except FileNotFoundError as error:
            raise InputError(f"{path}: missing; build the study first") from error
        except OSError as error:
            raise UnreadableError(f"{path}: cannot be read ({error.strerror or error})") from error
        if listed.get(name, digest) != digest:
            raise InputError(f"{path}: another than {layout.CHECKSUMS} lists; run `uncrossed verify {folder}`")
        return digest

    with ThreadPoolExecutor(max_workers=4) as pool:
        progress = tqdm(pool.map(hashed, names), desc="release", total=len(names), unit="file", disable=None)
        checksums.write(folder / layout.RELEASE_CHECKSUMS, dict(zip(names, progress, strict=True)))
    return names
