"""What the role's own commands say."""

import json
import time

import pytest
from by_program import collect


def test_probes_are_normalised_and_bounded(root):
    found = collect(
        root,
        scopes=["probes"],
        probes=[
            {"name": "text", "command": ["printf", "b 12\\na\\nnoise\\ntoken=x\\n"],
             "drop": ["^noise"], "replace": [["\\d+", "N"]], "sort": True},
            {"name": "json", "command": ["echo", '{"one": {"a": 1}, "two": "x"}']},
            {"name": "missing", "command": ["/no/such/program"]},
        ],
    )["probes"]  # fmt: skip
    assert found["status"] == "ok"
    assert found["objects"] == {
        "text": {"status": 0, "text": "a\nb N\ntoken=[redacted]"},
        "json/one": {"a": 1},
        "json/two": {"value": "x"},
        "missing": {"status": 127, "text": "No such file or directory"},
    }


def test_a_probe_without_end_is_stopped(root):
    began = time.monotonic()
    found = collect(
        root,
        scopes=["probes"],
        probes=[
            {"name": "endless", "command": ["yes"]},
            {"name": "slow", "command": ["sh", "-c", "sleep 60 & sleep 60"], "timeout": 0.5},
            {"name": "fine", "command": ["echo", "x"]},
        ],
    )["probes"]
    assert time.monotonic() - began < 20
    assert found["status"] == "partial"
    assert "endless: more than" in found["reason"]
    assert "slow: no end" in found["reason"]
    assert found["objects"]["fine"] == {"status": 0, "text": "x"}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"unit": "x.service", "reads": ["/etc/x", "etc/y"]}, '"etc/y" is none'),
        ({"unit": "x.service", "reads": "/etc/x"}, '"/etc/x" is none'),
        ({"unit": "x.service", "reads": [["/etc/x"]]}, "is none"),
        ({"unit": "x.service", "reads": {}}, "{} is none"),
        ({"reads": ["/etc/x"]}, "`reads` needs the `unit`"),
    ],
)
def test_a_probe_whose_reads_are_no_paths_leaves_its_scope_incomplete_and_says_so(root, part, said):
    probe = {"name": "x", "command": ["echo", json.dumps({"files": part})]}
    found = collect(root, scopes=["probes"], probes=[probe])["probes"]
    assert found["status"] == "partial"
    assert found["reason"].startswith("probe x: files: ")
    assert said in found["reason"]


def test_a_probe_that_says_what_is_read_is_complete(root):
    probe = {"name": "x", "command": ["echo", '{"files": {"unit": "x.service", "reads": ["/etc/x"]}}']}
    found = collect(root, scopes=["probes"], probes=[{**probe, "unit": "y.service", "reads": ["/etc/y/"]}])["probes"]
    assert (found["status"], found["objects"]["x/files"]["reads"]) == ("ok", ["/etc/x"])
