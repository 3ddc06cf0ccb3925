"""An answer that is not the file is never kept, and what passes is tried again."""

import pytest

import uncrossed as package
from helpers.published_files import assert_small, kept, side
from uncrossed.common.errors import InputError


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ([404], "no such file, or not public"),
        (["page"], r"sends the file whole \(text/html\)"),
        ([None, "page"], r"sends the file whole \(text/html\)"),
        ([None, "whole"], "range requests are needed"),
        ([None, "shifted"], "Content-Range is"),
        ([None, 400], "status 400"),
        ([None, *["truncated"] * 100], "no sound answer in 6 attempts; the last: the body ended"),
        ([None, *["reset"] * 100], "no sound answer in 6 attempts"),
        ([503] * 100, "no sound answer in 6 attempts; the last: status 503"),
    ],
)
def test_an_answer_that_is_not_the_file_is_never_kept(faults, message, server, tmp_path):
    opened = side(server.url)
    server.faults, server.only = list(faults), ".pt"
    with pytest.raises(InputError, match=message):
        opened.weights  # noqa: B018
    assert not kept(tmp_path, ".pt")
    server.faults = []
    assert_small(opened.weights)


@pytest.mark.parametrize("faults", [[429, 503], ["reset", "truncated"], [None, "truncated", "truncated"], ["moved"]])
def test_what_passes_is_tried_again(faults, server):
    opened = side(server.url)
    server.faults, server.only = list(faults), ""
    assert_small(opened.weights)
    assert server.faults == []


def test_a_web_page_is_no_table(server, tmp_path):
    server.faults = ["page"]
    with pytest.raises(InputError, match=r"vgg_cifar10_wandb_export\.csv: .*text/html"):
        package.open_published(server.url)
    assert not kept(tmp_path, ".csv")
