"""How long do the tables and the report of a whole study take, and how long does a browser take to open and use it?

`python tests/benchmarks/report.py` writes 1,200 made-up pairs, makes their tables and report, each in a process of its
own, opens the report in Chromium where there is one, sorts its table, filters table and plot, and opens a pair.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scale import timed

from helpers import synthetic
from helpers.browser import Browser

# Milliseconds that something takes, with the layout that follows it.
TIMED = """(() => {
  const started = performance.now();
  %s;
  document.getElementById("pairs").offsetHeight;
  return performance.now() - started;
})()"""
SORT = 'document.querySelectorAll("#pairs thead button")[%d].click()'
FILTER = '{const e = document.getElementById("filter"); e.value = "%s"; e.dispatchEvent(new Event("input"))}'
OPEN = 'document.querySelectorAll("#pairs tbody button")[%d].click()'


def main() -> None:
    """Measure, and say whether it is within the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=1200, help="(%(default)s)")
    parser.add_argument("--epochs", type=int, default=50, help="(%(default)s)")
    parser.add_argument("--examples", type=int, default=1000, help="test examples; CIFAR-10 has 10000 (%(default)s)")
    parser.add_argument("--keep", type=Path, help="write the study here and keep it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary, "made-up")
        synthetic.write(folder, synthetic.rows(options.pairs, options.epochs), options.examples)
        found: list[tuple[str, float, float, str]] = []
        for command, memory in (("tables", 1024), ("report", 1024)):
            seconds, megabytes = timed([sys.executable, "-m", "uncrossed", command, folder], folder)
            found += [(command, seconds, 60, "s"), (f"{command}, memory", megabytes, memory, "MB")]
        path = folder / "report.html"
        found.append(("report.html", path.stat().st_size / 1e6, 15, "MB"))
        if shutil.which("chromium"):
            with Browser(seconds=60) as browser:
                found.append(("opens in", browser.open(path), 3, "s"))
                for name, script, values in (
                    ("sorts in", SORT, (0, 1, 1, 5)),
                    ("filters in", FILTER, ("vgg16", "vgg16-0", "")),
                    ("opens a pair in", OPEN, (0, options.pairs // 2)),
                ):
                    slowest = max(browser.run(TIMED % (script % value)) for value in values)
                    found.append((name, slowest, 500, "ms"))
    for name, value, limit, unit in found:
        print(f"{name:16} {value:8.1f} {unit:3} of {limit} {'' if value < limit else 'TOO MUCH'}")
    sys.exit(any(value >= limit for _, value, limit, _ in found))


if __name__ == "__main__":
    main()
