# Neither is part of `all`: what is published, and where, is for a person to decide.


rule release:
    input:
        rules.checksums.output,
        rules.checksums.input,
    output:
        at(layout.CARD),
        at(layout.CROISSANT),
        at(layout.PROVENANCE),
        at(layout.RELEASE_CHECKSUMS),
    log:
        log_of("release"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
    shell:
        "python -m uncrossed release {params.folder:q} > {log:q} 2>&1"


rule publish:
    input:
        rules.release.output,
    output:
        at(layout.RECEIPT),
    log:
        log_of("publish"),
    localrule: True
    conda:
        "../../envs/workflow.yaml"
    params:
        folder=subpath(input[0], parent=True),
        destination=destination,
        allowed=allowed,
    shell:
        "python -m uncrossed publish {params.folder:q} {params.destination:q} --receipt {output:q} "
        "{params.allowed:q} > {log:q} 2>&1"
