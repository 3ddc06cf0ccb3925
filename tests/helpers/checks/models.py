"""Models that are read give the stored logits, whatever their user has set, and leave that as it is.

`models.py FRAMEWORK FOLDER URL DATASET`; the folder and the URL are of one study.
"""

import contextlib
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import uncrossed
from uncrossed.common.errors import InputError
from uncrossed.datasets import dataset_file
from uncrossed.results import trial_file
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load

framework, folder, url, data = sys.argv[1:]
data = dataset_file.read(data)
backend = backends.load(framework, Settings())
images = data.images["test"].astype(np.float32) / 255

if framework == "pytorch":
    import torch

    def computed(model: torch.nn.Module) -> np.ndarray:
        """Its logits."""
        return model(torch.from_numpy(images).permute(0, 3, 1, 2)).detach().numpy()

    def state() -> list:
        """What a user sets."""
        modes = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        return [torch.get_default_dtype(), torch.get_default_device(), modes, torch.get_rng_state().tolist()]

    @contextlib.contextmanager
    def hostile() -> Iterator[None]:
        """A session in which nothing is as it ships."""
        torch.set_default_dtype(torch.bfloat16)
        torch.set_default_device("meta")
        with torch.inference_mode():
            yield
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)

else:
    import keras
    import tensorflow as tf

    def computed(model: keras.Model) -> np.ndarray:
        """Its logits."""
        return np.asarray(model(images, training=False))

    def state() -> list:
        """What a user sets."""
        config = keras.config
        policy = config.floatx(), config.epsilon(), config.image_data_format(), config.dtype_policy().name
        return [policy, random.getstate(), np.random.get_state()[1].tolist()]

    @contextlib.contextmanager
    def hostile() -> Iterator[None]:
        """A session in which nothing is as it ships."""
        keras.config.set_dtype_policy("mixed_bfloat16")
        keras.config.set_floatx("float64")
        keras.config.set_epsilon(0.1)
        keras.config.set_image_data_format("channels_first")
        yield
        keras.config.set_dtype_policy("float32")
        keras.config.set_floatx("float32")
        keras.config.set_epsilon(1e-7)
        keras.config.set_image_data_format("channels_last")

    keras.utils.set_random_seed(5)
    expected = tf.random.uniform([3]).numpy(), keras.random.uniform([3]).numpy()

for trial in ("plain", "changed"):
    path = Path(folder, f"trials/{trial}/{framework}.h5")
    result = trial_file.read(path)
    row = Trial.check({**result.attributes["row"], "seed": 7}, "test")
    learner = backend.Learner(
        row, load(row.architecture).on(data.shape, data.classes), Settings(), data.images, data.labels
    )
    learner.train([(0, 30), (30, 70)])
    result.weights, result.logits = {0: learner.weights(), 3: learner.weights()}, learner.predict([(0, 40)])
    trial_file.write(path, result)
    side = getattr(uncrossed.open(url).trial(trial), framework)
    for session in (contextlib.nullcontext, hostile):
        os.environ |= {"KERAS_HOME": "theirs", "OMP_SCHEDULE": "theirs"}
        with session():
            before, environment = state(), dict(os.environ)
            model = side.model()
            assert state() == before
            assert dict(os.environ) == environment
            logits = computed(model)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, side.logits, rtol=1e-4, atol=1e-5 * np.abs(logits).max())
        if framework == "pytorch":
            assert not any(parameter.is_inference() for parameter in model.parameters())
if framework == "tensorflow":
    keras.utils.set_random_seed(5)
    side.model()
    found = tf.random.uniform([3]).numpy(), keras.random.uniform([3]).numpy()
    np.testing.assert_array_equal(found, expected)
with pytest.raises(InputError, match=f"broken/{framework}.h5: its weights do not fit smallcnn"):
    getattr(uncrossed.open(url).trial("broken"), framework).model()
