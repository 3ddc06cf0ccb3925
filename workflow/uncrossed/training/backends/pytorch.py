"""PyTorch's side: its model, optimizer and steps; stock unless a row says otherwise."""

import contextlib
import ctypes
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional

from uncrossed.common import cuda
from uncrossed.training import draws
from uncrossed.training.architectures import Network
from uncrossed.training.backends import DeviceError, cpu
from uncrossed.training.backends.pytorch_as_tensorflow import SharedDropout, imitate
from uncrossed.training.backends.pytorch_graphs import GraphedStep
from uncrossed.training.backends.pytorch_views import Views
from uncrossed.training.effective import check_graphs, effective
from uncrossed.training.optimizers import adam
from uncrossed.training.views import Ways

FRAMEWORK = "pytorch"


def configure(settings: Any) -> str:
    """Set threads, precision, determinism and kernels; return the device kind.

    Raises:
        DeviceError: a GPU is asked for and PyTorch sees none; or OpenMP gives fewer threads than are asked for, for
            whose others oneDNN's kernels would wait for ever.
    """
    torch.set_num_threads(settings.threads)
    given = _threads()
    if given is not None and given < settings.threads:
        raise DeviceError(
            f"the study has `threads: {settings.threads}`, and OpenMP gives PyTorch {given} here: allow more threads "
            "and processes, or set fewer threads"
        )
    torch.set_default_device(None)
    torch.set_default_dtype(getattr(torch, settings.precision))
    torch.use_deterministic_algorithms(settings.deterministic)
    # No operation here reads memory that it has not written; filling it first costs 5 to 10 % of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.deterministic = settings.deterministic
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = settings.tf32
    torch.backends.cuda.matmul.allow_tf32 = settings.tf32
    torch.backends.mkldnn.set_flags(settings.onednn)
    if settings.device == "cpu":
        if settings.precision == "float32":  # proofs make many models, whose memory would lie about in pieces
            _keep_freed_memory()
        return f"{cpu()} {torch.backends.cpu.get_cpu_capability()}"
    if not torch.cuda.is_available():
        raise DeviceError(
            f"the job asks for a GPU and PyTorch {torch.__version__} (CUDA {torch.version.cuda}) sees none"
        )
    return f"gpu {torch.cuda.get_device_name()}"


def _threads() -> int | None:
    """How many threads a parallel region of PyTorch's OpenMP has, counted in one; None where that cannot be done."""
    seen: list[int] = []
    region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: seen.append(get_ident()))
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        found = {line.split(maxsplit=5)[-1] for line in lines if re.search(r"/lib(gomp|omp|iomp5)\b[^/]*$", line)}
        # Other packages bring their own.
        (runtime,) = {path for path in found if Path(path).is_relative_to(Path(torch.__file__).parent)} or found
        ctypes.CDLL(runtime).GOMP_parallel(region, None, 0, 0)
    except (OSError, ValueError, AttributeError):
        return None
    return len(seen)


def _keep_freed_memory() -> None:
    """Have glibc keep what tensors free: given back, its pages are zeroed again in every step, a fifth of its time."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        allocator = ctypes.CDLL(None)
        allocator.mallopt(-4, 0)  # M_MMAP_MAX: no block is mapped alone, to be unmapped when it is freed
        allocator.mallopt(-1, -1)  # M_TRIM_THRESHOLD: the heap never shrinks


def versions() -> dict[str, str]:
    """Versions of what decides the bits of a result."""
    found = {"torch": torch.__version__, "torchvision": torchvision.__version__, "numpy": np.__version__}
    if torch.cuda.is_available():
        found |= {"cuda": torch.version.cuda, **cuda.versions()}
    return found


@contextlib.contextmanager
def surroundings(precision: str) -> Iterator[None]:
    """All that a built model depends on besides its row, while the block runs: the process may be its user's."""
    before = torch.get_default_dtype()
    with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.inference_mode(False), torch.enable_grad():
        torch.set_default_dtype(getattr(torch, precision))
        try:
            yield
        finally:
            torch.set_default_dtype(before)


def structure(network: Network, mechanisms: Mapping[str, str]) -> nn.Module:
    """The network's model; its weights are whatever the process draws."""
    model = network.model(FRAMEWORK)
    if mechanisms:
        imitate(model, network, mechanisms)
    return model


def build(seed: int, network: Network, mechanisms: Mapping[str, str]) -> nn.Module:
    """The network's untrained model; weights are drawn from the seed."""
    torch.manual_seed(seed)
    model = structure(network, mechanisms)
    if "initializer" in mechanisms:
        scheme, key = mechanisms["initializer"], mechanisms.get("initial_weights", FRAMEWORK)
        shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        set_weights(model, draws.initial_weights(network.layers, network.scheme(scheme), seed, shapes, key, scheme))
    return model


def set_weights(model: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Set some or all of a model's `state_dict` entries."""
    state = model.state_dict()
    with torch.no_grad():
        for name, array in weights.items():
            state[name].copy_(torch.from_numpy(np.asarray(array)))


def memory_formats(network: Network, batch_size: int, settings: Any) -> tuple[torch.memory_format, torch.memory_format]:
    """The layouts of training images and of weights: what was measured to be fastest; they change bits by rounding."""
    architecture = network.architecture
    measured = settings.device == "cpu" and settings.precision == "float32"
    if measured and batch_size < architecture.CHANNELS_FIRST_BELOW:
        return torch.contiguous_format, torch.contiguous_format
    mixed = measured and architecture.WEIGHTS_CHANNELS_FIRST
    return torch.channels_last, torch.contiguous_format if mixed else torch.channels_last


def loss_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the training loss, a mean over examples, with respect to the logits; examples x classes."""
    tensor = torch.from_numpy(logits).requires_grad_()
    functional.cross_entropy(tensor, torch.from_numpy(labels).long()).backward()
    return tensor.grad.numpy()


class Learner:
    """A model in training, its optimizer, and the images on its device.

    Attributes:
        model: maps float images, examples x channels x height x width in [0, 1], to logits, examples x classes.
        optimizer: as shipped unless the row says otherwise.
        steps: how many optimizer steps were taken.
        graphed: takes the steps on full batches where the settings ask for CUDA graphs.
        views: the running statistics of other evaluation mechanisms.
    """

    def __init__(
        self,
        row: Any,
        network: Network,
        settings: Any,
        images: Mapping[str, np.ndarray],
        labels: Mapping[str, np.ndarray],
        ways: Mapping[str, Ways] | None = None,
    ):
        """Build model and optimizer; move the images (uint8 NHWC) and labels (integers) of both splits to the device.

        Args:
            row: hyperparameters, seed and semantics.
            network: the row's architecture on the images' shape and classes.
            settings: device, precision and more.
            images: of each split.
            labels: of each split.
            ways: the views to carry by name, as `views.others` gives them.

        Raises:
            InputError: the settings ask for CUDA graphs, and the row's steps cannot be repeated.
        """
        device = "cuda" if settings.device == "gpu" else "cpu"
        self.images = {split: torch.from_numpy(array).to(device) for split, array in images.items()}
        self.labels = {split: torch.from_numpy(array.astype(np.int64)).to(device) for split, array in labels.items()}
        self.dtype = getattr(torch, settings.precision)
        self.seed, self.steps = row.seed, 0
        mechanisms = effective(row.semantics, FRAMEWORK, network.architecture.touching)
        self.graphs, self.batch_size, self.graphed = settings.cuda_graphs, row.batch_size, None
        if self.graphs:
            check_graphs(mechanisms)
        self.format, weights = memory_formats(network, row.batch_size, settings)
        self.model = build(row.seed, network, mechanisms).to(device, memory_format=weights)
        self.views = Views(self.model, network.architecture, ways or {})
        self.masked = [layer for layer in self.model.modules() if isinstance(layer, SharedDropout)]
        fused = settings.precision == "float32"  # proofs take the default
        self.optimizer = adam.pytorch(self.model.parameters(), row, mechanisms, fused, self.graphs)

    def train(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """One step on each batch of training examples, in order.

        Returns:
            The logits that the steps saw, examples x classes.
        """
        self.model.train()
        return torch.cat([self.step(start, stop) for start, stop in batches]).cpu().numpy()

    def step(self, start: int, stop: int) -> torch.Tensor:
        """One optimizer step on the training examples from `start` to before `stop`; returns their logits."""
        for k, layer in enumerate(self.masked):
            layer.draw = partial(draws.dropout_mask, self.seed, self.steps, k)
        self.steps += 1
        images, labels = self.images["train"][start:stop], self.labels["train"][start:stop]
        if not self.graphs or stop - start < self.batch_size:
            return self.learn(images, labels)
        if self.graphed is None:
            self.graphed = GraphedStep(images, labels)
        return self.graphed(self.learn, images, labels)

    def learn(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """A step on images (uint8 NHWC) and labels (int64) on the device; all that a CUDA graph holds."""
        self.optimizer.zero_grad()
        logits = self.model(self.floats(images, self.format))
        functional.cross_entropy(logits, labels).backward()
        self.optimizer.step()
        self.views.move()
        return logits.detach()

    @torch.no_grad()
    def predict(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """Logits of the test examples in evaluation mode, examples x classes."""
        self.model.eval()
        return torch.cat([self.model(self.batch("test", start, stop)) for start, stop in batches]).cpu().numpy()

    def batch(self, split: str, start: int, stop: int) -> torch.Tensor:
        """The images from `start` to before `stop` as floats in [0, 1], examples x channels x height x width."""
        layout = self.format if split == "train" else torch.channels_last
        return self.floats(self.images[split][start:stop], layout)

    def floats(self, images: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
        """Images, uint8 NHWC, as floats in [0, 1], examples x channels x height x width."""
        return images.permute(0, 3, 1, 2).to(self.dtype, memory_format=layout).div_(255)

    def weights(self) -> dict[str, np.ndarray]:
        """Copies of the model's `state_dict` entries, by name, in model order."""
        # clone(contiguous) undoes channels last, so that the arrays have PyTorch's own layout.
        return {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format).numpy()
            for name, tensor in self.model.state_dict().items()
        }

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Set some or all of the model's `state_dict` entries."""
        set_weights(self.model, weights)

    def optimizer_state(self) -> dict[str, dict[str, np.ndarray]]:
        """The optimizer's arrays by slot and the weights' names; empty before the first step."""
        return adam.pytorch_state(self.optimizer, self.model.named_parameters())

    def set_optimizer_state(self, steps: int, state: Mapping[str, Mapping[str, np.ndarray]]) -> None:
        """Set the number of steps taken and the optimizer's arrays of some or all weights; the others are zero."""
        self.steps, self.graphed = steps, None
        adam.set_pytorch_state(self.optimizer, self.model.named_parameters(), steps, state)

    def random(self) -> dict[str, np.ndarray]:
        """The states of the random generators."""
        states = {"cpu": torch.get_rng_state()}
        if self.images["train"].is_cuda:
            states["cuda"] = torch.cuda.get_rng_state()
        return {name: state.numpy().copy() for name, state in states.items()}

    def set_random(self, states: Mapping[str, np.ndarray]) -> None:
        """Set the states of the random generators."""
        torch.set_rng_state(torch.from_numpy(states["cpu"]))
        if self.images["train"].is_cuda:
            torch.cuda.set_rng_state(torch.from_numpy(states["cuda"]))
