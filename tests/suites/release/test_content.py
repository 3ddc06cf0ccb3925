"""Another content at the destination is never overwritten, and never taken for the released one."""

import pytest

from helpers import gcs
from helpers.publishing import LIST, check, prefix, publish


def test_another_content_is_not_overwritten(built, server, tmp_path):
    name = f"p/{prefix(built)}tables/trials.csv"
    server.objects[name] = (1, b"another")
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    assert f"gs://bucket/{name} holds another content (7 bytes" in output
    assert str(built / "tables/trials.csv") in output
    assert server.objects[name] == (1, b"another")
    assert not any(name.endswith(LIST) for name in server.objects)
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize("trusting", [False, True])
def test_a_bit_flipped_on_the_way_up_is_an_error(trusting, built, server, tmp_path):
    server.flips, server.trusting = 1, trusting
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    assert ("holds another content" if trusting else "the server refused the content") in output
    assert not any(name.endswith(LIST) for name in server.objects)
    assert not (tmp_path / "r.json").exists()
    if not trusting:
        publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address)
        check(server, built)


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_bit_flipped_in_the_last_chunk_is_an_error(size, built, server, tmp_path):
    """Of one file only: whatever else fails, it is this one's content that is refused."""
    publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    name = "trials/densenet121-0000/pytorch.h5" if size == "large" else "README.md"
    for gone in (name, LIST):
        del server.objects[f"p/{prefix(built)}{gone}"]
        server.created.remove(f"p/{prefix(built)}{gone}")
    (tmp_path / "r.json").unlink()
    server.flips, server.trusting = 1, True
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    assert f"{prefix(built)}{name} holds another content" in output
    assert not (tmp_path / "r.json").exists()
    assert server.unsafe == []


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_an_object_that_changes_between_listing_and_upload_is_an_error(how, built, server, tmp_path):
    publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address)
    (tmp_path / "r.json").unlink()
    del server.objects[f"p/{prefix(built)}{LIST}"]
    name = f"p/{prefix(built)}README.md"
    listed = server.requests + -(-len(server.objects) // gcs.PAGE)

    def change(number: int) -> None:
        if number == listed + 1:
            server.objects[name] = (1, b"another")
            if how == "removed":
                del server.objects[name]

    server.on_request = change
    output = publish(built, "gs://bucket/p", tmp_path / "r.json", host=server.address, code=1).stdout
    what = "holds another content (7 bytes" if how == "replaced" else "is gone; publish again"
    assert f"gs://bucket/{name} {what}" in output
    assert not any(name.endswith(LIST) for name in server.objects)
    assert not (tmp_path / "r.json").exists()
