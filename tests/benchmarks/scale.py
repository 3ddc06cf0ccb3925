"""How do planning, tables, checksums, analysis, report and verification grow with the number of pairs?

`python tests/benchmarks/scale.py` writes studies of made-up pairs and measures seconds and memory of each command in a
process of its own. The last column is the time for a pair against that of the smallest study: 1.0 is linear growth.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers import synthetic
from uncrossed.study import manifest

REPOSITORY = Path(__file__).resolve().parents[2]
COMMANDS = ("tables", "checksums", "analyse", "report", "verify")


def timed(command: list[object], folder: Path, **environment: str) -> tuple[float, float]:
    """Run a command; its seconds and the MB of memory at its peak."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        words = [str(word) for word in command]
        process = subprocess.Popen(
            words, cwd=folder, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            output.seek(0)
            sys.exit(f"{' '.join(words)} failed:\n{output.read().decode()[-2000:]}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def measure(pairs: int, epochs: int, examples: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Seconds and MB of each command on a study of so many pairs, which is removed afterwards."""
    rows = synthetic.rows(pairs, epochs)
    manifest.write(folder / "rows.csv", rows)
    study = {"study": "made-up", "dataset": "cifar10", "manifest": "rows.csv"}
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    plan = ["snakemake", "-n", "-q", "rules", "--snakefile", REPOSITORY / "Snakefile", "--configfile", "study.yaml"]
    found = {"plan": timed(plan, folder)}
    results = folder / "results/made-up"
    synthetic.write(results, rows, examples)
    for command in COMMANDS:
        more = ["--examples", 50_000, examples] if command == "analyse" else []
        found[command] = timed([sys.executable, "-m", "uncrossed", command, results, *more], folder)
    shutil.rmtree(results)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_200, 12_000, 50_000], help="(1200 12000 50000)")
    parser.add_argument("--epochs", type=int, default=25, help="(%(default)s)")
    parser.add_argument("--examples", type=int, default=100, help="test examples of a pair (%(default)s)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[int, dict[str, tuple[float, float]]] = {}
    print(f"{'command':10} {'pairs':>7} {'seconds':>8} {'MB':>6} {'ms a pair':>10} {'growth':>7}")
    for pairs in sorted(options.pairs):
        with tempfile.TemporaryDirectory() as folder:
            found[pairs] = measure(pairs, options.epochs, options.examples, Path(folder))
        least = min(found)
        for command, (seconds, megabytes) in found[pairs].items():
            each, first = seconds / pairs, found[least][command][0] / least
            line = f"{command:10} {pairs:7} {seconds:8.1f} {megabytes:6.0f} {1e3 * each:10.2f} {each / first:7.2f}"
            print(line, flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
