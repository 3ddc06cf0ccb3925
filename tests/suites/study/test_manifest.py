"""A manifest is read or its fault is named, and no command writes one that is refused."""

import pytest

from helpers.commands import REPOSITORY, told, uncrossed
from uncrossed.common.errors import InputError
from uncrossed.study import manifest
from uncrossed.study.mechanisms import NATIVE

HEADER = "trial,architecture,learning_rate,batch_size,adam_epsilon,epochs\n"
GOOD = "a,smallcnn,0.1,32,1e-8,3\n"


def test_a_row_gets_its_defaults(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(HEADER + GOOD)
    row = manifest.read(path)["a"]
    assert (row.learning_rate, row.batch_size, row.adam_epsilon, row.epochs) == (0.1, 32, 1e-8, 3)
    assert (row.seed, row.semantics) == (0, NATIVE)


# Each fault: the file's text, and what its message must name: where, what was found, what is allowed.
FAULTS = {
    "duplicate trial": (HEADER + GOOD + GOOD, ["row 2 (line 3)", "'trial'", "'a'", "row 1 (line 2)"]),
    "malformed trial": (HEADER + "A b,smallcnn,0.1,32,1,3\n", ["row 1", "'trial'", "'A b'", "[a-z0-9]"]),
    "unknown architecture": (
        HEADER + "a,vgg61,0.1,32,1,3\n",
        ["row 1", "'architecture'", "'vgg61'", "did you mean 'vgg16'"],
    ),
    "unknown column": (HEADER.replace("epochs", "epoch"), ["'epoch'", "did you mean 'epochs'"]),
    "repeated column": (HEADER.strip() + ",epochs\n", ["'epochs'", "twice"]),
    "missing column": (HEADER.replace(",epochs", ""), ["missing column 'epochs'"]),
    "learning rate of 0": (HEADER + "a,smallcnn,0,32,1,3\n", ["row 1", "'learning_rate'", "'0'", "> 0"]),
    "learning rate beyond float32": (
        HEADER + "a,smallcnn,1e38,32,1,3\n",
        ["'learning_rate'", "'1e38'", "at most 1e30"],
    ),
    "infinite epsilon": (HEADER + "a,smallcnn,0.1,32,inf,3\n", ["'adam_epsilon'", "'inf'", "at most 1e30"]),
    "NaN": (HEADER + "a,smallcnn,nan,32,1,3\n", ["'learning_rate'", "'nan'", "at most 1e30"]),
    "not a number": (HEADER + "a,smallcnn,fast,32,1,3\n", ["'learning_rate'", "'fast'", "number"]),
    "half a batch": (HEADER + "a,smallcnn,0.1,32.5,1,3\n", ["'batch_size'", "'32.5'", "integer"]),
    "empty value": (HEADER + "a,smallcnn,,32,1,3\n", ["'learning_rate'", "''", "number"]),
    "no epochs": (HEADER + "a,smallcnn,0.1,32,1,0\n", ["'epochs'", "'0'", "1 to 1000000"]),
    "seed out of range": (HEADER.strip() + ",seed\na,smallcnn,0.1,32,1,3,4294967296\n", ["'seed'", "2^32-1"]),
    "batch larger than the set": (HEADER + "a,vgg16,0.1,1001,1,3\n", ["row 1", "'batch_size'", "1001", "1 to 1000"]),
    "lone last example": (HEADER + "a,smallcnn,0.1,999,1,3\n", ["'batch_size'", "999", "batch normalisation"]),
    "batches of one": (HEADER + "a,resnet50,0.1,1,1,3\n", ["'batch_size'", "batch normalisation"]),
    "unknown semantics": (
        HEADER.strip() + ",semantics\na,smallcnn,0.1,32,1,3,nativ\n",
        ["row 1", "'semantics'", "'nativ'", "did you mean 'native'"],
    ),
    "unknown mechanism": (
        HEADER.strip() + ",semantics\na,smallcnn,0.1,32,1,3,native;adam_eps=pytorch\n",
        ["'semantics'", "'adam_eps'", "did you mean 'adam_epsilon'"],
    ),
    "unknown setting": (
        HEADER.strip() + ",semantics\na,smallcnn,0.1,32,1,3,adam_epsilon=jax\n",
        ["'semantics'", "adam_epsilon='jax'", "native, pytorch, tensorflow"],
    ),
    "mechanism given twice": (
        HEADER.strip() + ",semantics\na,smallcnn,0.1,32,1,3,adam_epsilon=native;adam_epsilon=native\n",
        ["'semantics'", "'adam_epsilon'", "twice"],
    ),
    "shared weights of two distributions": (
        HEADER.strip() + ",semantics\na,smallcnn,0.1,32,1,3,initial_weights=shared\n",
        ["row 1", "'semantics'", "initial_weights=shared", "initializer=pytorch or initializer=tensorflow"],
    ),
    "too few values": (HEADER + "a,smallcnn,0.1\n", ["row 1", "3 values", "6 columns"]),
    "no rows": (HEADER, ["no rows"]),
    "empty file": ("", ["empty"]),
    "open quote": (HEADER + '"a,smallcnn,0.1,32,1,3\n', ["CSV"]),
    "commas at the ends of lines": (
        (HEADER + GOOD).replace("\n", ",,\n"),
        ["header ends in a comma", "leave out the commas at the ends"],
    ),
    "comma at the end of a row": (HEADER + GOOD.replace("\n", ",\n"), ["row 1", "7 values", "a comma too many"]),
    "index of pandas": (",".join(("", HEADER)) + f"0,{GOOD}", ["first column has no name", "index=False"]),
    "index of pandas, read and written again": ("Unnamed: 0," + HEADER + f"0,{GOOD}", ["index=False"]),
    "column without a name": (HEADER.replace(",epochs", ",,epochs"), ["column 6 has no name", "trial"]),
    "semicolons": ((HEADER + GOOD).replace(",", ";"), ["separated by semicolons", "allowed: commas"]),
    "semicolons and decimal commas": (HEADER.replace(",", ";") + "a;smallcnn;0,1;32;1;3\n", ["semicolons"]),
    "tabs": ((HEADER + GOOD).replace(",", "\t"), ["separated by tabs", "allowed: commas"]),
    "decimal comma": (HEADER + "a,smallcnn,0,1,32,1e-8,3\n", ["row 1", "7 values", "decimal comma (allowed: 0.1)"]),
    "decimal comma in quotes": (HEADER + 'a,smallcnn,"0,1",32,1,3\n', ["'learning_rate'", "'0,1'", "a decimal point"]),
    "quoted number": (HEADER + "a,smallcnn,'0.1',32,1,3\n", ["'learning_rate'", "without quotes in their value"]),
    "quoted twice": (HEADER + 'a,smallcnn,"""0.1""",32,1,3\n', ["'learning_rate'", "without quotes in their value"]),
    "typographic quotes": (HEADER + "a,smallcnn,0.1,\u201c32\u201d,1,3\n", ["'batch_size'", "without quotes"]),
    "workbook": (b"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml", ["Excel workbook", "UTF-8"]),
    "old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ["old Excel workbook"]),
    "Parquet": (b"PAR1\x15\x04\x15", ["Parquet"]),
    "HDF5": (b"\x89HDF\r\n\x1a\n", ["HDF5"]),
    "compressed": (b"\x1f\x8b\x08\x00", ["gzip"]),
    "UTF-16": ((HEADER + GOOD).encode("utf-16"), ["UTF-16", "allowed: text in UTF-8"]),
    "UTF-16 without a mark": ((HEADER + GOOD).encode("utf-16-le"), ["UTF-16", "allowed: text in UTF-8"]),
    "Latin-1": ((HEADER + "é").encode("latin-1"), ["not UTF-8", "save it as UTF-8"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault, tmp_path):
    path = tmp_path / "rows.csv"
    text, parts = FAULTS[fault]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        manifest.read(path, examples=1000)
    for part in [str(path), *parts]:
        assert part in str(caught.value)


def test_one_example_in_the_last_batch_is_fine_without_batch_normalisation(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(HEADER + "a,vgg16,0.1,999,1,3\n")
    assert manifest.read(path, examples=1000)["a"].batch_size == 999


def test_the_command_refuses_with_one_line_and_exit_code_2(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(HEADER + "a,smallcnn,0.1,0,1,3\n")
    done = uncrossed("manifest", "check", path, code=2)
    assert done.stdout.count("\n") == 1
    assert "'batch_size'" in done.stdout
    assert told("manifest", "check", tmp_path / "none.csv", code=2).count("\n") == 1


def test_a_study_file_is_no_manifest():
    study = REPOSITORY / "config/demo.yaml"
    assert "needs a FILE, or --study" in told("manifest", "check", code=2)
    for command in (
        ["check", study],
        ["row", study, "t"],
        ["check", study, "--study", REPOSITORY / "config/search.yaml"],
    ):
        assert "a study is given with --study" in told("manifest", *command, code=2)


def test_no_command_writes_a_manifest_that_is_refused(tmp_path):
    bases = REPOSITORY / "config/manifests/explain-digits-bases.csv"
    output = ["--output", tmp_path / "m.csv"]
    twice = ["--seeds", "0,0", "--study", REPOSITORY / "config/explain-digits.yaml"]
    for command in (["factorial", bases, *twice], ["sample", "--architectures", "vgg16,vgg16"]):
        assert "twice" in told("manifest", *command, *output, code=2)
    assert not list(tmp_path.iterdir())


def test_a_manifest_survives_writing_and_reading(tmp_path):
    rows = manifest.read(REPOSITORY / "config/manifests/cifar10.csv")
    manifest.write(tmp_path / "m.csv", rows.values())
    assert manifest.read(tmp_path / "m.csv") == rows
    assert manifest.sha256(reversed(rows.values())) == manifest.sha256(rows.values())
