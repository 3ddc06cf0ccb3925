"""What differs between torchvision's and keras.applications' networks of one name: docs/torchvision-and-keras.md.

    python tests/benchmarks/shipped_pairs.py [NAME ...] [--page]

compares each network in a process of its own, on images of the size that it is made for, and keeps what was found as
JSON in `results/shipped/`; then the page is written from all that is there. `--page` writes the page alone.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
KEPT, PAGE = REPOSITORY / "results/shipped", REPOSITORY / "docs/torchvision-and-keras.md"
# torchvision's function, keras.applications' function, and the images' size.
PAIRS = {
    "VGG16": ("vgg16", "VGG16", 224),
    "VGG19": ("vgg19", "VGG19", 224),
    "ResNet50": ("resnet50", "ResNet50", 224),
    "ResNet101": ("resnet101", "ResNet101", 224),
    "ResNet152": ("resnet152", "ResNet152", 224),
    "DenseNet121": ("densenet121", "DenseNet121", 224),
    "DenseNet169": ("densenet169", "DenseNet169", 224),
    "DenseNet201": ("densenet201", "DenseNet201", 224),
    "MobileNetV2": ("mobilenet_v2", "MobileNetV2", 224),
    "MobileNetV3-Large": ("mobilenet_v3_large", "MobileNetV3Large", 224),
    "MobileNetV3-Small": ("mobilenet_v3_small", "MobileNetV3Small", 224),
    "EfficientNetB0": ("efficientnet_b0", "EfficientNetB0", 224),
    "EfficientNetV2-S": ("efficientnet_v2_s", "EfficientNetV2S", 384),
    "ConvNeXt-Tiny": ("convnext_tiny", "ConvNeXtTiny", 224),
    "InceptionV3": ("inception_v3", "InceptionV3", 299),
}
# What the sources say besides, and the comparison cannot see.
RESNET = (
    "torchvision has the stride of a stage in the second, 3 x 3 convolution of its first block (often called ResNet "
    "v1.5). Keras has it in the first, 1 x 1 convolution, as the paper does. The biases of Keras' convolutions stand "
    "before batch normalisation, which cancels them in training. They begin at zero, and matter where weights are "
    "copied."
)
NOTES = {
    **dict.fromkeys(("ResNet50", "ResNet101", "ResNet152"), RESNET),
    "EfficientNetB0": "Keras' layer `normalization` holds no statistics unless trained weights are loaded. Without "
    "them, images are divided by 255, and nothing else is done to them. The layer cannot be left out.",
    "InceptionV3": "torchvision's parameters include the 3,326,696 of an auxiliary classifier. Its output is the "
    "second one in training; `aux_logits=False` leaves it out. With trained weights, torchvision's model also rescales "
    "images inside (`transform_input=True`); here it does not.",
}
FILE = '''"""{name}, as both libraries ship it."""

SHAPE = ({size}, {size}, 3)


def pytorch():
    import torchvision

    return torchvision.models.{ours}(weights=None)


def tensorflow():
    import keras

    return keras.applications.{theirs}(weights=None, classifier_activation=None)
'''


def compare(name: str) -> None:
    """Compare one network, and keep what is found."""
    ours, theirs, size = PAIRS[name]
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pair.py"
        file.write_text(FILE.format(name=name, size=size, ours=ours, theirs=theirs))
        found = Path(folder) / "found.json"
        begun = time.monotonic()
        command = [sys.executable, "-m", "uncrossed", "diff", str(file), "--json", str(found)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in (0, 1) or not found.exists():
            sys.exit(f"{name}: not compared")
        report = json.loads(found.read_text())
        report["name"], report["size"], report["seconds"] = name, size, round(time.monotonic() - begun)
        (KEPT / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    memory = usage.ru_maxrss / 2**20
    print(f"{name}: {len(report['differences'])} differences in {report['seconds']} s, {memory:.1f} GiB", flush=True)


# The page.

STAGES = {
    "arrays": "other layers",
    "evaluation": "the function",
    "training": "the function in training",
    "statistics": "batch normalisation's statistics",
    "gradients": "gradients",
    "configuration": "what drops at random",
    "initial": "what it begins with",
}


def page() -> str:
    """The page, from all that is kept."""
    reports = {name: json.loads(path.read_text()) for name in PAIRS if (path := KEPT / f"{name}.json").exists()}
    return re.sub("\n{3,}", "\n\n", "\n".join(_page(reports))).rstrip() + "\n"


def _page(reports: dict[str, dict[str, Any]]) -> Iterator[str]:
    versions = {package: metadata.version(package).split("+")[0] for package in ("torchvision", "torch", "keras")}
    yield "# torchvision's networks and keras.applications' of the same names"
    yield ""
    yield from _wrapped(
        "This page lists what differs between networks that torchvision and keras.applications ship under one "
        f"name. It was made by `python tests/benchmarks/shipped_pairs.py` with torchvision {versions['torchvision']} "
        f"(PyTorch {versions['torch']}) and Keras {versions['keras']} on TensorFlow. Each pair was compared as "
        "[`uncrossed diff`](your-own-pair.md) compares any pair: layer by layer, first by the settings of both layers, "
        "then by what they compute with the same weights in float64. The inputs were random, of the size that the "
        "network is made for. Trained weights were not looked at, nor preprocessing outside of the models."
    )
    yield ""
    yield from _wrapped(
        "Keras' models end with a softmax unless they are made with `classifier_activation=None`, as they were here. "
        "torchvision's models end with logits. Keras' MobileNetV3, EfficientNetV2 and ConvNeXt rescale images inside "
        "unless they are made with `include_preprocessing=False`. EfficientNetB0 always does. torchvision's models do "
        "not."
    )
    yield ""
    yield from _wrapped(
        "A difference is *taken away* when PyTorch's model computes that operation as Keras' model does. The last "
        "column of the first table says how far the outputs of the two models are still apart when all differences are "
        "taken away, relative to the largest output. In the other tables, the column *measured* says where the two "
        "models part, how far they are apart there relative to the largest number, and what happens when this "
        "difference is taken away (*aligned*)."
    )
    yield ""
    yield from _wrapped(
        "Padding is shown as what the windows touch, (before, after) the image in each direction. Momentum is the "
        "share of the old statistics that is kept: it is Keras' `momentum`, and one minus PyTorch's. Random numbers "
        "are shown by their distribution, N(0, variance) or U(± bound). Here fan_in and fan_out are counted as PyTorch "
        "counts them, also in depthwise convolutions. *Within two deviations* means a normal distribution that is cut "
        "off there and widened, so that it has the given variance. Arrays that only one side has were given random "
        "numbers, too."
    )
    yield ""
    yield "| network | trained parameters, torchvision | Keras | one function in evaluation? | left, all taken away |"
    yield "|---|---|---|---|---|"
    for name, report in reports.items():
        counts = report["parameters"]
        left = report["agreed"].get("evaluation")
        yield (
            f"| [{name}](#{name.lower()}) | {counts['pytorch']:,} | {counts['tensorflow']:,} | {_same(report)} | "
            f"{'not compared to the end' if left is None else f'{left:.0e}'} |"
        )
    yield ""
    missing = [name for name in PAIRS if name not in reports]
    if missing:
        yield from _wrapped(f"Not compared yet: {', '.join(missing)}.")
        yield ""
    for name, report in reports.items():
        yield f"## {name}"
        yield ""
        yield from _pair(report)
        yield ""


def _same(report: dict[str, Any]) -> str:
    if any(d["cause"].startswith("unexplained") for d in report["differences"]):
        return "no: not all is explained"
    seen = [d["what"] for d in report["differences"] if d["shown_by"] in ("arrays", "evaluation")]
    return f"no: {'; '.join(dict.fromkeys(seen))}" if seen else "yes"


def _pair(report: dict[str, Any]) -> Iterator[str]:
    ours, theirs, size = PAIRS[report["name"]]
    yield from _wrapped(
        f"`torchvision.models.{ours}` and `keras.applications.{theirs}`, on {size} x {size} x 3 images: "
        f"{sum(pair['arrays'] for pair in report['pairs'])} layers with arrays are paired."
    )
    yield ""
    yield "| differs in | what | layers | torchvision | Keras | measured |"
    yield "|---|---|---|---|---|---|"
    for difference in report["differences"]:
        layers = difference["layers"]
        first = " / ".join(
            dict.fromkeys(f"`{layers[0][side]}`" for side in ("pytorch", "tensorflow") if layers[0][side])
        )
        where = first if len(layers) == 1 else f"{len(layers)}, from {first} on"
        cells = [
            STAGES[difference["shown_by"]],
            difference["what"],
            where,
            _value(difference["pytorch"]),
            _value(difference["tensorflow"]),
            "; ".join(difference["measured"]) or "read from both models",
        ]
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    if report["name"] in NOTES:
        yield from _wrapped(NOTES[report["name"]])
        yield ""
    if report["unknown"]:
        names = sorted({f"`{one['kind']}`" for one in report["unknown"]})
        yield from _wrapped(f"These layers were compared by what they compute alone: {', '.join(names)}.")
    notes = [note for note in report["notes"] if "is not used in evaluation" not in note]
    unused = len(report["notes"]) - len(notes)
    for note in notes:
        yield from _wrapped(f"- {note}")
    if unused:
        yield from _wrapped(f"- {unused} arrays are used in training alone (auxiliary outputs), and were not compared")


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(pair, list) for pair in value):
        return ", ".join(f"({', '.join(map(str, pair))})" for pair in value)
    if isinstance(value, list):
        return ", ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value[:6])
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def main() -> None:
    """Compare what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*PAIRS, []], metavar="NAME", help="default: all")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    options = parser.parse_args()
    for name in [] if options.page else options.names or PAIRS:
        compare(name)
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
