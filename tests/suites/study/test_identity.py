"""What decides bits, and nothing else, is in a training's identity: which edits of the sources retrain what."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.commands import ARCHITECTURES
from helpers.studies import copy_sources
from uncrossed.study import identity

# In a process of its own, for another tree: of each framework's trainings of each architecture with three optimizers.
PROGRAM = """
import json, sys
from uncrossed.study.identity import code_sha256
from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load
names = list(BUILT_IN_ARCHITECTURES)
kinds = [(a, o, f) for a in names for o in ("adam", "adamw", "sgd") for f in ("pytorch", "tensorflow")]
print(json.dumps({f"{a} {o} {f}": code_sha256(f, load(a), o) for a, o, f in kinds}))
"""


def identities(sources: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(sources / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of the sources, and the identities as they are."""
    folder = copy_sources(tmp_path_factory.mktemp("identity") / "sources")
    return folder, identities(folder)


@contextlib.contextmanager
def an_edit(sources: Path, name: str, old: str, new: str) -> Iterator[None]:
    """Edit a file of the package, which is undone again; no old text makes a new file."""
    path = sources / "workflow/uncrossed" / name
    before = path.read_text() if old else None
    assert before is None or old in before, f"{name} has no {old!r}"
    try:
        path.write_text(new if before is None else before.replace(old, new))
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)


PERCEPTRON = ARCHITECTURES / "perceptron.py"
RETRAIN_NOTHING = {
    "a message of an error": ("training/backends/__init__.py", "is not there", "is missing"),
    "what an exception is told": ("training/loop.py", "stopped in epoch", "ended in epoch"),
    "the description of a column": ("study/trial.py", "a number > 0, at most 1e30", "any number above 0"),
    "a new check of a row": ("study/trial.py", "if self.batch_size > examples:", "if self.batch_size > examples + 0:"),
    "a new architecture": ("training/architectures/other.py", "", PERCEPTRON.read_text()),
    "a new optimizer": ("training/optimizers/other.py", "", '"""Other."""\n'),
    "a new dataset format": ("datasets/formats/other.py", "", '"""Other."""\n'),
    "a comment": ("training/draws.py", "import hashlib", "import hashlib  # a comment"),
    "a docstring": ("training/backends/pytorch.py", "stock unless a row says otherwise", "as shipped otherwise"),
    "a formula's description": ("study/mechanisms.py", "kernels U(", "kernels drawn from U("),
    "a renamed helper of reading": ("common/files.py", "def remove_left", "def remove_what_is_left"),
    "a changed download": ("common/remote.py", '"User-Agent": "uncrossed"', '"User-Agent": "uncrossed/2"'),
    "another form of trial files": ("results/trial_file.py", "uncrossed-trial-1", "uncrossed-trial-2"),
    "another form of checkpoints": ("job/checkpoint_file.py", "uncrossed-checkpoint-3", "uncrossed-checkpoint-4"),
    "a changed statistic": ("analysis/statistics.py", "import numpy as np", "import numpy as np\n\nOTHER = 1"),
    "the identity's own code": ("study/identity.py", "def _path", "OTHER = 1\n\n\ndef _path"),
}


def test_what_decides_no_bits_retrains_nothing(sources):
    """All edits at once: where one is wrong, each alone tells which."""
    folder, before = sources
    with contextlib.ExitStack() as undone:
        for edit in RETRAIN_NOTHING.values():
            undone.enter_context(an_edit(folder, *edit))
        after = identities(folder)
    assert {name: after[name] for name in before} == before


ALL = ("pytorch", "tensorflow")
# What is of some optimizers alone; AdamW's file uses Adam's.
OF_OPTIMIZERS = {"Adam's imitation": {"adam", "adamw"}, "SGD's momentum": {"sgd"}, "AdamW's decay": {"adamw"}}
RETRAIN = {
    "the loop's order": ("training/loop.py", "for start in range(0, examples, size)", "for start in ()", "", ALL),
    "how an accuracy is counted": ("training/loop.py", "wide.argmax(axis=1) == labels", "True", "", ALL),
    "the draws": ("training/draws.py", "np.sqrt(6 / (fan_in", "np.sqrt(5 / (fan_in", "", ALL),
    "the name map": ("training/arrays.py", '"kernel", (2, 3, 1, 0)', '"kernel", (3, 2, 1, 0)', "", ALL),
    "what a semantics does": ("training/effective.py", "value != framework", "True", "", ALL),
    "Adam's imitation": (
        "training/optimizers/adam.py",
        "return size * m",
        "return 2 * size * m",
        "",
        ALL,
    ),
    "SGD's momentum": ("training/optimizers/sgd.py", "else -m", "else m", "", ALL),
    "AdamW's decay": ("training/optimizers/adamw.py", "decoupled=True", "decoupled=False", "", ALL),
    "what TensorFlow's optimizers share": ("training/grouped.py", "SMALL = 4096", "SMALL = 4097", "", ALL),
    "one framework's step": (
        *("training/backends/pytorch.py", "self.model.train()", "self.model.train(True)"),
        *("", ("pytorch",)),
    ),
    "one framework's loss": (
        *("training/backends/tensorflow.py", "+ share * softmax", "+ 2 * share * softmax"),
        *("", ("tensorflow",)),
    ),
    "one framework's imitation": (
        *(
            "training/backends/pytorch_as_tensorflow.py",
            'eps = architecture.BATCHNORM["t',
            'eps = architecture.BATCHNORM["p',
        ),
        *("", ("pytorch",)),
    ),
    "one architecture's initializer": (
        *("training/architectures/vgg16.py", "normal(0.01)", "normal(0.02)"),
        *("vgg16", ALL),
    ),
    "one architecture's model": (
        *("training/architectures/smallcnn.py", "(16, 32, 64)", "(16, 32, 65)"),
        *("smallcnn", ALL),
    ),
    "where one architecture differs": (
        *("training/architectures/resnet50.py", 'CONV_BIAS = "tensorflow"', "CONV_BIAS = None"),
        *("resnet50", ALL),
    ),
}


@pytest.mark.parametrize("edit", RETRAIN)
def test_what_decides_bits_retrains_what_uses_it(edit, sources):
    folder, before = sources
    name, old, new, architecture, frameworks = RETRAIN[edit]

    with an_edit(folder, name, old, new):
        after = identities(folder)
    changed = {key for key in before if after[key] != before[key]}
    expected = {
        key
        for key in before
        if key.endswith(frameworks)
        and (not architecture or key.startswith(f"{architecture} "))
        and (edit not in OF_OPTIMIZERS or key.split()[1] in OF_OPTIMIZERS[edit])
    }
    assert changed == expected


def test_a_room_of_bits_imports_no_other_room_but_what_all_use(sources):
    """What is in other rooms is in no identity, and so must decide nothing."""
    folder, _ = sources
    for path in (folder / "workflow/uncrossed/training").rglob("*.py"):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == ["from"] and words[1].startswith("uncrossed."):
                allowed = ("uncrossed.training", "uncrossed.common")
                assert words[1].startswith(allowed), f"{path.name}: {line}"


# As Python 3.11 writes them.
FORMATTED = {
    """x = f"{a['b']} {c!r:>{d}}" """: """x = f"{a['b']} {c!r:>{d}}\"""",
    """x = f'{a}'""": """x = f'{a}'""",
    """x = f"it's {{{a}}}" """: """x = f"it's {{{a}}}\"""",
    """x = f"{(b if a else 'c')}" """: """x = f"{(b if a else 'c')}\"""",
    """x = f"{ {1: 2}[a] }" """: """x = f'{ {1: 2}[a]}'""",
    """x = f"{f'{a}'}{b=}" """: """x = f"{f'{a}'}b={b!r}\"""",
    """x = 'a' f"{b}\\n" """: """x = f'a{b}\\n'""",
    """raise E(f"{a['b']}")""": """raise E()""",
}


@pytest.mark.parametrize("source", FORMATTED)
def test_the_identity_is_the_same_in_all_versions_of_python(source, tmp_path):
    path = tmp_path / "a.py"
    path.write_text(source)
    assert identity._syntax(path) == FORMATTED[source]
