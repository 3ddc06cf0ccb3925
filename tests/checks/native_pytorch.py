"""The backend's steps equal a plain PyTorch program over torchvision's models and torch.optim.Adam, bit for bit."""

import numpy as np

from uncrossed import backends
from uncrossed.trial import Settings, Trial

settings = Settings()
backend = backends.load("pytorch", settings)
backend.configure(settings)

import torch  # noqa: E402
import torchvision  # noqa: E402

random = np.random.default_rng(0)
images = {split: random.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8) for split in ("train", "test")}
labels = {split: random.integers(0, 10, 20, dtype=np.uint8) for split in ("train", "test")}
for architecture in ("resnet50", "densenet121"):
    row = {"trial": "t", "architecture": architecture, "learning_rate": 0.01, "batch_size": 8, "adam_epsilon": 1e-4}
    learner = backend.Learner(Trial(**row, epochs=1, seed=5), settings, images, labels)
    seen = learner.train([(0, 8), (8, 16), (16, 20)])

    torch.manual_seed(5)
    model = getattr(torchvision.models, architecture)(num_classes=10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-4)
    inputs = torch.from_numpy(images["train"]).permute(0, 3, 1, 2).float() / 255
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
