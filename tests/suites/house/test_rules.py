"""Every rule and profile keeps what all of them have to keep."""

import re

import yaml

from helpers.commands import REPOSITORY


def test_both_profiles_agree_on_what_makes_a_job_run_again():
    for name in ("local", "slurm"):
        profile = yaml.safe_load((REPOSITORY / f"profiles/{name}/config.yaml").read_text())
        assert profile["rerun-triggers"] == ["mtime", "params"]
        assert not profile.keys() & {"configfile", "config", "snakefile"}, "a profile says how to run, never what"


def test_every_rule_has_a_log_and_an_environment_and_none_retries():
    # A rule's own retries would be multiplied under Slurm, inside one allocation.
    rules = [path.read_text() for path in sorted((REPOSITORY / "workflow/rules").glob("*.smk"))]
    bodies = re.split(r"^ *rule *\w*:", "\n".join(rules), flags=re.MULTILINE)[1:]
    assert len(bodies) >= 14
    for body in bodies:
        assert "retries" not in body.replace("retries: 0", "")
        if "shell:" in body:
            assert "conda:" in body
            assert "log:" in body
