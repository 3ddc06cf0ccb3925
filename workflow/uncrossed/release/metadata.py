"""Croissant metadata: the JSON-LD that mlcroissant and dataset search engines read."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from uncrossed.release import card, provenance
from uncrossed.results import trial_file, trials_table
from uncrossed.results.diagnosis import DIAGNOSES
from uncrossed.study import layout
from uncrossed.study.hyperparameters import HYPERPARAMETERS
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS

LICENCE = "https://creativecommons.org/licenses/by/4.0/"
# The context that the specification of Croissant 1.0 gives every document. It is written here and not asked of
# mlcroissant, since another version of that would write another context into the metadata of the same results.
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "equivalentProperty": "cr:equivalentProperty",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
COLUMN_DESCRIPTIONS = {name: known.axis for name, known in HYPERPARAMETERS.items()} | {
    "trial": "the trial's name, and its folder in trials/",
    "semantics": "which differences between the frameworks are aligned; native: each does what it ships with",
    "space": "the subspace of the search box that the row was drawn from",
    "base": "the trial that the row was made from",
    "origin": "where the row's hyperparameters come from: random, or guided by the results of other rows",
    trials_table.DIFFERENCE: "PyTorch's test accuracy minus TensorFlow's",
    trials_table.BOTH_COMPLETED: "false where a side diverged or is missing: leave these pairs out",
    trials_table.DIAGNOSIS: f"what became of the pair: that of its worse side, of {', '.join(DIAGNOSES)}",
}
COLUMN_DESCRIPTIONS |= dict.fromkeys(
    trials_table.SIDE_DIAGNOSES, f"what became of the training, by its losses and accuracies: {', '.join(DIAGNOSES)}"
)
TYPES = {"b": "sc:Boolean", "i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float"}


def croissant(study: Study, table: pd.DataFrame, listed: Mapping[str, str]) -> dict[str, Any]:
    """What `croissant.json` says.

    Args:
        study: the built study.
        table: its table of trials, as it is in its file.
        listed: the SHA-256 of its files by name.
    """

    def file(name: str, kind: str, about: str) -> dict[str, Any]:
        names = {"@type": "cr:FileObject", "@id": name, "name": name, "description": about, "contentUrl": name}
        return names | {"encodingFormat": kind, "sha256": listed[name]}

    def records(name: str, about: str, source: str, fields: dict[str, str]) -> dict[str, Any]:
        made = [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "description": COLUMN_DESCRIPTIONS.get(column, column.replace("_", " ")),
                "dataType": kind,
                "source": {"fileObject": {"@id": source}, "extract": {"column": column}},
            }
            for column, kind in fields.items()
        ]
        return {"@type": "cr:RecordSet", "@id": name, "name": name, "description": about, "field": made}

    trials = {name: TYPES.get(getattr(table[name].dtype, "kind", "O"), "sc:Text") for name in table}
    curves = {"trial": "sc:Text", "framework": "sc:Text", "epoch": "sc:Integer"}
    curves |= dict.fromkeys(trial_file.CURVES, "sc:Float")
    models = {"@type": "cr:FileSet", "@id": "models", "name": "models", "encodingFormat": "application/x-hdf5"}
    models |= {"description": "one HDF5 file per trial and framework"}
    models |= {"includes": [layout.trial_file("*", framework) for framework in FRAMEWORKS]}
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"crossedwires-{study.name}",
        "description": card.description(study),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": LICENCE,
        "citeAs": card.CITATION,
        "url": "https://arxiv.org/abs/2108.12768",
        "version": provenance.package_version(),
        "distribution": [
            # Its types are the table's: in CSV a trial named `001` or `null` is a number or nothing to most readers.
            file(layout.TRIALS_PARQUET, "application/x-parquet", "one row per trial"),
            file(layout.CURVES_TABLE, "application/x-parquet", "one row per trial, framework and epoch"),
            file(layout.MANIFEST, "text/csv", "the rows that were built, ready to be built again"),
            models,
        ],
        "recordSet": [
            records("trials", "one record per trial", layout.TRIALS_PARQUET, trials),
            records("curves", "one record per trial, framework and epoch", layout.CURVES_TABLE, curves),
        ],
    }
