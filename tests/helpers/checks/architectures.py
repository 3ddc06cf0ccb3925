"""What `architecture check` says of right and of wrong files: JSON, the faults by case; `architectures.py FOLDER`."""

import json
import sys
from pathlib import Path

from uncrossed.common.errors import InputError
from uncrossed.explain.check import check
from uncrossed.study.architectures import given

FILES = Path(__file__).parents[2] / "architectures"
PERCEPTRON, BIASED = ((FILES / f"{name}.py").read_text() for name in ("perceptron", "biased"))
CASES = {
    "perceptron": (PERCEPTRON, "", ""),
    "biased": (BIASED, "", ""),
    "flattened otherwise": (PERCEPTRON, ", flattened=(channels, height, width)", ""),
    "probabilities": (PERCEPTRON, "Dense(classes, ", 'Dense(classes, activation="softmax", '),
    "a layer too few": (PERCEPTRON, '    yield Layer("3", "logits", "dense")\n', ""),
    "a name that is none": (PERCEPTRON, 'Layer("3", "logits"', 'Layer("3", "logit"'),
    "another count": (PERCEPTRON, "+ 65 * classes", "+ 64 * classes"),
    "another activation": (PERCEPTRON, "nn.ReLU()", "nn.Tanh()"),
    "biases of zero": (PERCEPTRON, '"pytorch": PYTORCH', '"pytorch": PYTORCH | {"dense.bias": zeros}'),
    "a wrong scheme": (PERCEPTRON, '"pytorch": PYTORCH', '"pytorch": KERAS'),
    "another epsilon": (BIASED, "(0.99, 1e-3)", "(0.99, 1e-5)"),
    "batch normalisation unsaid": (BIASED, 'BATCHNORM = {"pytorch": (0.1, 1e-5), "tensorflow": (0.99, 1e-3)}', ""),
    "a bias on one side": (BIASED, 'padding="same", name="first"', 'padding="same", name="first", use_bias=False'),
    "dropout unsaid": (BIASED, "relu=nn.ReLU(),", "relu=nn.ReLU(),\n            dropout=nn.Dropout(0.1),"),
    "another shape": (BIASED, "nn.Conv2d(8, 12, 3, padding=1)", "nn.Conv2d(8, 12, 3)"),
    "no Keras side": (PERCEPTRON, "def tensorflow", "def keras_side"),
    "no first line": (PERCEPTRON, '"""A perceptron with one hidden layer."""', ""),
    "an error of its own": (PERCEPTRON, "DRAWS = ", "1 / 0\nDRAWS = "),
    "an exit of its own": (PERCEPTRON, "DRAWS = ", "raise SystemExit('no')\nDRAWS = "),
    "a comma too few": (BIASED, "DRAWS = ", 'PADDING = ("first", "first")\nDRAWS = '),
    "a flat stride": (BIASED, "DRAWS = ", 'STRIDE = ("first", "second")\nDRAWS = '),
    "a scheme too few": (PERCEPTRON, 'PYTORCH, "tensorflow": KERAS', "PYTORCH"),
    "a side too few": (BIASED, ', "tensorflow": (0.99, 1e-3)', ""),
    "a list of rates": (BIASED, "DRAWS = ", "DROPOUT = [0.5]\nDRAWS = "),
    "an unknown side": (BIASED, "DRAWS = ", 'CONV_BIAS = "keras"\nDRAWS = '),
    "a layer that is none": (PERCEPTRON, 'yield Layer("3", "logits", "dense")', 'yield "3"'),
    "a dense layer as a convolution": (PERCEPTRON, 'Layer("3", "logits", "dense")', 'Layer("3", "logits", "conv")'),
    "a model in a model": (
        PERCEPTRON,
        'layers.Flatten(name="flatten"),',
        'keras.Sequential([keras.Input(shape), layers.Flatten(name="flatten")], name="inner"),',
    ),
}

found = {}
for number, (case, (text, old, new)) in enumerate(CASES.items()):
    assert old in text, case
    text = text.replace("import KERAS, PYTORCH", "import KERAS, PYTORCH, zeros").replace(old, new)
    path = Path(sys.argv[1]) / f"case{number}.py"
    path.write_text(text)
    try:
        found[case] = list(check(given(str(path)), (8, 10, 3), 7))
    except InputError as error:
        found[case] = [f"refused: {error}"]
print(json.dumps(found))
