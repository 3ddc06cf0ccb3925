"""Shared weights by PyTorch's scheme have the spread of PyTorch's own initial weights, array by array."""

from check_distributions import check

from uncrossed.study.semantics import ARCHITECTURES
from uncrossed.study.trial import Settings
from uncrossed.training import backends

backend = backends.load("pytorch", Settings())
for architecture in ARCHITECTURES:
    stock = {name: tensor.numpy() for name, tensor in backend.MODELS[architecture]().state_dict().items()}
    check(architecture, "pytorch", {n: a for n, a in stock.items() if not n.endswith("num_batches_tracked")})
