"""What is said of pairs at chance is what became of their trainings."""

import numpy as np

from helpers.pairs import number, summarise, table
from uncrossed.analysis import diagnosis, figures, statistics

# Both of TensorFlow's test at chance: the first learnt, the second did not.
AT_CHANCE = table(
    [(0.9, 0.0917), (0.9, 0.1)],
    pytorch_train_loss=[0.1, 0.1],
    pytorch_train_accuracy=[0.97, 0.97],
    tensorflow_train_loss=[0.111, 2.3026],
    tensorflow_train_accuracy=[0.962, 0.1],
)


def test_captions_do_not_say_that_who_tests_at_chance_failed_to_train(tmp_path):
    trials = statistics.prepared(AT_CHANCE, 50_000, 10_000, 10)
    captions = figures.draw(trials, statistics.summarise(trials), tmp_path)
    for caption in captions.values():
        assert "failed to train" not in caption
        assert "only PyTorch trained" not in caption
    for name in ("difference-histogram", "accuracy-scatter"):
        assert "2 TensorFlow models at chance (1 plateau, 1 evaluation failure)" in captions[name]
        assert "0 PyTorch models at chance" in captions[name]


def test_diagnoses_are_counted_for_pairs_and_for_each_side():
    found = summarise(AT_CHANCE)
    assert number(found, "diagnosis_evaluation_failure") == number(found, "diagnosis_plateau") == 1
    assert number(found, "pytorch_diagnosis_trained") == 2
    assert number(found, "tensorflow_diagnosis_trained") == 0


def test_a_table_of_accuracies_alone_is_diagnosed_as_far_as_they_go():
    trials = table(
        [(0.9, 0.1), (0.2, np.nan), (0.0, 0.9)],
        pytorch_status=["completed", "completed", "diverged"],
        tensorflow_status=["completed", "missing", "completed"],
    )
    made = diagnosis.filled(trials, 10, 10_000)
    assert made["pytorch_diagnosis"].tolist() == ["trained", "slow", "diverged"]
    assert made["tensorflow_diagnosis"].tolist() == ["unknown", "missing", "trained"]
    assert made["diagnosis"].tolist() == ["unknown", "missing", "diverged"]
    # What a table says already is not said anew.
    said = made.assign(diagnosis="slow")
    assert diagnosis.filled(said, 10, 10_000) is said
