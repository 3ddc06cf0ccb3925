"""What differs between torchvision's and keras.applications' networks of one name: docs/torchvision-and-keras.md.

    python tests/benchmarks/shipped_pairs.py [NAME ...] [--page]

compares each network in a process of its own, on images of the size that it is made for, and keeps what was found as
JSON in `results/shipped/`; then the page is written from all that is there. `--page` writes the page alone.
"""

import argparse
import json
import resource
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
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1) or not found.exists():
            sys.exit(f"{name}: not compared")
        report = json.loads(found.read_text())
        report["name"], report["size"], report["seconds"] = name, size, round(time.monotonic() - begun)
        (KEPT / f"{name}.json").write_text(json.dumps(report, indent=2) + "\n")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
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
    return "\n".join(_page(reports)) + "\n"


def _page(reports: dict[str, dict[str, Any]]) -> Iterator[str]:
    versions = {package: metadata.version(package).split("+")[0] for package in ("torchvision", "torch", "keras")}
    yield "# torchvision's networks and keras.applications' of the same names"
    yield ""
    yield from _wrapped(
        f"Made by `python tests/benchmarks/shipped_pairs.py` with torchvision {versions['torchvision']} (PyTorch "
        f"{versions['torch']}) and Keras {versions['keras']} on TensorFlow. Each pair was compared as `uncrossed diff` "
        "compares any: layer by layer by what both say, and by what they compute with the same weights in float64, on "
        "random images of the size that the network is made for. A difference was *taken away* by letting PyTorch's "
        "model compute that operation as Keras' does; the last column of each table says what that did. Weights "
        "that were trained elsewhere were not looked at, nor preprocessing outside of the models."
    )
    yield ""
    yield from _wrapped(
        "Of all of them: Keras' models end with a softmax unless they are made with `classifier_activation=None`, as "
        "they were here; torchvision's end with logits."
    )
    yield ""
    yield "| network | trained parameters, torchvision | Keras | the same in evaluation? | left, all taken away |"
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
    if any(d["shown_by"] == "arrays" for d in report["differences"]):
        return "no: other layers"
    if any(d["shown_by"] == "evaluation" for d in report["differences"]):
        return "no"
    return "yes"


def _pair(report: dict[str, Any]) -> Iterator[str]:
    ours, theirs, size = PAIRS[report["name"]]
    yield from _wrapped(
        f"`torchvision.models.{ours}` and `keras.applications.{theirs}`, on {size} x {size} x 3 images: "
        f"{sum(pair['arrays'] for pair in report['pairs'])} layers with arrays are paired. What differs in:"
    )
    yield ""
    yield "| | what | layers | torchvision | Keras | measured |"
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
    if report["unknown"]:
        names = sorted({f"`{one['kind']}`" for one in report["unknown"]})
        yield from _wrapped(f"Compared by what they compute alone: {', '.join(names)}.")
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
