"""What Snakemake remembers of trial files, put right in memory: nothing is written, so that planning changes no file.

Written for Snakemake 9.27.1, whose records have format 6. Nothing else touches Snakemake's private state.

Snakemake keeps a record of the parameters that it made a file from, once it has seen the end of the job. Where it was
killed meanwhile, the job may go on and write its file: the record, if there is one, is of an earlier file. Such a file
is judged by what it says of itself.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError
from snakemake.persistence import RECORD_FORMAT_VERSION, MetadataRecord, PersistenceBase
from snakemake.settings.types import ExecMode

from uncrossed.common.errors import InputError, UnreadableError
from uncrossed.job import slurm
from uncrossed.results import trial_file
from uncrossed.study import layout
from uncrossed.study.study import Study
from uncrossed.study.trial import FRAMEWORKS, Trial

FORMAT = 6
RECORDED = PersistenceBase.metadata
OF_ANOTHER_TRAINING = MetadataRecord(params=["those of another training"], record_format_version=FORMAT)


def judge_by_content(workflow: Any, study: Study, rows: Mapping[str, Trial], results: str) -> None:
    """Have Snakemake judge a study's trial files by their content where its records are not of these files.

    A file that is what the study asks for then has no record, and is kept; one that is not has the record of another
    training, and is made again. A job that Snakemake starts in a process of its own plans nothing, and judges nothing.

    Args:
        workflow: the one that is being parsed.
        study: it says what each trial file must say of itself.
        rows: its rows by trial, as far as they are known.
        results: its folder.

    Raises:
        InputError: another version of Snakemake, whose records are unknown.
    """
    if RECORD_FORMAT_VERSION != FORMAT:
        raise InputError(f"Snakemake's records have format {RECORD_FORMAT_VERSION}; allowed: {FORMAT}, of 9.27.1")
    if workflow.exec_mode != ExecMode.DEFAULT:
        return
    # By their paths without the suffix: a run record is judged with the trial file that it lies beside.
    unknown = {
        f"{results}/{layout.trial_file(trial, framework)}".removesuffix(".h5"): (row, framework)
        for trial, row in rows.items()
        for framework in FRAMEWORKS
    }
    # Snakemake asks several times for each file.
    verdicts: dict[tuple[str, int], bool] = {}

    def metadata(persistence: PersistenceBase, target: Any) -> MetadataRecord | None:
        training, _, _ = str(target).rpartition(".")
        path = f"{training}.h5"
        if training not in unknown:
            return RECORDED(persistence, target)
        if _is_known(persistence, path):
            # What this run makes from now on it records itself.
            del unknown[training]
            return RECORDED(persistence, target)
        made = path, os.stat(path).st_mtime_ns
        if made not in verdicts:
            try:
                verdicts[made] = trial_file.is_wanted(path, study.attributes(*unknown[training]))
            except UnreadableError as error:
                raise WorkflowError(str(error)) from error
        return None if verdicts[made] else OF_ANOTHER_TRAINING

    PersistenceBase.metadata = metadata


def _is_known(persistence: PersistenceBase, path: str) -> bool:
    """Whether Snakemake's record is of the file that is there now, or there is no file, or no making of it was seen."""
    if not Path(path).is_file():
        return True
    if persistence._filter_incomplete_keys([path]):
        return False
    record = persistence._read_record(path)
    return record is None or record.endtime == os.stat(path).st_mtime


def jobs_left(workflow: Any) -> dict[str, str]:
    """Slurm jobs that an earlier run may have left of the files that this run makes, each with its rule."""
    return {
        identifier: job.rule.name
        for job in workflow.dag.needrun_jobs()
        for identifier in (*workflow.persistence.external_jobids(job), *slurm.jobs_of(job.output))
    }
