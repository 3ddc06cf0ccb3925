"""The package's own architectures say of themselves what a user's file has to say."""

import pytest

from uncrossed.training.architectures import BUILT_IN_ARCHITECTURES, load


@pytest.mark.parametrize("name", BUILT_IN_ARCHITECTURES)
def test_the_package_has_nothing_that_a_file_of_a_users_could_not_have(name):
    architecture = load(name)
    network = architecture.on((64, 96, 1), 65_536)
    assert architecture.description
    assert network.parameters > 65_536
    assert len({layer.pytorch for layer in network.layers}) == len(network.layers)
