"""The backend's steps equal a plain PyTorch program over torchvision's models and torch.optim.Adam, bit for bit.

`native_pytorch.py ARCHITECTURE...`
"""

import sys

import numpy as np

from uncrossed.study.trial import Settings, Trial
from uncrossed.training import backends
from uncrossed.training.architectures import load

settings = Settings()
backend = backends.load("pytorch", settings)
backend.configure(settings)

import torch  # noqa: E402
import torchvision  # noqa: E402

random = np.random.default_rng(0)
images = {split: random.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8) for split in ("train", "test")}
labels = {split: random.integers(0, 10, 20, dtype=np.uint8) for split in ("train", "test")}
# Small batches of resnet50 are taken channels first.
layouts = {"resnet50": torch.contiguous_format, "densenet121": torch.channels_last}
for architecture in sys.argv[1:]:
    layout = layouts[architecture]
    row = {"trial": "t", "architecture": architecture, "learning_rate": 0.01, "batch_size": 8, "adam_epsilon": 1e-4}
    backend.configure(settings)
    network = load(architecture).on((32, 32, 3), 10)
    learner = backend.Learner(Trial(**row, epochs=1, seed=5), network, settings, images, labels)
    seen = learner.train([(0, 8), (8, 16), (16, 20)])

    # As shipped: whatever reads memory before it is written finds NaN there.
    torch.utils.deterministic.fill_uninitialized_memory = True
    torch.manual_seed(5)
    model = getattr(torchvision.models, architecture)(num_classes=10).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-4, fused=True)
    inputs = torch.from_numpy(images["train"]).permute(0, 3, 1, 2).float() / 255
    inputs = inputs.contiguous(memory_format=layout)
    expected = []
    for start, stop in ((0, 8), (8, 16), (16, 20)):
        logits = model(inputs[start:stop])
        loss = torch.nn.CrossEntropyLoss()(logits, torch.from_numpy(labels["train"]).long()[start:stop])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(logits.detach().numpy())
    assert seen.tobytes() == np.concatenate(expected).tobytes(), architecture
    for name, tensor in model.state_dict().items():
        assert learner.weights()[name].tobytes() == tensor.contiguous().numpy().tobytes(), name
    assert [type(module) for module in learner.model.modules()] == [type(module) for module in model.modules()]
    assert type(learner.optimizer) is torch.optim.Adam

# The fused step is the default one to rounding: on weights of all sizes, after steps of all kinds.
torch.manual_seed(0)
first = [torch.randn(size) * 10.0**k for k, size in zip(range(-4, 4), (7, 64, 1000, 3, 129, 5, 77, 10), strict=True)]
weights = {fused: [torch.nn.Parameter(tensor.clone()) for tensor in first] for fused in (True, False)}
optimizers = {fused: torch.optim.Adam(weights[fused], lr=0.01, eps=1e-4, fused=fused) for fused in weights}
for step in range(50):
    gradients = [torch.randn_like(tensor) * 10.0 ** (step % 7 - 5) for tensor in first]
    for fused, optimizer in optimizers.items():
        for weight, gradient in zip(weights[fused], gradients, strict=True):
            weight.grad = gradient
        optimizer.step()
for fused, default, start in zip(weights[True], weights[False], first, strict=True):
    moved = (default - start).abs().max()
    ulp = torch.finfo(torch.float32).eps
    assert (fused - default).abs().max() <= 50 * ulp * (moved + default.abs().max())
