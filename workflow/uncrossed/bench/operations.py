"""What a TensorFlow step is made of: operations that a GPU would launch, that have no kernel there, that it waits for.

All of it is looked up on a CPU: in the graph as it is executed, and in TensorFlow's registry of kernels.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import kernels, op_def_registry

# They hand on memory that is there, or do nothing.
PASS_ON = {
    *("_Arg", "_DeviceArg", "_Retval", "_DeviceRetval", "_Send", "_Recv", "_HostSend", "_HostRecv"),
    *("Const", "NoOp", "VarHandleOp", "ReadVariableOp", "AssignVariableOp"),
    *("Identity", "IdentityN", "PreventGradient", "Snapshot", "StopGradient", "Reshape", "Squeeze", "ExpandDims"),
    *("Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond"),
}


def executed(run: Callable[[], Any]) -> list[tf.compat.v1.NodeDef]:
    """The nodes that `run`, a call of a traced function without loops, executes on this process's device."""
    state = context.context()
    state.ensure_initialized()
    state.enable_run_metadata()
    state.enable_graph_collection()
    try:
        run()
        found = state.export_run_metadata()
    finally:
        state.disable_graph_collection()
        state.disable_run_metadata()
    # Others are small functions of TensorFlow's own.
    graphs = [graph for function in found.function_graphs for graph in function.partition_graphs]
    return list(max(graphs, key=lambda graph: len(graph.node)).node)


def launches(nodes: list[tf.compat.v1.NodeDef]) -> Counter:
    """How many kernels a GPU would launch for these nodes, by operation: those that write into its memory."""
    return Counter(node.op for node in nodes if node.op not in PASS_ON and _writes(node))


def without_kernel(function: Any) -> set[str]:
    """The operations, with their dtypes, of a traced function and all that it calls that have no kernel for a GPU."""
    return {f"{node.op} {_types(node)}" for node in _nodes(function) if not _kernels(node, "GPU")}


def copies(function: Any) -> Counter:
    """Edges of a traced function and all that it calls that a GPU's memory and the host's lie on either side of.

    Returns:
        How many, as `to host PRODUCER CONSUMER`, for which a step waits until the GPU has come so far, and `to GPU
        PRODUCER CONSUMER`, for which it does not.
    """
    graph = function.graph.as_graph_def()
    found: Counter = Counter()
    for nodes in (graph.node, *(body.node_def for body in graph.library.function)):
        known = {node.name: node for node in nodes}
        for node in nodes:
            for source, place in zip(node.input, _places(node, "input"), strict=False):
                # NODE, NODE:NUMBER, or in the body of a function NODE:OUTPUT:NUMBER.
                name, *middle = source.split(":")
                producer = known.get(name)
                if producer is None or source.startswith("^"):
                    continue
                outputs = _places(producer, "output")
                number = int(middle[-1]) if middle else 0
                if len(middle) == 2:
                    number += _offset(producer, middle[0])
                if producer.op not in ("Const", "Placeholder") and outputs[number] != place:
                    found[f"to {'GPU' if place else 'host'}: {producer.op} {node.op}"] += 1
    return found


def _arguments(node: tf.compat.v1.NodeDef, which: str) -> Iterator[tuple[str, int]]:
    """The names of an operation's inputs or outputs, and how many tensors each is."""
    for argument in getattr(op_def_registry.get(node.op), f"{which}_arg"):
        if argument.number_attr:
            yield argument.name, node.attr[argument.number_attr].i
        elif argument.type_list_attr:
            yield argument.name, len(node.attr[argument.type_list_attr].list.type)
        else:
            yield argument.name, 1


def _offset(node: tf.compat.v1.NodeDef, output: str) -> int:
    """The number of the first tensor of an output."""
    found = 0
    for name, count in _arguments(node, "output"):
        if name == output:
            break
        found += count
    return found


def _places(node: tf.compat.v1.NodeDef, which: str) -> list[bool]:
    """Whether each input or output is in the GPU's memory."""
    if op_def_registry.get(node.op) is None:  # a function of this graph
        return []
    chosen = _kernels(node, "GPU")
    host = set(chosen[0].host_memory_arg) if chosen else None
    return [host is not None and name not in host for name, count in _arguments(node, which) for _ in range(count)]


def _nodes(function: Any) -> Iterator[tf.compat.v1.NodeDef]:
    graph = function.graph.as_graph_def()
    yield from graph.node
    for body in graph.library.function:
        yield from body.node_def


@cache
def _registered(operation: str) -> list[Any]:
    return list(kernels.get_registered_kernels_for_op(operation).kernel)


def _kernels(node: tf.compat.v1.NodeDef, device: str) -> list[Any]:
    """The kernels that are registered for a node's dtypes on a device, those of the greatest priority first."""

    def allows(constraint: Any) -> bool:
        value = node.attr[constraint.name]
        types = value.list.type if value.WhichOneof("value") == "list" else [value.type]
        return all(kind in constraint.allowed_values.list.type for kind in types)

    found = [
        kernel
        for kernel in _registered(node.op)
        if kernel.device_type in (device, "DEFAULT") and all(map(allows, kernel.constraint))
    ]
    return sorted(found, key=lambda kernel: (kernel.device_type == "DEFAULT", -kernel.priority))


def _writes(node: tf.compat.v1.NodeDef) -> bool:
    """Whether the node's kernel on a GPU has an output, or a variable, in the GPU's memory."""
    chosen = _kernels(node, "GPU")
    outputs = [argument.name for argument in op_def_registry.get(node.op).output_arg]
    return not chosen or not outputs or not set(outputs) <= set(chosen[0].host_memory_arg)


def _types(node: tf.compat.v1.NodeDef) -> str:
    found = {name: value.type for name, value in node.attr.items() if value.WhichOneof("value") == "type"}
    return ", ".join(f"{name}={tf.dtypes.as_dtype(kind).name}" for name, kind in sorted(found.items()))
