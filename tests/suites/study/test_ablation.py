"""An ablation holds what can differ, and nothing else."""

from helpers.commands import REPOSITORY, told
from uncrossed.study import manifest
from uncrossed.study.trial import FRAMEWORKS
from uncrossed.training.architectures import load


def test_a_base_alone_makes_no_ablation():
    rows = manifest.read(REPOSITORY / "config/manifests/ablation.csv").values()
    assert len(manifest.ablated(rows)["dense-few-steps"]) == 14 * 3
    assert not manifest.ablated(row for row in rows if "aligned" not in row.trial)
    longer = [row.model_copy(update={"epochs": 9}) if row.seed == 1 else row for row in rows]
    assert not manifest.ablated(longer)


def test_the_ablation_leaves_out_what_cannot_differ(tmp_path):
    bases = manifest.read(REPOSITORY / "config/manifests/ablation-bases.csv")
    rows = manifest.ablate(bases.values(), [0, 1, 2])
    manifest.write(tmp_path / "m.csv", rows)
    assert (tmp_path / "m.csv").read_bytes() == (REPOSITORY / "config/manifests/ablation.csv").read_bytes()
    dense = [row for row in rows if row.architecture == "densenet121" and row.seed == 0]
    labels = {row.trial.removeprefix(f"{row.base}-") for row in dense}
    assert "only-batchnorm_momentum-0" in labels
    assert not any("stride" in label or "dropout" in label for label in labels)
    trainings = [{row.training(framework, load("densenet121").touching) for row in dense} for framework in FRAMEWORKS]
    # PyTorch is left stock by all but shared weights; Keras is changed by every variant.
    assert len(trainings[0]) == 2 * len({row.base for row in dense})
    assert len(trainings[1]) == len(dense)
    output = told(
        *("manifest", "ablate", REPOSITORY / "config/manifests/ablation-bases.csv", "--trials", "dense-few-steps"),
        *("--seeds", "5", "--study", REPOSITORY / "config/ablation.yaml", "--output", tmp_path / "one.csv"),
    )
    # Four rows differ from another in evaluation mechanisms alone.
    assert "14 trials; 2 PyTorch and 10 TensorFlow trainings, as 16 of 28 train the same weights as another" in output
