"""Shared weights by TensorFlow's scheme have the spread of Keras' own initial weights, array by array."""

from check_distributions import check

from uncrossed import backends
from uncrossed.layers import to_pytorch
from uncrossed.semantics import ARCHITECTURES
from uncrossed.trial import Settings

backend = backends.load("tensorflow", Settings())
for architecture in ARCHITECTURES:
    stock = {variable.path: variable.numpy() for variable in backend.MODELS[architecture]().weights}
    mapped = to_pytorch(architecture, stock)
    assert len(mapped) == len(stock), "every variable is in the name map"
    check(architecture, "tensorflow", mapped)
