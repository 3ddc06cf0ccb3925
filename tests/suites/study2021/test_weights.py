"""Published weights are the arrays of their files, in either framework's form."""

import shutil

import numpy as np
import pytest

import uncrossed as package
from helpers.published_files import FOLDERS, NAME, assert_small, side, weights_of
from uncrossed.common.errors import InputError


@pytest.mark.parametrize("architecture", FOLDERS)
def test_weights_are_the_state_dicts_arrays(architecture, place, capfd):
    arrays = side(place, architecture).weights
    assert_small(arrays)
    arrays["b.weight"][:] = -1  # the caller's own
    assert_small(arrays)
    with pytest.raises(KeyError, match=r"no array 'b.weigh'; .* did you mean 'b.weight'\?"):
        arrays["b.weigh"]
    assert arrays.get("nothing") is None
    assert capfd.readouterr().err == ""  # no bar where nobody looks


def test_a_model_has_the_published_weights_and_is_ready_to_evaluate(place, server):
    import torch

    from uncrossed.training.architectures import load

    torch.manual_seed(1)
    model = load("densenet121").on((32, 32, 3), 10).model("pytorch")
    images = torch.rand(4, 3, 32, 32)
    model(images)  # moves the running statistics
    torch.save(model.state_dict(), server.folder / f"{weights_of('densenet121')}.pt_model.pt")
    found = side(place, "densenet121").model()
    assert not found.training
    with torch.no_grad():
        np.testing.assert_array_equal(found(images).numpy(), model.eval()(images).numpy())
    shutil.copy(
        server.folder / f"{weights_of('densenet121')}.pt_model.pt",
        server.folder / f"{weights_of('resnet50')}.pt_model.pt",
    )
    with pytest.raises(InputError, match=rf"{NAME}\.pt_model\.pt: its weights do not fit resnet50"):
        side(place, "resnet50").model()


def test_tensorflows_weights_are_the_models_variables(saved, place, server):
    arrays = package.open_published(place).trial("vgg16-00000000").tensorflow.weights
    assert list(arrays) == [f"layer_with_weights-{k}/kernel" for k in range(12)]
    for k, array in enumerate(arrays.values()):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, np.full((2, 3), k))
    with pytest.raises(KeyError, match="no array 'save_counter'"):
        arrays["save_counter"]
    assert not any(".pb" in line for line in server.requests)


def test_a_damaged_checkpoint_is_refused(saved, place):
    data, index = (saved / f"variables/variables.{end}" for end in ("data-00000-of-00001", "index"))
    content = bytearray(data.read_bytes())
    place_of = content.index(np.full(6, 3, np.float32).tobytes())
    content[place_of] ^= 1
    data.write_bytes(content)
    arrays = package.open_published(place).trial("vgg16-00000000").tensorflow.weights
    assert arrays["layer_with_weights-2/kernel"][0, 0] == 2
    with pytest.raises(InputError, match=r"variables\.index: array 'layer_with_weights-3/kernel' is damaged"):
        arrays["layer_with_weights-3/kernel"]
    index.write_bytes(b"an error page")
    with pytest.raises(InputError, match=r"variables\.index: not a checkpoint of TensorFlow"):
        package.open_published(place).trial("vgg16-00000000").tensorflow.weights  # noqa: B018
    data.unlink()
    with pytest.raises(InputError, match=r"variables\.data-00000-of-00001: no such file"):
        package.open_published(place).trial("vgg16-00000000").tensorflow.weights  # noqa: B018
