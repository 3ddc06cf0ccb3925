"""What `uncrossed diff` and `architecture new` are tried with, right files and wrong ones."""

import contextlib
import io
from pathlib import Path

from uncrossed.cli.main import main

PAIR = '''"""A pair."""
SHAPE = (6,)
PAIRS = {}


class Theirs:
    pass


def pytorch():
    from torch import nn

    return nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3))


def tensorflow():
    import keras
    from keras import layers

    class Own(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 8), name="kernel")
            self.bias = self.add_weight(shape=(8,), name="bias")

        def call(self, x):
            return keras.ops.matmul(x, self.kernel) + self.bias

    own = Own
    return keras.Sequential([keras.Input((6,)), layers.Dense(8), layers.Dense(8), layers.Dense(3)])
'''
TOWERS = '''"""Two towers that one model has in the other order."""
SHAPE = (6,)
PAIRS = {}


def pytorch():
    from torch import nn

    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.end = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.end(self.left(x) + self.right(x))

    return Towers()


def tensorflow():
    import keras
    from keras import layers

    x = keras.Input((6,))
    b, a = layers.Dense(8, name="b")(x), layers.Dense(8, name="a")(x)
    return keras.Model(x, layers.Dense(3, name="end")(layers.Add()([b, a])))
'''
FILES = {
    "pair": PAIR,
    "broken": "1 / 0",
    "ends": "raise SystemExit('no')",
    "beside": PAIR.replace("PAIRS = {}", "import models\nPAIRS = {}").replace(
        "def pytorch():", "def pytorch():\n    1 / 0"
    ),
    "no_such_layer": PAIR.replace("PAIRS = {}", 'PAIRS = {"first": "dense"}'),
    "bad_optimizer": PAIR
    + """

def pytorch_optimizer(parameters):
    raise ValueError("none")


def tensorflow_optimizer():
    pass
""",
    "one_side": "def pytorch():\n    return 1\n",
    "no_model": PAIR.replace("return nn.Sequential(", "return ("),
    "another_shape": PAIR.replace("SHAPE = (6,)", "SHAPE = (7,)"),
    "empty": PAIR.replace("return nn.Sequential(", "return nn.Flatten() or ("),
    "bad_shape": PAIR.replace("SHAPE = (6,)", "SHAPE = 6"),
    "bad_pairs": PAIR.replace("PAIRS = {}", "PAIRS = [1]"),
    "one_layer_less": PAIR.replace("layers.Dense(8), layers.Dense(8)", "layers.Dense(8)"),
    "wider": PAIR.replace("layers.Dense(8), layers.Dense(8)", "layers.Dense(9), layers.Dense(8)"),
    "own_layer": PAIR.replace("layers.Dense(8), layers.Dense(8)", 'layers.Dense(8), own(name="mine")'),
    "own_layer_settled": PAIR.replace("layers.Dense(8), layers.Dense(8)", 'layers.Dense(8), own(name="mine")').replace(
        "PAIRS = {}", 'PAIRS = {"1": "mine"}'
    ),
    "towers": TOWERS,
    "towers_settled": TOWERS.replace("PAIRS = {}", 'PAIRS = {"left": "a", "right": "b"}'),
}
COMMANDS = {
    "new": ("architecture", "new", "mine.py"),
    "new, and there": ("architecture", "new", "mine.py"),
    "new, no Python": ("architecture", "new", "mine.txt"),
    "diff of the new": ("diff", "mine.py", "--map", "--json", "found.json"),
    "check of the new": ("architecture", "check", "mine.py"),
    "another size": ("diff", "mine.py", "--shape", "8", "8"),
    "two functions": ("diff", "models:pytorch", "models:tensorflow", "--shape", "6"),
    "no such function": ("diff", "models:pytorch", "models:keras_side", "--shape", "6"),
    "no file": ("diff", "nothing.py"),
    "no folder": ("diff", "pair.py", "--json", "nowhere/found.json"),
    "no functions": ("diff", "models", "models"),
    "three": ("diff", "a.py", "b.py", "c.py"),
    **{name: ("diff", f"{name}.py") for name in FILES},
}


def run() -> dict[str, tuple[int, str, str]]:
    """Run all commands where the process is: of each its exit code and what it printed to either stream."""
    for name, text in {**FILES, "models": PAIR}.items():
        Path(f"{name}.py").write_text(text)
    found = {}
    for case, command in COMMANDS.items():
        said, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
            try:
                main([*command, *(["--threads", "1"] if command[0] == "diff" else [])])
            except SystemExit as ended:
                found[case] = ended.code, said.getvalue(), errors.getvalue()
    return found
