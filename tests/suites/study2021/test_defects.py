"""Defects of the published tables are named."""

from helpers.published import write
from uncrossed.study2021 import published_tables
from uncrossed.study2021.defects import find


def defects(*rows: dict[str, str]) -> list[str]:
    # Distinct hyperparameters, and enough sound runs for a median.
    rows = [{"epochs": "2", "adam_epsilon": f"0.{k + 1}", **row} for k, row in enumerate((*rows, {}, {}))]
    return find(published_tables.parse(write(*rows), "vgg16", "t.csv"))


def test_defects_are_named():
    equal = "vgg16: PyTorch's average and latest training losses are equal in all 3 runs that have them"
    assert [line.partition(":")[0] for line in defects({})] == ["vgg16"]
    assert defects({})[0].startswith(equal)
    for row, parts in (
        ({"State": "running"}, ["'running'"]),
        ({"Runtime": "9000"}, ["runtime", "9000 s", "100 s"]),
        ({"pt_test_acc": "nan"}, ["PyTorch's accuracy is nan"]),
        ({"tf_test_acc": "1.5"}, ["TensorFlow's accuracy is 1.5"]),
        ({"tf_test_acc": "0.50005"}, ["0.50005", "1/10000"]),
        ({"accuracy_diff": "0.251"}, ["accuracy_diff is 0.251", "differ by +0.25"]),
        ({"tf_training_loss": ""}, ["no curves: tf_training_loss"]),
        ({"tf_training_loss": "[1]"}, ["tf_training_loss has 1 values", "epochs is 2"]),
        ({"tf_training_loss": "[NaN,Infinity]"}, ["tf_training_loss has 2 values that are not finite"]),
    ):
        lines = [line for line in defects(row) if line.startswith("vgg16-00000000:")]
        assert any(all(part in line for part in parts) for line in lines), (row, lines)
    assert any("1/10000 in 1 of 3 runs" in line for line in defects({"pt_test_acc": "0.75005"}))
    table = published_tables.parse(
        write({"pt_test_acc": "0.75"}, {"pt_test_acc": "0.8", "learning_rate": "0.1"}), "vgg16", ""
    )
    assert find(table)[0] == "vgg16: all accuracies and 1 of 2 learning rates are rounded to 9 decimals"
    twice = defects({"adam_epsilon": "0.9"}, {"adam_epsilon": "0.9", "tf_test_acc": "0.6"})
    assert any(line.startswith("vgg16-00000000, vgg16-00000001: the same") and "+0.1500" in line for line in twice)
