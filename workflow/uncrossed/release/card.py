"""The dataset card: what a study is, how it was made, numbers, known defects, licence, citation."""

import pandas as pd

from uncrossed.analysis import statistics
from uncrossed.results.diagnosis import DIAGNOSES
from uncrossed.results.trials_table import BOTH_COMPLETED, DIAGNOSIS, DIFFERENCE, SIDE_DIAGNOSES
from uncrossed.study import layout
from uncrossed.study.study import Study

TITLE = "CrossedWires: A Dataset of Syntactically Equivalent but Semantically Disparate Deep Learning Models"
CITATION = f"""@article{{crossedwires,
  title = {{{TITLE}}},
  author = {{Zvyagin, Max and Brettin, Thomas and Ramanathan, Arvind and Jha, Sumit Kumar}},
  journal = {{arXiv:2108.12768}},
  year = {{2021}}
}}"""


def description(study: Study) -> str:
    """The study in one sentence."""
    data = study.dataset
    return (
        f"Pairs of models of one architecture and one set of hyperparameters, trained on {data.name} "
        f"({data.train_examples} training and {data.test_examples} test examples), once in PyTorch and once in "
        "TensorFlow: hyperparameters, learning curves, predictions and weights."
    )


def text(study: Study, table: pd.DataFrame) -> str:
    """The card.

    Args:
        study: the built study.
        table: its pairs, as `statistics.prepared` gives them.
    """
    found = "\n".join(
        f"| {name} | {' | '.join(str((table[column] == name).sum()) for column in (*SIDE_DIAGNOSES, DIAGNOSIS))} |"
        for name in DIAGNOSES
    )
    names = "\n".join(
        f"| {architecture} | {semantics} | {count} |"
        for (architecture, semantics), count in table.groupby(["architecture", "semantics"]).size().items()
    )
    differences = table[DIFFERENCE].dropna()
    largest = ""
    if len(differences):
        largest = (
            f"Test accuracies differ, PyTorch minus TensorFlow, by {differences.min():+.4f} to "
            f"{differences.max():+.4f}. "
        )
    low, high = statistics.chance_interval(study.dataset.test_examples, study.dataset.classes)
    model, run = (of("{trial}", "{framework}") for of in (layout.trial_file, layout.run_record))
    example = layout.trial_file("TRIAL", "pytorch")
    return f"""---
license: cc-by-4.0
pretty_name: "CrossedWires: {study.name}"
---

# CrossedWires: {study.name}

{description(study)}
{largest}Why they differ is what the dataset is for.

## How it was made

By `uncrossed`, a Snakemake workflow, from `{layout.MANIFEST}` and the study in `{layout.PROVENANCE}`. A row, the
study's settings and the dataset determine a trial file byte for byte on the same software and kind of device: build it
again and compare `{layout.CHECKSUMS}`. The order of examples, what a loss and an accuracy are, and what is stored are
the same code for both frameworks; models, initial weights and Adam are the frameworks' own, save what a row's
`semantics` aligns.

## Numbers

{len(table)} pairs:

| architecture | semantics | pairs |
|---|---|---|
{names}

## Files

| file | what it is |
|---|---|
| `{model}` | a trained model: weights, curves, predictions, and all that determined them |
| `{run}` | the run: seconds, memory, device, versions |
| `{layout.TRIALS_CSV}` | one row per trial: hyperparameters, accuracies, losses, statuses, diagnoses, `{DIFFERENCE}` |
| `{layout.TRIALS_PARQUET}` | the same |
| `{layout.CURVES_TABLE}` | one row per trial, framework and epoch |
| `{layout.RUNS_TABLE}` | one row per run |
| `{layout.MANIFEST}`, `{layout.PROVENANCE}` | what it was built from |
| `{layout.CROISSANT}` | this description for machines |
| `{layout.RELEASE_CHECKSUMS}` | checksums of everything here: `sha256sum -c {layout.RELEASE_CHECKSUMS}` |

```python
import h5py

with h5py.File("{example}") as file:
    accuracy = file["curves/test_accuracy"][:]  # one value per epoch
    logits = file["predictions/logits"][:]  # test examples x classes, after the last epoch
    last = max(file["weights"], key=int)  # one group per kept epoch
    weights = file["weights"][last]  # PyTorch's names and layouts; in tensorflow.h5 Keras' own
```

Curves are means over examples, defined alike on both sides. The semantics `native` leaves each framework as it ships.

## Known defects

What became of the trainings, and of the pairs, each of which is what its worse side is:

| diagnosis | PyTorch | TensorFlow | pairs |
|---|---|---|---|
{found}

A model is at chance where its test accuracy is not above {high:.4f}, the upper end of the 99 % interval of guessing
({low:.4f} to {high:.4f}). There a training is a plateau if its loss is near that of guessing too, and an evaluation
failure if it is lower: the model has learnt, and its test does not show it. Where a training loss was not finite the
status is `diverged`: the training stopped there, its accuracy means nothing, and `{BOTH_COMPLETED}` is false.

## Licence and citation

CC-BY-4.0. Cite the original study:

```bibtex
{CITATION}
```
"""
