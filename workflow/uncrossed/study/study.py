"""A study: the checked form of one YAML file in config/, with its manifest's rows and its dataset's definition."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from uncrossed.common.checked import NAME, Model, Name
from uncrossed.common.errors import InputError, nearest
from uncrossed.common.files import DAMAGE, read_text, reading, write_json, write_text
from uncrossed.datasets.dataset_file import check_identity, read_identity
from uncrossed.datasets.definition import BUILT_IN_DATASETS, Definition
from uncrossed.study import layout, manifest
from uncrossed.study.architectures import Architectures
from uncrossed.study.hyperparameters import BATCH_SIZE
from uncrossed.study.identity import code_sha256
from uncrossed.study.mechanisms import NAMED, resolve
from uncrossed.study.search import EXAMPLE, Search, read_suggestion
from uncrossed.study.study_file import read_values
from uncrossed.study.trial import Job, Settings, Trial


class Configuration(Model):
    """The keys of a study file."""

    study: Name = Field(description=f"its folder in results/: a name that matches {NAME}")
    dataset: Name = Field(description=f"{', '.join(BUILT_IN_DATASETS)} or a name from datasets")
    manifest: str | None = Field(default=None, description="the path of a CSV file, relative to the study file")
    search: Search | None = Field(default=None, description="instead of a manifest: see below")
    settings: Settings = Field(default=Settings(), description="what is fixed for all trainings of the study")
    datasets: dict[Name, Annotated[dict[str, Any], Field(description="keys and values, as of a dataset")]] = Field(
        default_factory=dict, description="definitions of datasets by name, besides the built-in ones"
    )
    architectures: dict[Name, Annotated[str, Field(description="the path of a Python file")]] = Field(
        default_factory=dict, description="the study's own architectures by name: files, relative to the study file"
    )
    semantics: dict[Name, Annotated[str, Field(description=Trial.model_fields["semantics"].description)]] = Field(
        default_factory=dict, description="the study's own names for combinations of mechanisms"
    )

    @model_validator(mode="after")
    def _one(self) -> "Configuration":
        if (self.manifest is None) == (self.search is None):
            raise InputError("a study has exactly one of the keys 'manifest' and 'search'")
        return self


class Study:
    """A study's configuration, its rows, its dataset.

    Attributes:
        configuration: the checked keys.
        dataset: the definition of its dataset, its source relative to the working directory.
        semantics: its own names for semantics.
        architectures: those that its rows may name.
        built: whether it is read from beside its results; then no architecture's file is run.
    """

    def __init__(self, values: Mapping[str, Any], path: str | os.PathLike[str], built: bool = False):
        """Check a study's keys.

        Args:
            values: the keys and values.
            path: the study file that they come from: errors name it, and paths in it are relative to its folder.
            built: the study is built: where its dataset can be had does not matter any more.

        Raises:
            InputError: a key, value, dataset or semantics that is not allowed.
        """
        self.path = Path(path)
        if not isinstance(values, Mapping):
            raise InputError(f"{path}: expected keys and values; allowed: {', '.join(Configuration.model_fields)}")
        self.configuration = Configuration.check(dict(values), str(path))
        if self.name == layout.DATASETS_FOLDER:
            raise InputError(f"{path}: key 'study': 'datasets' is the folder of the datasets; allowed: another name")
        self.dataset, self.built = self._definition(built), built
        try:
            self.architectures = Architectures(
                {name: self.path.parent / path for name, path in self.configuration.architectures.items()}
            )
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        for name, file in self.architectures.own.items():
            if not built and not file.is_file():
                raise InputError(f"{path}: architectures.{name}: {file}: no such file")
        self.semantics = dict(self.configuration.semantics)
        for name, text in self.semantics.items():
            if name in NAMED:
                raise InputError(f"{path}: semantics '{name}' is built in; choose another name")
            try:
                resolve(text)
            except InputError as error:
                raise InputError(f"{path}: semantics.{name}: {error}") from error
        if self.search and not built:
            self._check_search(self.search)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Study":
        """Read and check a study file.

        Raises:
            InputError: what `read_values` or `Study` refuses.
        """
        return cls(read_values(path), path)

    @classmethod
    def given(cls, text: str) -> "Study":
        """The study of a command's option: the path of its file, or what `handed` gives.

        Raises:
            InputError: as `load` does.
        """
        if not text.lstrip().startswith("{"):
            return cls.load(text)
        try:
            handed = json.loads(text)
            keys, file = handed["keys"], handed["file"]
        except (ValueError, KeyError) as error:
            found = f"JSON without {error}" if isinstance(error, KeyError) else f"no JSON ({error})"
            allowed = 'a study file, or {"file": its path, "keys": its keys and values}'
            raise InputError(f"--study: found {found}; allowed: {allowed}") from error
        return cls(keys, file)

    @classmethod
    def read_built(cls, folder: str | os.PathLike[str]) -> "Study":
        """The study that a folder of results was built from, by its study.json.

        Raises:
            UnreadableError: the operating system does not give the file.
            InputError: it is missing or damaged.
        """
        path = Path(folder) / layout.STUDY_STATEMENT
        try:
            with reading(path) as stream:
                content = stream.readall()
        except FileNotFoundError as error:
            raise InputError(f"{path}: missing; run snakemake on the study once more, which writes it") from error
        return cls.stated(content.decode(errors="replace"), path)

    @classmethod
    def stated(cls, text: str, path: str | os.PathLike[str]) -> "Study":
        """The study that a study.json holds.

        Raises:
            InputError: the text is no study.
        """
        try:
            values = json.loads(text)
            values = values | ({} if "search" in values else {"manifest": layout.MANIFEST})
        except DAMAGE as error:
            raise InputError(f"{path}: damaged ({error})") from error
        return cls(values, path, built=True)

    @property
    def name(self) -> str:
        """The study's name: its folder below results/."""
        return self.configuration.study

    @property
    def settings(self) -> Settings:
        """What is fixed for all trainings."""
        return self.configuration.settings

    @property
    def search(self) -> Search | None:
        """The search that writes the manifest, if one does."""
        return self.configuration.search

    @cached_property
    def trials(self) -> tuple[str, ...]:
        """The names of all trials, which a search knows before their rows.

        Raises:
            InputError: the first fault in the manifest.
        """
        return tuple(self.search.places if self.search else self.rows)

    @cached_property
    def rows(self) -> dict[str, Trial]:
        """The manifest's rows by trial name, in the manifest's order; of a search none.

        Raises:
            InputError: the first fault in the manifest.
        """
        if self.search:
            return {}
        # Of a study that is built the batches were checked before, and its architectures may be a stranger's.
        examples = None if self.built else self.dataset.train_examples
        architectures = None if self.built else self.architectures
        return manifest.read(self.manifest, self.semantics, examples, architectures, self.settings)

    def suggested(self, results: str | os.PathLike[str]) -> dict[str, Trial]:
        """The rows that the search has suggested so far, in its order.

        Args:
            results: the study's folder of results.

        Raises:
            InputError: a suggestion that is damaged, or was made by another search.
        """
        there = (trial for trial in self.trials if Path(results, layout.suggestion(trial)).exists())
        return {trial: read_suggestion(results, trial, self.search)["row"] for trial in there}

    def largest(self, trial: str) -> list[Trial]:
        """The rows of a search's trial that would take the most time and memory."""
        place = self.search.place(trial)
        box = self.search.space.subspaces()[place.space]
        values = {name: interval.high for name, interval in box.items()} | {"architecture": place.architecture}
        values |= self.search.fixed
        sizes = {min(bound, self.dataset.train_examples) for bound in (box[BATCH_SIZE].low, box[BATCH_SIZE].high)}
        return [Trial.check({**values, "trial": trial, BATCH_SIZE: size}, trial) for size in sorted(sizes)]

    @property
    def kinds(self) -> list[Trial]:
        """Rows of all architectures and optimizers that there are; of a search at one corner of its box."""
        if not self.search:
            return list(self.rows.values())
        corner = {name: interval.low for name, interval in self.search.space.box.items()} | self.search.fixed
        return [
            Trial.check({**corner, "trial": "any", "architecture": name}, "any") for name in self.search.architectures
        ]

    @property
    def manifest(self) -> str:
        """The manifest's path from the working directory; in the study file it is relative to that file's folder.

        Raises:
            InputError: the study has a search, which writes its manifest.
        """
        if self.search:
            raise InputError(
                f"{self.path}: has a search, which writes its manifest: results/{self.name}/{layout.MANIFEST}"
            )
        return self._relative(self.configuration.manifest)

    def job(self, trial: str) -> Job:
        """The training job of one trial.

        Raises:
            InputError: no such trial in the manifest.
        """
        if trial not in self.rows:
            raise InputError(f"no trial '{trial}' in {self.manifest}; {nearest(trial, self.rows)}")
        return Job(row=self.rows[trial], settings=self.settings, dataset=self.dataset.identity())

    @cached_property
    def common(self) -> dict[str, Any]:
        """What all trainings have in common, as in a job's canonical JSON."""
        job = Job(row=EXAMPLE, settings=self.settings, dataset=self.dataset.identity())
        return {key: value for key, value in json.loads(job.canonical()).items() if key != "row"}

    def attributes(self, row: Trial, framework: str) -> dict[str, Any]:
        """What a trial file must say of itself to be a result of this study and this code."""
        return {
            "framework": framework,
            "row": row.deciding(),
            "code_sha256": self.code_sha256(row, framework),
            **self.common,
        }

    def code_sha256(self, row: Trial, framework: str) -> str:
        """The identity of the code that decides the bits of a row's training on a framework."""
        return code_sha256(framework, self.architectures[row.architecture], row.optimizer)

    def handed(self) -> str:
        """The checked study as one text for the commands of its build, so that none reads the file again."""
        return json.dumps({"file": str(self.path), "keys": self._keys()}, sort_keys=True)

    def statement(self) -> dict[str, Any]:
        """What is kept of the study beside its results: all keys but paths of this machine."""
        keys = self._keys()
        keys.pop("manifest", None)
        keys["architectures"] = {name: layout.architecture_file(name) for name in self.architectures.own}
        for definition in keys["datasets"].values():
            if "://" not in str(definition.get("source", "")):
                definition.pop("source", None)
        return keys

    def _keys(self) -> dict[str, Any]:
        return self.configuration.model_dump(mode="json", exclude_none=True)

    def keep(self, folder: str | os.PathLike[str], rows: str | None = None) -> None:
        """Write `manifest.csv` and `study.json`: what a build was made from, ready to be built again.

        Args:
            folder: the study's folder of results.
            rows: the `manifest.sha256` that the build was planned with; of a search none.

        Raises:
            InputError: the manifest is not that any more, or a search has not suggested all rows.
        """
        found = (self.suggested(folder) if self.search else self.rows).values()
        if not self.search and rows not in (None, manifest.sha256(found)):
            raise InputError(f"{self.manifest}: has changed since the build was planned; run snakemake again")
        if len(found) < len(self.trials):
            raise InputError(f"{folder}: {len(found)} of {len(self.trials)} rows are suggested; build the others first")
        manifest.write(Path(folder) / layout.MANIFEST, found)
        write_json(Path(folder) / layout.STUDY_STATEMENT, self.statement())
        for name, path in self.architectures.own.items():
            network = self.architectures[name].on(self.dataset.shape, self.dataset.classes)
            write_text(Path(folder) / layout.architecture_file(name), read_text(path))
            statement = {
                "touching": sorted(network.architecture.touching),
                "layers": [asdict(layer) for layer in network.layers],
            }
            write_json(Path(folder) / layout.architecture_statement(name), statement)

    def contradiction(self, attributes: Mapping[str, Any]) -> str | None:
        """Where the root attributes of a trial file say something else than the study; None where they do not."""
        for key in ("settings", "dataset"):
            if attributes[key] != self.common[key]:
                return f"was made with {key}={attributes[key]}, but the study says {self.common[key]}"
        return None

    def check_dataset_file(self, path: str | os.PathLike[str]) -> None:
        """Refuse a dataset file, if there is one, that was made from another definition.

        Raises:
            InputError: naming the file and the first key that differs.
        """
        if Path(path).is_file():
            check_identity(path, read_identity(path), self.dataset.identity())

    def _check_search(self, search: Search) -> None:
        """Refuse what only the study's dataset and names of semantics tell."""
        examples = self.dataset.train_examples
        high = search.space.box[BATCH_SIZE].high
        if high > examples:
            raise InputError(
                f"{self.path}: search.box.{BATCH_SIZE}: found {high:g}; allowed: up to {examples}, "
                "the training examples"
            )
        longest = max(search.places, key=len)
        if not re.fullmatch(NAME, longest):
            raise InputError(
                f"{self.path}: search.architectures: trials would have names like '{longest}'; allowed: shorter names "
                "of architectures"
            )
        try:
            normalised = [name for name in search.architectures if self.architectures.find(name).BATCHNORM]
        except InputError as error:
            raise InputError(f"{self.path}: search.architectures: {error}") from error
        for box in search.space.subspaces() if normalised else ():
            low, high = int(box[BATCH_SIZE].low), int(box[BATCH_SIZE].high)
            if all((examples - 1) % size == 0 for size in range(low, high + 1)):
                raise InputError(
                    f"{self.path}: search.box.{BATCH_SIZE}: found {low} to {high} in a subspace; allowed: a size that "
                    f"leaves not one of {examples} training examples alone in the last batch, as {normalised[0]} has "
                    "batch normalisation"
                )
        try:
            semantics = resolve(search.semantics, self.semantics)
            for row in self.kinds:
                row = Trial.check({**dict(row), "semantics": semantics}, "any")
                self.settings.check_row(row, self.architectures.find(row.architecture))
        except InputError as error:
            raise InputError(f"{self.path}: search.semantics: {error}") from error

    def _relative(self, path: str) -> str:
        return os.path.relpath(self.path.parent / path)

    def _definition(self, built: bool) -> Definition:
        name, own = self.configuration.dataset, self.configuration.datasets
        definitions = dict(BUILT_IN_DATASETS)
        for key, values in own.items():
            if "name" in values:
                raise InputError(f"{self.path}: datasets.{key}: unknown key 'name'; '{key}' is its name")
            if key in BUILT_IN_DATASETS and values.keys() != {"source"}:
                raise InputError(
                    f"{self.path}: datasets.{key} is built in; allowed: a 'source' of its own, and nothing else "
                    "(another definition is another name)"
                )
            base = BUILT_IN_DATASETS[key].model_dump() if key in BUILT_IN_DATASETS else {"name": key}
            definitions[key] = Definition.check(base | values, f"{self.path}: datasets.{key}")
            if not built:
                definitions[key].check_source(f"{self.path}: datasets.{key}")
        if name not in definitions:
            raise InputError(f"{self.path}: unknown dataset '{name}'; {nearest(name, definitions)}")
        definition = definitions[name]
        if definition.source is None or "://" in definition.source:
            return definition
        return definition.model_copy(update={"source": self._relative(definition.source)})
