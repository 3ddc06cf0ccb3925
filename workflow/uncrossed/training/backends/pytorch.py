"""PyTorch's side: torchvision's models and torch.optim.Adam; stock unless a row says otherwise."""

import contextlib
import ctypes
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from threading import get_ident

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional

from uncrossed.datasets.dataset_file import CLASSES
from uncrossed.study.identity import cpu
from uncrossed.study.semantics import effective
from uncrossed.study.trial import Settings, Trial
from uncrossed.training import draws
from uncrossed.training.arrays import array_names
from uncrossed.training.backends import DeviceError
from uncrossed.training.backends.pytorch_as_tensorflow import EpsilonHatAdam, SharedDropout, imitate

FRAMEWORK = "pytorch"
# On a CPU channels first is faster for batches smaller than these: by 11 % for resnet50 and 3 % for vgg16 at 10.
CHANNELS_FIRST_BELOW = {"resnet50": 48, "vgg16": 32}


def configure(settings: Settings) -> str:
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
        found |= {"cuda": torch.version.cuda, "cudnn": str(torch.backends.cudnn.version())}
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


def structure(row: Trial, mechanisms: Mapping[str, str]) -> nn.Module:
    """The row's model, with 10 logits; its weights are whatever the process draws."""
    model = MODELS[row.architecture]()
    if mechanisms:
        imitate(model, row, mechanisms)
    return model


def build(row: Trial, mechanisms: Mapping[str, str]) -> nn.Module:
    """The row's untrained model; weights are drawn from the row's seed."""
    torch.manual_seed(row.seed)
    model = structure(row, mechanisms)
    if "initializer" in mechanisms:
        known = array_names(row.architecture)
        shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name in known}
        key = mechanisms.get("initial_weights", FRAMEWORK)
        drawn = draws.initial_weights(row.architecture, mechanisms["initializer"], row.seed, shapes, key)
        set_weights(model, drawn)
    return model


def set_weights(model: nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Set some or all of a model's `state_dict` entries."""
    state = model.state_dict()
    with torch.no_grad():
        for name, array in weights.items():
            state[name].copy_(torch.from_numpy(np.asarray(array)))


def memory_formats(row: Trial, settings: Settings) -> tuple[torch.memory_format, torch.memory_format]:
    """The layouts of training images and of weights: what was measured to be fastest; they change bits by rounding."""
    measured = settings.device == "cpu" and settings.precision == "float32"
    if measured and row.batch_size < CHANNELS_FIRST_BELOW.get(row.architecture, 0):
        return torch.contiguous_format, torch.contiguous_format
    # For resnet50 on a CPU this is 6 % faster at batch size 128 than channels last for both.
    mixed = measured and row.architecture == "resnet50"
    return torch.channels_last, torch.contiguous_format if mixed else torch.channels_last


def loss_gradient(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the training loss, a mean over examples, with respect to the logits; examples x 10."""
    tensor = torch.from_numpy(logits).requires_grad_()
    functional.cross_entropy(tensor, torch.from_numpy(labels).long()).backward()
    return tensor.grad.numpy()


class Learner:
    """A model in training, its optimizer, and the images on its device.

    Attributes:
        model: maps float images, examples x 3 x 32 x 32 in [0, 1], to logits, examples x 10.
        optimizer: Adam, as shipped unless the row says otherwise.
        steps: how many optimizer steps were taken.
    """

    def __init__(
        self, row: Trial, settings: Settings, images: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
    ):
        """Build model and optimizer; move the images (uint8 NHWC) and labels (uint8) of both splits to the device."""
        device = "cuda" if settings.device == "gpu" else "cpu"
        self.images = {split: torch.from_numpy(array).to(device) for split, array in images.items()}
        self.labels = {split: torch.from_numpy(array).to(device, torch.int64) for split, array in labels.items()}
        self.dtype = getattr(torch, settings.precision)
        self.seed, self.steps = row.seed, 0
        mechanisms = effective(row.semantics, FRAMEWORK, row.architecture)
        self.format, weights = memory_formats(row, settings)
        self.model = build(row, mechanisms).to(device, memory_format=weights)
        self.masked = [layer for layer in self.model.modules() if isinstance(layer, SharedDropout)]
        # Fused: one kernel for all that a step does to a weight; equal to the default to rounding. At batch size 10 on
        # a CPU a training step of vgg16 takes 0.60 of the time, of resnet50 0.77, of densenet121 0.86.
        adam = EpsilonHatAdam if "adam_epsilon" in mechanisms else torch.optim.Adam
        fused = settings.precision == "float32"  # proofs take the default
        self.optimizer = adam(self.model.parameters(), lr=row.learning_rate, eps=row.adam_epsilon, fused=fused)

    def train(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """One step on each batch of training examples, in order.

        Returns:
            The logits that the steps saw, examples x 10.
        """
        self.model.train()
        return torch.cat([self.step(start, stop) for start, stop in batches]).cpu().numpy()

    def step(self, start: int, stop: int) -> torch.Tensor:
        """One optimizer step on the training examples from `start` to before `stop`; returns their logits."""
        for k, layer in enumerate(self.masked):
            layer.draw = partial(draws.dropout_mask, self.seed, self.steps, k)
        self.steps += 1
        self.optimizer.zero_grad()
        logits = self.model(self.batch("train", start, stop))
        functional.cross_entropy(logits, self.labels["train"][start:stop]).backward()
        self.optimizer.step()
        return logits.detach()

    @torch.no_grad()
    def predict(self, batches: Iterable[tuple[int, int]]) -> np.ndarray:
        """Logits of the test examples in evaluation mode, examples x 10."""
        self.model.eval()
        return torch.cat([self.model(self.batch("test", start, stop)) for start, stop in batches]).cpu().numpy()

    def batch(self, split: str, start: int, stop: int) -> torch.Tensor:
        """The images from `start` to before `stop` as floats in [0, 1], examples x 3 x 32 x 32."""
        layout = self.format if split == "train" else torch.channels_last
        floats = self.images[split][start:stop].permute(0, 3, 1, 2).to(self.dtype, memory_format=layout)
        return floats.div_(255)

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

    def moments(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Adam's first and second moments by the weights' names; empty before the first step."""
        parameters = [(name, self.optimizer.state[p]) for name, p in self.model.named_parameters()]
        first, second = (
            {name: state[key].cpu().numpy().copy() for name, state in parameters if state}
            for key in ("exp_avg", "exp_avg_sq")
        )
        return first, second

    def set_moments(self, steps: int, first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> None:
        """Set the number of steps taken and Adam's moments of some or all weights."""
        self.steps = self.optimizer.taken = steps
        for name, parameter in self.model.named_parameters():
            state = self.optimizer.state[parameter]
            where = {"device": parameter.device} if self.optimizer.defaults["fused"] else {}
            state["step"] = torch.tensor(float(steps), **where)
            for key, values in (("exp_avg", first), ("exp_avg_sq", second)):
                moment = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                if name in values:
                    moment.copy_(torch.from_numpy(np.asarray(values[name])))
                state[key] = moment

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


def vgg16() -> nn.Module:
    """Torchvision's VGG16 without its average pool, so that the head is 512-4096-4096-10 as in the 2021 study."""
    model = torchvision.models.vgg16(num_classes=CLASSES)
    model.avgpool = nn.Identity()
    first = nn.Linear(512, 4096)
    # As torchvision initialises the layer that this one replaces.
    nn.init.normal_(first.weight, 0, 0.01)
    nn.init.constant_(first.bias, 0)
    model.classifier[0] = first
    return model


def resnet50() -> nn.Module:
    """Torchvision's ResNet50."""
    return torchvision.models.resnet50(num_classes=CLASSES)


def densenet121() -> nn.Module:
    """Torchvision's DenseNet121."""
    return torchvision.models.densenet121(num_classes=CLASSES)


def smallcnn() -> nn.Module:
    """Three convolutions with batch normalisation, dropout and a dense layer, all with PyTorch's layer defaults."""
    layers: dict[str, nn.Module] = {}
    width = 3
    for k, filters in enumerate((16, 32, 64), start=1):
        layers[f"conv{k}"] = nn.Conv2d(width, filters, kernel_size=3, padding=1)
        layers[f"batchnorm{k}"] = nn.BatchNorm2d(filters)
        layers[f"relu{k}"] = nn.ReLU()
        layers[f"pool{k}"] = nn.MaxPool2d(2) if k < 3 else nn.AdaptiveAvgPool2d(1)
        width = filters
    layers |= {"flatten": nn.Flatten(), "dropout": nn.Dropout(0.5), "dense": nn.Linear(width, CLASSES)}
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model


MODELS = {"vgg16": vgg16, "resnet50": resnet50, "densenet121": densenet121, "smallcnn": smallcnn}
