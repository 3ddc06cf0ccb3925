"""A confusion matrix holds every example, and stays small whatever the number of classes."""

import numpy as np
import pytest

from uncrossed.analysis import predictions


def test_a_few_classes_have_a_whole_confusion_matrix():
    labels = np.array([0, 0, 1, 2])
    logits = np.eye(3)[[0, 1, 1, 0]]
    logits[3] = np.nan
    side = predictions.Predictions(logits, labels)
    shown = predictions.shown_classes([side])
    counts, skipped = predictions.confusion(side, shown)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert skipped == 1


def test_of_many_classes_a_confusion_matrix_shows_the_most_confused_and_all_others_together():
    random = np.random.default_rng(6)
    labels = np.repeat(np.arange(100), 20).astype(np.uint8)
    sides = []
    for confused in (range(40, 45), range(45, 50)):
        guesses = labels.copy()
        wrong = np.isin(labels, confused) & (random.random(2000) < 0.5)
        guesses[wrong] = 99 - guesses[wrong]
        sides.append(predictions.Predictions(np.eye(100, dtype=np.float32)[guesses], labels))
    shown = predictions.shown_classes(sides)
    assert len(shown) == predictions.MOST_CONFUSED
    # Each beside the one that it is confused with.
    assert set(shown) <= {*range(40, 60)}
    assert set(shown) == {99 - label for label in shown}
    for side in sides:
        counts, skipped = predictions.confusion(side, shown)
        assert counts.shape == (11, 11)
        assert counts.sum() == 2000
        assert counts[:-1].sum(axis=1).tolist() == [20] * 10
        assert counts[0, 0] == np.sum((side.logits.argmax(1) == shown[0]) & (labels == shown[0]))
        assert skipped == 0


@pytest.mark.parametrize("classes", [1000, 65_536])
def test_any_number_of_classes_takes_little_time_and_memory(classes):
    labels = np.arange(64) * (classes // 64)
    logits = np.zeros((64, classes), np.float32)
    logits[:, 7] = 1
    side = predictions.Predictions(logits, labels.astype(np.uint16))
    shown = predictions.shown_classes([side, side])
    assert 7 in shown
    assert predictions.confusion(side, shown)[0].sum() == 64
    found = predictions.disagreement(logits, logits, side.labels)
    assert found["agreement"] == 1
    assert len(found) == 5 + 2 * classes * (classes <= 1000)
