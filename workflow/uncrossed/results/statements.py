"""Whether what a study or release says of itself is what its trial files say: study.json and the release's metadata."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from uncrossed.common.errors import InputError
from uncrossed.common.files import DAMAGE
from uncrossed.common.remote import LocalFolder, MissingFileError, RemoteFolder
from uncrossed.study.layout import CARD, CROISSANT, MANIFEST, PROVENANCE, STUDY_STATEMENT
from uncrossed.study.study import Study


def contradicted(
    source: LocalFolder | RemoteFolder, listed: Mapping[str, str], trials: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Iterator[str]:
    """One line for each statement that is not true.

    Args:
        source: where the study lies.
        listed: the SHA-256 of its files by name.
        trials: of each sound trial file, by place and framework, its attributes as far as `origin` names them.
    """
    study = None
    try:
        study = Study.stated(source.read(STUDY_STATEMENT).decode(errors="replace"), source.where(STUDY_STATEMENT))
    except MissingFileError:
        pass
    except InputError as error:
        yield str(error)
    for (where, _), about in trials.items():
        if study and (fault := study.contradiction(about)):
            yield f"{where}: {fault} ({source.where(STUDY_STATEMENT)})"
    for name, check in ((PROVENANCE, _provenance), (CROISSANT, _croissant), (CARD, _card)):
        try:
            text = source.read(name).decode(errors="replace")
            yield from (f"{source.where(name)}: {fault}" for fault in check(text, study, listed, trials))
        except MissingFileError:
            continue
        except InputError as error:
            yield str(error)
        except DAMAGE as error:
            yield f"{source.where(name)}: not what a release has there ({type(error).__name__}: {error})"


def _provenance(text: str, study: Study | None, listed: Mapping[str, str], trials: Mapping) -> Iterator[str]:
    says = json.loads(text)
    if study and says["study"] != study.statement():
        yield f"its study is not the one in {STUDY_STATEMENT}"
    if says["manifest_sha256"] != listed.get(MANIFEST, says["manifest_sha256"]):
        yield "its manifest_sha256 is not the listed one"
    for (where, framework), about in trials.items():
        for key, allowed in (
            ("dataset", [says["dataset"]]),
            ("dataset_sha256", says["dataset_sha256"]),
            ("code_sha256", says["code_sha256"][framework]),
            ("device", says["devices"][framework]),
        ):
            if about[key] not in allowed:
                yield f"says {key} {allowed}, but {where} has {about[key]}"
        for package, version in about["versions"].items():
            if version not in says["versions"][framework].get(package, []):
                yield f"does not name {package} {version}, with which {where} was made"


def _croissant(text: str, study: Study | None, listed: Mapping[str, str], trials: Mapping) -> Iterator[str]:
    says = json.loads(text)
    if study and says["name"] != f"crossedwires-{study.name}":
        yield f"its name is {says['name']}, the study's {study.name}"
    for part in says["distribution"]:
        if "sha256" in part and part["sha256"] != listed.get(part["contentUrl"], part["sha256"]):
            yield f"its sha256 of {part['contentUrl']} is not the listed one"


def _card(text: str, study: Study | None, listed: Mapping[str, str], trials: Mapping) -> Iterator[str]:
    if study and f"\n# CrossedWires: {study.name}\n" not in text:
        yield f"is no card of the study {study.name}"
