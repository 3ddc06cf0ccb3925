"""A driver or a card that does not suit is found before any training, and one line says what to do."""

import json
import tomllib

import pytest

from helpers import drivers
from helpers.commands import REPOSITORY, run, uncrossed
from helpers.drivers import A100, CARDS, CUDA, H100, P100, T4, V100
from uncrossed.common.cuda import Driver, Gpu
from uncrossed.job.preflight import BUILDS, PINNED, Build, installed, unsuitable
from uncrossed.study.trial import FRAMEWORKS


def driver(release: str, *cards: str, cuda: bool = True) -> Driver:
    """A driver with cards, as it is said by itself or, without its CUDA, by nvidia-smi."""
    newest = tuple(map(int, CUDA[release].split("."))) if cuda else None
    gpus = [(card, *CARDS[card]) for card in cards]
    return Driver(release, newest, tuple(Gpu(n, tuple(map(int, c.split("."))), mb) for n, c, mb in gpus))


@pytest.mark.parametrize("cuda", [True, False])
@pytest.mark.parametrize("release", CUDA)
@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_drivers_and_cards_suit_or_it_is_said_what_is_there_and_what_is_needed(framework, card, release, cuda):
    said = unsuitable(PINNED[framework], driver(release, card, cuda=cuda))
    old_driver = framework == "pytorch" and not release.startswith("580")
    old_card = card in (P100, V100)
    assert bool(said) == (old_driver or old_card)
    assert ("have the driver updated" in said) == old_driver
    assert ("another type of GPU" in said) == old_card
    if said:
        there, needed = said.split("; ", 1)
        assert there.startswith(f"{card} (compute capability {CARDS[card][0]}, ")
        assert f"driver {release}" in there
        assert (
            f"needs driver {580 if framework == 'pytorch' else 525} or newer, a card of compute capability 7.5"
            in needed
        )
        assert "\n" not in said


@pytest.mark.parametrize("release", CUDA)
@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_environments_for_cuda_12_suit_all_of_these_and_are_named_where_the_others_do_not(framework, card, release):
    older = BUILDS["cuda12"][framework]
    assert unsuitable(older, driver(release, card)) == ""
    said = unsuitable(PINNED[framework], driver(release, card))
    assert said == "" or said.endswith("; or choose the environments for CUDA 12 (`environments` in the profile)")
    assert unsuitable(older, Driver("470.82.01", (11, 4), driver(release, card).gpus)).endswith("a newer one")


def test_of_several_gpus_the_first_is_judged_and_none_at_all_is_said():
    build = PINNED["pytorch"]
    assert unsuitable(build, driver("580.65.06", T4, V100)) == ""
    assert "another type of GPU" in unsuitable(build, driver("580.65.06", V100, T4))
    assert "no GPU that this process may use" in unsuitable(build, driver("580.65.06"))
    assert unsuitable(build, None).startswith("no NVIDIA driver is here; PyTorch")
    assert "a build for CPUs" in unsuitable(None, driver("580.65.06", T4))


def test_what_is_not_known_is_left_to_the_step():
    assert unsuitable(PINNED["pytorch"], Driver("", None, (Gpu("a GPU", None, None),))) == ""
    other = Build("PyTorch 9", (99, 0), ())
    assert unsuitable(other, driver("535.183.01", T4, cuda=False)) == ""


def test_a_small_share_of_a_gpu_a_newer_card_and_a_driver_with_forward_compatibility():
    share, newer = Gpu("NVIDIA A100 MIG 1g.5gb", (8, 0), 4864), Gpu("a card of 2027", (13, 0), 80_000)
    new = driver("580.65.06", H100)
    assert unsuitable(PINNED["pytorch"], new._replace(gpus=(share,))).endswith("or a share of one, with more memory")
    # Machine code serves its own major version; what TensorFlow has for a driver to compile serves all newer ones.
    assert "7.5 to 12.x" in unsuitable(PINNED["pytorch"], new._replace(gpus=(newer,)))
    assert unsuitable(PINNED["tensorflow"], new._replace(gpus=(newer,))) == ""
    assert unsuitable(PINNED["pytorch"], driver("535.183.01", A100)._replace(cuda=(13, 0))) == ""


def test_the_table_is_that_of_the_pinned_builds():
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for framework, package in (("pytorch", "torch"), ("tensorflow", "tensorflow[and-cuda]")):
        (pin,) = (line for extra in extras.values() for line in extra if line.startswith(f"{package}=="))
        assert PINNED[framework].name.split()[1] == pin.split("==")[1]


def test_the_table_is_that_of_the_installed_build():
    found = installed("pytorch")
    if found:  # pip's own index has the one for GPUs
        assert found._replace(name=found.name.split("+")[0]) == PINNED["pytorch"]


def test_the_command_says_it_on_one_line_and_leaves_nothing(tmp_path):
    environment = drivers.library(tmp_path / "driver", "535.183.01", A100)
    output = tmp_path / "out/pytorch.json"
    said = run("uncrossed", "preflight", "pytorch", "--output", output, code=1, **environment).stdout
    assert said.startswith(
        "uncrossed: pytorch cannot train here: NVIDIA A100-SXM4-40GB (compute capability 8.0, 40,960 MB)"
    )
    assert "driver 535.183.01 for CUDA 12.2; PyTorch 2.14.1" in said
    assert len(said.splitlines()) == 1
    assert not output.exists()


def test_a_step_is_taken_and_what_was_found_is_kept(tmp_path):
    output = tmp_path / "out/pytorch.json"
    said = uncrossed("preflight", "pytorch", "--device", "cpu", "--output", output).stdout
    assert said.startswith("pytorch can train on cpu ")
    found = json.loads(output.read_text())
    assert found["framework"] == "pytorch"
    assert found["versions"]["torch"].startswith("2.")
    assert len(found["step_seconds"]) == 2
