"""No key or person of the published tables reaches an output or an error."""

import pytest

from helpers.published import KEY, command, write
from uncrossed.study2021 import published_tables


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_keys_and_persons_are_in_no_output(suffix, tables, tmp_path, capfd):
    folder = tables(write({}, {"State": "running", "batch_size": "70000"}))
    reference = tmp_path / f"out/reference.{suffix}"
    code = command("--folder", folder, "--output", tmp_path / "out/m.csv", "--reference", reference)
    said = "".join(capfd.readouterr())
    assert code == 0
    assert "1 of 2 published ones refused" in said
    for text in (said, *(path.read_bytes().decode("latin-1") for path in (tmp_path / "out").iterdir())):
        assert KEY not in text
        assert KEY[:8] not in text
        assert "somebody" not in text
        assert "api_key" not in text
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("column", published_tables.READ_COLUMNS)
def test_an_error_does_not_quote_a_key_in_the_wrong_column(column, tables, tmp_path, capfd):
    folder = tables(write({column: KEY}))
    assert command("--folder", folder, "--output", tmp_path / "m.csv") == 2
    said = "".join(capfd.readouterr())
    assert said.count("\n") == 1
    assert f"row 1, column '{column}': found a text of 40 characters; allowed:" in said
    assert KEY[:8] not in said
    assert not (tmp_path / "m.csv").exists()
