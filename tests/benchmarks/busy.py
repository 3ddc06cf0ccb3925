"""What a neighbour costs PyTorch: steps of ResNet50 with two threads on a quiet machine and beside one busy process.

`python tests/benchmarks/busy.py` takes OpenMP's own time of spinning and shorter ones in turns, each in a process of
its own, and prints the median images per second.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

SPINS = ("", "1000", "10000")
BATCH = 128


def steps(seconds: float) -> None:
    """Print the images per second of this process."""
    from uncrossed.study.trial import Settings
    from uncrossed.training import backends

    settings = Settings(threads=2)
    backends.load("pytorch", settings).configure(settings)

    import torch
    import torchvision

    model = torchvision.models.resnet50(num_classes=10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    images = torch.rand(BATCH, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.randint(10, (BATCH,))
    started = count = 0
    for k in range(10**6):
        if k == 2:  # the first ones prepare kernels
            started, count = time.perf_counter(), 0
        if k > 2 and time.perf_counter() - started > seconds:
            break
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        count += 1
    print(BATCH * count / (time.perf_counter() - started))


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps:
        steps(options.seconds)
        return
    found: dict[tuple[str, bool], list[float]] = {(spin, busy): [] for busy in (False, True) for spin in SPINS}
    for _ in range(options.rounds):
        for (spin, busy), rates in found.items():
            environment = {**os.environ} | ({"GOMP_SPINCOUNT": spin} if spin else {})
            neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
            command = [sys.executable, __file__, "--steps", "--seconds", str(options.seconds)]
            try:
                done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            finally:
                if neighbour:
                    neighbour.kill()
                    neighbour.wait()
            rates.append(float(done.stdout))
    print("| GOMP_SPINCOUNT | quiet | beside a busy process |\n|---|---|---|")
    for spin in SPINS:
        quiet, busy = (statistics.median(found[spin, state]) for state in (False, True))
        print(f"| {spin or 'not set'} | {quiet:.0f} | {busy:.0f} |")


if __name__ == "__main__":
    main()
