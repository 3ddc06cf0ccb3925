"""A training step on a full batch as one CUDA graph: one launch instead of hundreds, where a GPU waits for launches.

A graph holds the kernels that one step launched, with their arguments: what lies in tensors may change between two
replays, what came from Python may not. By the sources of PyTorch 2.14.1 the bits are those of eager steps:

- The fused Adam launches the same kernel with the same arguments whether `capturable` or not: `_fused_adam` of
  torch/optim/adam.py takes that flag "for consistency" and does not read it. In eager steps, too, the step's number
  lies on the GPU, and the bias corrections are computed there from it (`FusedAdamMathFunctor` of
  ATen/native/cuda/fused_adam_utils.cuh, `state_steps_addresses`). Learning rate and epsilon are arguments, so they must
  be constants. Not so the default Adam that float64 has: `_multi_tensor_adam` computes the corrections from Python
  floats where it is not `capturable`, and on the GPU in the tensors' precision where it is.
- Dropout's kernel adds the place in the graph to an offset of the generator that each replay sets and then moves on
  (ATen/cuda/CUDAGeneratorImpl.h, "Note [CUDA Graph-safe RNG states]"), so that masks and the generator's state after a
  step are an eager step's. Capture registers the default generator, the only one that is used.
- cuDNN's plans are kept by shapes, strides and alignment from the first time they are looked for, in a step before the
  capture; cuBLAS gets a workspace of the same size on each stream.

A library that chooses by something else, or finds too little memory, is beyond reading: `uncrossed.bench.graphs`
compares the bits on a GPU. Where they are equal, so are those of an interrupted training, whose first steps after it
was interrupted are eager.
"""

from collections.abc import Callable
from functools import cache, partial

import torch

# Eager steps before the capture, on a stream of their own, as PyTorch's documentation asks for.
WARM_UP = 3

Step = Callable[[], torch.Tensor]


class GraphedStep:
    """Steps on batches of one size: the first three eager, the fourth captured, it and all others replayed.

    It is for one optimizer's state; where that is replaced by other tensors, another is needed.

    Attributes:
        images: where a graph reads a batch, uint8, examples x height x width x channels.
        labels: and its labels, int64.
        taken: how many eager steps were taken.
        replay: one step as a graph; None before the capture.
    """

    def __init__(self, images: torch.Tensor, labels: torch.Tensor):
        """Make room for batches like this one."""
        self.images, self.labels = torch.empty_like(images), torch.empty_like(labels)
        self.taken = 0
        self.replay: Step | None = None

    def __call__(
        self, step: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], images: torch.Tensor, labels: torch.Tensor
    ) -> torch.Tensor:
        """Take a step on a batch, and return what `step` would: its logits, examples x classes.

        Args:
            step: takes one on images and labels on the device; always the same one.
            images: uint8, examples x height x width x channels.
            labels: int64.
        """
        self.images.copy_(images)
        self.labels.copy_(labels)
        here = partial(step, self.images, self.labels)
        if self.taken < WARM_UP:
            self.taken += 1
            return aside(here)
        if self.replay is None:
            self.replay = captured(here)
        return self.replay()


def aside(step: Step) -> torch.Tensor:
    """Take a step on another stream than the current one, which waits for it."""
    current, side = torch.cuda.current_stream(), _side()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        logits = step()
    current.wait_stream(side)
    return logits


@cache
def _side() -> torch.cuda.Stream:
    return torch.cuda.Stream()


def captured(step: Step) -> Step:
    """A step as a graph, which takes none yet; each call takes one and returns a copy of its logits."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = step()

    def replay() -> torch.Tensor:
        graph.replay()
        return logits.clone()

    return replay
