"""Optimizers and losses of both sides, aligned and with differences planted: source, for files of users'."""

# By what is planted: PyTorch's optimizer, Keras', what is done to PyTorch's gradients, and the causes to be found.
OPTIMIZERS = {
    "aligned: SGD": (
        "optim.SGD(p, 0.1, momentum=0.9, nesterov=True)",
        "optimizers.SGD(0.1, momentum=0.9, nesterov=True)",
        None,
        set(),
    ),
    "aligned: clipping over all": (
        "optim.SGD(p, 0.1)",
        "optimizers.SGD(0.1, global_clipnorm=1.0)",
        "nn.utils.clip_grad_norm_(p, 1.0)",
        set(),
    ),
    "aligned: Adadelta": (
        "optim.Adadelta(p, 0.1, rho=0.95, eps=1e-7)",
        "optimizers.Adadelta(0.1, rho=0.95, epsilon=1e-7)",
        None,
        set(),
    ),
    "aligned: SGD without momentum decays in either form": (
        "optim.SGD(p, 0.1, weight_decay=0.01)",
        "optimizers.SGD(0.1, weight_decay=0.01)",
        None,
        set(),
    ),
    "weight decay of Adam": (
        "optim.Adam(p, 0.01, eps=1e-7, weight_decay=0.01)",
        "optimizers.Adam(0.01, epsilon=1e-7, weight_decay=0.01)",
        None,
        {"optimizer.weight_decay_form", "optimizer.epsilon_stands"},
    ),
    "weight decay of SGD": (
        "optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01)",
        "optimizers.SGD(0.1, momentum=0.9, weight_decay=0.01)",
        None,
        {"optimizer.weight_decay_form"},
    ),
    "AdamW's defaults": (
        "optim.AdamW(p)",
        "optimizers.AdamW()",
        None,
        {"optimizer.epsilon", "optimizer.epsilon_stands", "optimizer.weight_decay"},
    ),
    "Adam's defaults": ("optim.Adam(p)", "optimizers.Adam()", None, {"optimizer.epsilon", "optimizer.epsilon_stands"}),
    "RMSprop's defaults": (
        "optim.RMSprop(p)",
        "optimizers.RMSprop()",
        None,
        {"optimizer.learning_rate", "optimizer.rho", "optimizer.epsilon", "optimizer.epsilon_stands"},
    ),
    "Adagrad's defaults": (
        "optim.Adagrad(p, 0.01)",
        "optimizers.Adagrad(0.01)",
        None,
        {"optimizer.initial_accumulator", "optimizer.epsilon", "optimizer.epsilon_stands"},
    ),
    "momentum and Nesterov": (
        "optim.SGD(p, 0.1, momentum=0.9)",
        "optimizers.SGD(0.1, momentum=0.8, nesterov=True)",
        None,
        {"optimizer.momentum", "optimizer.nesterov"},
    ),
    "clipping of each array": (
        "optim.SGD(p, 0.1)",
        "optimizers.SGD(0.1, clipnorm=1.0)",
        "nn.utils.clip_grad_norm_(p, 1.0)",
        {"optimizer.clipping"},
    ),
    "another optimizer": ("optim.SGD(p, 0.1)", "optimizers.Adam()", None, {"optimizer.kind"}),
    "an optimizer that is not known": ("optim.NAdam(p)", "optimizers.Nadam()", None, {"optimizer.steps"}),
}
# By what is planted: PyTorch's loss, Keras', and the causes.
LOSSES = {
    "aligned: cross-entropy": (
        "nn.CrossEntropyLoss()",
        "losses.SparseCategoricalCrossentropy(from_logits=True)",
        set(),
    ),
    "aligned: errors": ("nn.MSELoss()", "losses.MeanSquaredError()", set()),
    "logits or probabilities": (
        "nn.CrossEntropyLoss()",
        "losses.SparseCategoricalCrossentropy()",
        {"loss.softmax"},
    ),
    "mean or sum": (
        "nn.CrossEntropyLoss()",
        'losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")',
        {"loss.reduction"},
    ),
    "sums of errors": (
        'nn.MSELoss(reduction="sum")',
        'losses.MeanSquaredError(reduction="sum")',
        {"loss.reduction"},
    ),
    "smoothed labels": (
        "nn.CrossEntropyLoss(label_smoothing=0.1)",
        "losses.CategoricalCrossentropy(from_logits=True)",
        {"loss.smoothing"},
    ),
    "binary logits": ("nn.BCEWithLogitsLoss()", "losses.BinaryCrossentropy()", {"loss.takes"}),
    "another loss that is not known": ("nn.HuberLoss()", "losses.LogCosh()", {"loss.values"}),
    "another loss": ("nn.L1Loss()", "losses.MeanSquaredError()", {"loss.kind"}),
    "a function of one's own": ("lambda x, y: x.sum()", "lambda y, x: keras.ops.sum(x)", set()),
}


def functions() -> dict[str, dict[str, object]]:
    """The functions that a user's file would have, by what is planted."""
    import keras
    from keras import losses, optimizers
    from torch import nn, optim

    names = {"keras": keras, "losses": losses, "optimizers": optimizers, "nn": nn, "optim": optim}

    def function(text: str, arguments: str = "") -> object:
        return eval(f"lambda {arguments}: {text}", names)

    found: dict[str, dict[str, object]] = {}
    for planted, (ours, theirs, clip, _) in OPTIMIZERS.items():
        found[planted] = {"pytorch_optimizer": function(ours, "p"), "tensorflow_optimizer": function(theirs)}
        found[planted] |= {"pytorch_clip": function(clip, "p")} if clip else {}
    for planted, (ours, theirs, _) in LOSSES.items():
        found[planted] = {"pytorch_loss": function(ours), "tensorflow_loss": function(theirs)}
    return found
