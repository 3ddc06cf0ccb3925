rule manifest:
    input:
        expand(
            at(layout.suggestion("{trial}")),
            trial=STUDY.trials if STUDY.search else [],
        ),
    output:
        at(layout.MANIFEST),
        at(layout.STUDY_STATEMENT),
        expand(
            [
                at(layout.architecture_file("{name}")),
                at(layout.architecture_statement("{name}")),
            ],
            name=STUDY.architectures.own,
        ),
    log:
        log_of("manifest"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(output[0], parent=True),
        rows=manifest.sha256(STUDY.rows.values()),
        # Tracked; the study itself, with paths of this machine, is not.
        statement=json.dumps(STUDY.statement(), sort_keys=True),
        architectures=[
            STUDY.architectures[name].sha256 for name in STUDY.architectures.own
        ],
        study=handed,
    shell:
        "python -m uncrossed manifest keep {params.folder:q} --study {params.study:q} --rows {params.rows} > {log:q} 2>&1"


rule tables:
    input:
        rules.manifest.output,
        rules.pytorch.input,
        rules.tensorflow.input,
    output:
        at(layout.TRIALS_CSV),
        at(layout.TRIALS_PARQUET),
        at(layout.CURVES_TABLE),
        at(layout.RUNS_TABLE),
    log:
        log_of("tables"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
        expected=expected,
    shell:
        "python -m uncrossed tables {params.folder:q} --expected {params.expected:q} > {log:q} 2>&1"


rule attribution:
    input:
        rules.manifest.output,
        rules.tables.output,
    output:
        at(layout.ATTRIBUTION_TABLE),
        at(layout.ATTRIBUTION_FIGURE),
    log:
        log_of("attribution"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed attribution {params.folder:q} > {log:q} 2>&1"


rule analysis:
    input:
        rules.tables.input,
        rules.tables.output,
    output:
        at(layout.SUMMARY_TABLE),
        at(layout.DISAGREEMENT_TABLE),
        at(layout.CAPTIONS),
    log:
        log_of("analysis"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed analyse {params.folder:q} > {log:q} 2>&1"


rule report:
    input:
        rules.tables.input,
        rules.tables.output,
        rules.analysis.output,
        rules.attribution.output if FACTORIAL else [],
        rules.trajectory.output if STUDY.search else [],
    output:
        report(at(layout.REPORT), category="Study"),
    log:
        log_of("report"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed report {params.folder:q} > {log:q} 2>&1"


rule checksums:
    input:
        rules.tables.input,
        rules.tables.output,
        rules.attribution.output if FACTORIAL else [],
        rules.trajectory.output if STUDY.search else [],
        rules.analysis.output,
        rules.report.output,
    output:
        at(layout.CHECKSUMS),
    log:
        log_of("checksums"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed checksums {params.folder:q} > {log:q} 2>&1"
