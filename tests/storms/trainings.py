"""Kill trainings at random moments until each has been killed often enough; its files must be the uninterrupted ones.

They carry views: their architectures have batch normalisation.

54 kills take ten to thirty minutes on two cores. Exit code 1 when a file differs.
"""

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from uncrossed.study.trial import FRAMEWORKS

# Three steps an epoch on 48 digits, the last one partial.
ROW = {"learning_rate": 0.001, "batch_size": 20, "adam_epsilon": 1e-3, "epochs": 5, "semantics": "dropout=pytorch"}


def main() -> int:
    """Run the storm and print one line per training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=54, help="in all (%(default)s)")
    parser.add_argument("--architectures", default="smallcnn,densenet121,resnet50", help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and signals (%(default)s)")
    options = parser.parse_args()
    kinds = [(framework, name) for name in options.architectures.split(",") for framework in FRAMEWORKS]
    chance = random.Random(options.seed)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "few.h5")
        few = {"name": "few", "format": "digits", "train_examples": 48, "test_examples": 20}
        subprocess.run([sys.executable, "-m", "uncrossed", "dataset", json.dumps(few), "--output", data], check=True)
        for number, (framework, architecture) in enumerate(kinds):
            kills = options.kills // len(kinds) + (number < options.kills % len(kinds))
            failed += not storm(framework, architecture, kills, data, Path(folder), chance)
    print(f"{options.kills} kills, {len(kinds)} trainings, {failed} files that differ")
    return 1 if failed else 0


def storm(framework: str, architecture: str, kills: int, data: Path, folder: Path, chance: random.Random) -> bool:
    """Kill one training so many times, let it end, and compare."""
    row = {"trial": architecture, "architecture": architecture, **ROW}
    reference, output = (folder / name / f"{framework}-{architecture}.h5" for name in ("reference", "storm"))
    if start(framework, row, data, reference, 60).wait():
        raise SystemExit(f"{framework} {architecture}: the uninterrupted training failed:\n{log(reference)}")
    seconds = json.loads(reference.with_suffix(".json").read_text())["seconds_per_epoch"][-1]
    counts, resumed, stopped, done = {signal.SIGTERM: 0, signal.SIGKILL: 0}, 0, 0.0, 0
    while done < kills:
        process = start(framework, row, data, output, 0)
        # At any moment of a random epoch; before the first one that is the start, with its imports and traces.
        epoch = chance.randrange(row["epochs"])
        while process.poll() is None and last_epoch(output) < epoch:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 1.2) * seconds if epoch else chance.uniform(0, 5))
        number, sent = chance.choice(list(counts)), time.monotonic()
        process.send_signal(number)
        if process.wait() == -number:
            done, counts[number] = done + 1, counts[number] + 1
            stopped = max(stopped, time.monotonic() - sent)
        elif process.returncode:
            raise SystemExit(f"{framework} {architecture}: exit code {process.returncode}:\n{log(output)}")
        resumed += "going on" in log(output)
        if output.exists():
            if not equal(output, reference):
                break
            if done < kills:
                output.unlink()
    else:
        if not output.exists() and start(framework, row, data, output, 60).wait():
            raise SystemExit(f"{framework} {architecture}: failed after the storm:\n{log(output)}")
    left = sorted(
        path.name for path in output.parent.iterdir() if path.name.startswith((output.stem, f".{output.stem}"))
    )
    same = equal(output, reference) and left == [output.with_suffix(suffix).name for suffix in SUFFIXES]
    print(
        f"{framework} {architecture}: {counts[signal.SIGTERM]} SIGTERM, {counts[signal.SIGKILL]} SIGKILL, {resumed}"
        f" runs went on from a checkpoint, gone after {stopped:.1f} s at most; {'same bytes' if same else 'DIFFERENT'}"
        + ("" if same else f" {left}"),
        flush=True,
    )
    return same


SUFFIXES = (".h5", ".json", ".log", ".views.h5")


def equal(output: Path, reference: Path) -> bool:
    """Whether trial file and views have the bytes of others."""
    return all(
        output.with_suffix(suffix).read_bytes() == reference.with_suffix(suffix).read_bytes()
        for suffix in (".h5", ".views.h5")
    )


def start(framework: str, row: dict, data: Path, output: Path, checkpoint_seconds: float) -> subprocess.Popen:
    """Start a training; its messages go beside its output."""
    output.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "uncrossed", "train", framework, "--row", json.dumps(row), "--dataset", data]
    command += ["--output", output, "--views", "--checkpoint-seconds", str(checkpoint_seconds)]
    with open(output.with_suffix(".log"), "w") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)


def last_epoch(output: Path) -> int:
    """The last epoch that the running training has finished."""
    return max(map(int, re.findall(r"^epoch (\d+)/", log(output), re.MULTILINE)), default=0)


def log(output: Path) -> str:
    """What the last training of this file said."""
    return output.with_suffix(".log").read_text()


if __name__ == "__main__":
    sys.exit(main())
