"""Views belong to a trial file, and damage to them is named."""

from helpers.commands import told
from helpers.damage import truncated
from helpers.results import VIEWS, carry
from helpers.verified import FIRST, SECOND, SOUND
from uncrossed.results import trial_file, views_file


def test_what_is_written_is_read(folder):
    path = folder / f"trials/{FIRST}/pytorch.h5"
    made = carry(path)
    for name in VIEWS:
        view, trial = views_file.read(path.with_suffix(".views.h5"), name)
        assert trial == trial_file.read_attributes(path)["content_sha256"]
        assert view.logits.tobytes() == made[name].logits.tobytes()
        assert {curve: values.tolist() for curve, values in view.curves.items()} == {
            curve: values.tolist() for curve, values in made[name].curves.items()
        }
        assert {epoch: list(arrays) for epoch, arrays in view.weights.items()} == {0: ["w"], 3: ["w"]}
        for epoch, arrays in view.weights.items():
            assert arrays["w"].tobytes() == made[name].weights[epoch]["w"].tobytes()


def test_verify_looks_at_views(folder):
    first, second = (folder / f"trials/{trial}/tensorflow.h5" for trial in (FIRST, SECOND))
    carry(first)
    assert SOUND in told("verify", folder)
    views = first.with_suffix(".views.h5")
    content = views.read_bytes()
    second.with_suffix(".views.h5").write_bytes(content)
    assert f"{SECOND}/tensorflow.views.h5: of another result than tensorflow.h5" in told("verify", folder, code=1)
    second.with_suffix(".views.h5").unlink()
    truncated(views)
    output = told("verify", folder, "--quarantine", code=1)
    assert f"{FIRST}/tensorflow.views.h5: " in output
    assert "moved to tensorflow.views.h5.quarantined" in output
    assert SOUND in told("verify", folder)
