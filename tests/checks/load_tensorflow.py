"""Stored weights load strictly into the native Keras models, which give the stored logits: `DATASET FOLDER`."""

import sys
from pathlib import Path

import numpy as np

from uncrossed import backends, datasets, store
from uncrossed.semantics import ARCHITECTURES
from uncrossed.trial import Settings

backend = backends.load("tensorflow", Settings())
images = datasets.read(sys.argv[1]).images["test"].astype(np.float32) / 255
for architecture in ARCHITECTURES:
    result = store.read(Path(sys.argv[2]) / architecture / "tensorflow.h5")
    model = backend.MODELS[architecture]()
    assert [variable.path for variable in model.weights] == list(result.weights[1]), architecture
    model.set_weights(list(result.weights[1].values()))
    logits = np.asarray(model(images, training=False))
    np.testing.assert_allclose(logits, result.logits, rtol=1e-4, atol=1e-5 * np.abs(logits).max(), err_msg=architecture)
