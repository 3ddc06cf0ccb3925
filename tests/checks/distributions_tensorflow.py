"""Shared weights by TensorFlow's scheme have the spread of Keras' own initial weights, array by array."""

from check_distributions import check

from uncrossed.study.semantics import ARCHITECTURES
from uncrossed.study.trial import Settings
from uncrossed.training import backends
from uncrossed.training.arrays import to_pytorch

backend = backends.load("tensorflow", Settings())
for architecture in ARCHITECTURES:
    stock = {variable.path: variable.numpy() for variable in backend.MODELS[architecture]().weights}
    mapped = to_pytorch(architecture, stock)
    assert len(mapped) == len(stock), "every variable is in the name map"
    check(architecture, "tensorflow", mapped)
