"""Tables like those that were published in 2021."""

import csv
import io

import pytest

from uncrossed.cli import main

KEY = "0123456789abcdef0123456789abcdef01234567"
PERSON = "somebody@example.org"
GOOD = {
    "Name": "dual_train_5E67eae2",
    "User": PERSON,
    "wandb.api_key": KEY,
    "learning_rate": "0.037500006249999995",
    "batch_size": "100",
    "adam_epsilon": "1e-8",
    "epochs": "2",
    "pt_test_acc": "0.7500000000012",
    "tf_test_acc": "0.5",
    "accuracy_diff": "0.2500000000012",
    "State": "finished",
    "Runtime": "100",
    "pt_average_training_loss": "[2.5,1.5]",
    "pt_latest_training_loss": "[2.5,1.5]",
    "tf_training_loss": "[2.0, 1.0]",
}


def write(*rows: dict[str, str], without: str = "") -> bytes:
    """A published table; each row says how it differs from `GOOD`."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [name for name in GOOD if name != without], extrasaction="ignore")
    writer.writeheader()
    for number, row in enumerate(rows):
        writer.writerow({**GOOD, "Name": f"dual_train_{number:08x}", **row})
    return stream.getvalue().encode()


def command(*arguments: object) -> int:
    """Run `uncrossed manifest import-published` in this process; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main.main(["manifest", "import-published", *map(str, arguments)])
    return ended.value.code
