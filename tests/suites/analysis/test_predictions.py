"""How two models' predictions and weights differ agrees with other computations."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from uncrossed.analysis import predictions
from uncrossed.training.architectures import load


def test_disagreement_against_other_computations():
    random = np.random.default_rng(4)
    labels = random.integers(0, 9, 300)  # class 9 does not occur
    pytorch = random.normal(size=(300, 10)).astype(np.float32)
    pytorch[np.arange(300), labels] += 2
    tensorflow = (pytorch + random.normal(size=(300, 10))).astype(np.float32)
    found = predictions.disagreement(pytorch, tensorflow, labels)
    guesses = pytorch.argmax(1), tensorflow.argmax(1)
    assert found["kappa"] == pytest.approx(cohen_kappa_score(*guesses))
    assert found["agreement"] == np.mean(guesses[0] == guesses[1])
    gap = abs(np.mean(guesses[0] == labels) - np.mean(guesses[1] == labels))
    assert found["churn"] == pytest.approx(1 - found["agreement"] - gap)
    assert found["tensorflow_recall_3"] == np.mean(guesses[1][labels == 3] == 3)
    assert np.isnan(found["pytorch_recall_9"])
    same = predictions.disagreement(pytorch, pytorch, labels)
    assert (same["agreement"], same["kappa"], same["churn"]) == (1, 1, 0)


def test_kappa_and_calibration_by_hand():
    # Two of four agree; both say class 0 for half and class 1 for half: expected agreement 1/2, kappa 0.
    sides = [np.eye(2)[guesses] for guesses in ([0, 0, 1, 1], [0, 1, 0, 1])]
    assert predictions.disagreement(*sides, np.array([0, 0, 1, 1]))["kappa"] == 0
    constant = np.eye(2)[[0, 0]]
    assert np.isnan(predictions.disagreement(constant, constant, np.array([0, 1]))["kappa"])
    # Confidences 0.9, 0.9 (one right) and 0.6 (right): 2/3 |0.5 - 0.9| + 1/3 |1 - 0.6| = 0.4.
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    assert predictions.calibration_error(logits, np.array([0, 1, 1])) == pytest.approx(0.4)
    broken = predictions.disagreement(np.array([[np.nan, 1]]), np.array([[0.0, 1]]), np.array([1]))
    assert all(np.isnan(value) for value in broken.values())


def test_distances_of_weights():
    kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    pytorch = {"conv1.weight": kernel, "conv1.bias": np.array([3.0, 0]), "batchnorm1.num_batches_tracked": np.array(3)}
    tensorflow = {"conv1/kernel": kernel.transpose(2, 3, 1, 0), "conv1/bias": np.array([0, 4.0])}
    kernels, biases = predictions.distances(load("smallcnn").on((32, 32, 3), 10).layers, pytorch, tensorflow)
    assert kernels == {"layer": "conv1", "array": "weight", "elements": 24, "distance": 0}
    assert biases["distance"] == pytest.approx(5 / np.sqrt(12.5))  # orthogonal: √2
