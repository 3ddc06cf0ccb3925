"""Stored weights load strictly into the native PyTorch models, which give the stored logits.

`load_pytorch.py DATASET FOLDER ARCHITECTURE...`
"""

import sys
from pathlib import Path

import numpy as np

from uncrossed.datasets import dataset_file
from uncrossed.results import trial_file
from uncrossed.study.trial import Settings
from uncrossed.training import backends
from uncrossed.training.architectures import load

backends.load("pytorch", Settings())

import torch  # noqa: E402

images = torch.from_numpy(dataset_file.read(sys.argv[1]).images["test"]).permute(0, 3, 1, 2).float() / 255
for architecture in sys.argv[3:]:
    result = trial_file.read(Path(sys.argv[2]) / architecture / "pytorch.h5")
    model = load(architecture).on((32, 32, 3), 10).model("pytorch")
    weights = {name: torch.from_numpy(array) for name, array in result.weights[1].items()}
    model.load_state_dict(weights, strict=True)
    assert list(weights) == list(model.state_dict()), architecture
    model.eval()
    with torch.no_grad():
        logits = model(images).numpy()
    np.testing.assert_allclose(logits, result.logits, rtol=1e-4, atol=1e-5 * np.abs(logits).max(), err_msg=architecture)
