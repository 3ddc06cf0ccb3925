"""Stored weights load strictly into the native Keras models, which give the stored logits.

`load_tensorflow.py DATASET FOLDER ARCHITECTURE...`
"""

import sys
from pathlib import Path

import numpy as np

from uncrossed.datasets import dataset_file
from uncrossed.results import trial_file
from uncrossed.study.trial import Settings
from uncrossed.training import backends
from uncrossed.training.architectures import load

backends.load("tensorflow", Settings())
images = dataset_file.read(sys.argv[1]).images["test"].astype(np.float32) / 255
for architecture in sys.argv[3:]:
    result = trial_file.read(Path(sys.argv[2]) / architecture / "tensorflow.h5")
    model = load(architecture).on((32, 32, 3), 10).model("tensorflow")
    assert [variable.path for variable in model.weights] == list(result.weights[1]), architecture
    model.set_weights(list(result.weights[1].values()))
    logits = np.asarray(model(images, training=False))
    np.testing.assert_allclose(logits, result.logits, rtol=1e-4, atol=1e-5 * np.abs(logits).max(), err_msg=architecture)
