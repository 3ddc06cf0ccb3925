"""The same history gives the same suggestion, and a trial sees what it may."""

import numpy as np
import pytest

from helpers.searches import SMALL
from uncrossed.common.errors import InputError
from uncrossed.search import suggestion as searching
from uncrossed.search import trajectory
from uncrossed.search.figures import expected_best
from uncrossed.search.suggestion import Seen
from uncrossed.study.mechanisms import NATIVE
from uncrossed.study.search import Search, read_suggestion
from uncrossed.training.architectures import load


def make(**changes: object) -> Search:
    return Search.check({**SMALL, "trials": 30, "start": 5, **changes}, "search")


def history(search: Search, count: int, value) -> list[Seen]:
    """Finished trials of the first subspace, with a known objective; None is divergence."""
    seen: list[Seen] = []
    for trial in list(search.places)[:count]:
        row, _ = searching.next_row(search, trial, seen[: len(search.visible(trial))], 200, dict(NATIVE))
        seen.append(Seen(row, value(row), ()))
    return seen


def test_a_trial_sees_what_it_is_allowed_to_and_nothing_else():
    search = make(pending=3)
    assert search.visible("smallcnn-s00-004") == []
    assert search.visible("smallcnn-s01-006") == [f"smallcnn-s01-00{k}" for k in range(4)]
    assert make().visible("smallcnn-s00-005") == [f"smallcnn-s00-00{k}" for k in range(5)]


@pytest.mark.parametrize("algorithm", ["tpe", "anneal", "random"])
def test_the_same_history_gives_the_same_row_inside_its_subspace(algorithm):
    search = make(algorithm=algorithm)
    rows = [seen.row for seen in history(search, 20, lambda row: row.learning_rate)]
    assert rows == [seen.row for seen in history(search, 20, lambda row: row.learning_rate)]
    for row in rows:
        for name, interval in search.space.subspaces()[0].items():
            assert interval.low <= getattr(row, name) <= interval.high
        row.check_examples(200, load("smallcnn"))
    assert len({row.seed for row in rows}) == 20
    other = [seen.row for seen in history(search, 20, lambda row: -row.learning_rate)]
    assert (rows == other) == (algorithm == "random")
    assert rows[:5] == other[:5], "start trials see nothing"


def test_a_row_says_whether_the_search_chose_it(tmp_path):
    search = make()
    origins = [seen.row.origin for seen in history(search, 8, lambda row: row.learning_rate)]
    assert origins == ["random"] * 5 + ["guided"] * 3
    never = history(make(algorithm="random"), 8, lambda row: row.learning_rate)
    assert {seen.row.origin for seen in never} == {"random"}
    # The suggestions of earlier versions say it beside the row alone.
    for trial, guided in (("smallcnn-s00-000", False), ("smallcnn-s00-007", True)):
        row = history(search, 8, lambda row: row.learning_rate)[int(trial[-1])].row
        made = {"row": row.model_dump(mode="json", exclude={"origin"}), "guided": guided, "saw": [], "saw_sha256": ""}
        searching.keep(tmp_path, trial, made | {"search_sha256": search.sha256()})
        assert read_suggestion(tmp_path, trial, search)["row"] == row


def test_diverged_trials_teach_nothing_but_are_survived():
    search = make()
    assert len(history(search, 12, lambda row: None)) == 12
    diverging = history(search, 20, lambda row: None if row.learning_rate > 0.01 else row.learning_rate)
    assert any(seen.objective is not None for seen in diverging)


def test_objectives():
    curves = {f"test_{name}": np.array([0.0, value]) for name, value in (("accuracy", 0.25), ("loss", 2.0))}
    other = {"test_accuracy": np.array([0.75]), "test_loss": np.array([1.0])}
    sides = {"pytorch": ("completed", curves), "tensorflow": ("completed", other)}
    expected = {"absolute_difference": 0.5, "difference": -0.5, "pytorch_accuracy": 0.25, "tensorflow_loss": 1.0}
    for quantity, value in expected.items():
        assert searching.objective(f"maximise {quantity}", sides) == value
    sides["pytorch"] = ("diverged", curves)
    assert searching.objective("maximise difference", sides) is None
    assert searching.objective("minimise tensorflow_loss", sides) == 1.0


def test_expected_best_is_what_drawing_gives():
    values = np.array([0.1, 0.5, 0.2, 0.9])
    drawn = np.random.default_rng(0).choice(values, (20000, 3)).max(axis=1).mean()
    assert expected_best(values, 3, largest=True)[2] == pytest.approx(drawn, abs=0.01)
    assert expected_best(values, 3, largest=True)[0] == pytest.approx(values.mean())
    assert expected_best(values, 2, largest=False)[1] < values.mean()


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe"])
def test_a_trajectory_that_is_none_is_refused(content, tmp_path):
    path = tmp_path / "tables/trajectory.csv"
    with pytest.raises(InputError, match=f"{path}: missing; build the study first"):
        trajectory.read(tmp_path)
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{path}: damaged"):
        trajectory.read(tmp_path)
