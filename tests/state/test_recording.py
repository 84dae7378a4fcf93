"""Recording a target: what goes wrong is said in a line; a real machine is recorded whole, and nothing secret."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tdi.errors import TdiError
from tdi.images import base_image
from tdi.images.platforms import Platform
from tdi.machines import lifecycle
from tdi.molecule import scenario
from tdi.outside import apt, docker
from tdi.project import Project
from tdi.state import recording
from tdi.state.pairs import pairs
from tdi.state.record import RecordFile, ScopeHeader, write_record
from tdi.state.recording import Scheme, Target, parse_target
from tdi.state.schema import validate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker://Name_1.x-y", Target("docker://Name_1.x-y", Scheme.DOCKER, "Name_1.x-y")),
        ("ssh://host", Target("ssh://host", Scheme.SSH, "host")),
        ("ssh://me@host:2222", Target("ssh://me@host:2222", Scheme.SSH, "host", "me", 2222)),
        ("ssh://[::1]:22", Target("ssh://[::1]:22", Scheme.SSH, "::1", "", 22)),
        ("ssh://[fe80::1%eth0]", Target("ssh://[fe80::1%eth0]", Scheme.SSH, "fe80::1%eth0")),
        ("ssh://Web_One/", Target("ssh://Web_One/", Scheme.SSH, "Web_One")),
        ("ssh://me@corp@host", Target("ssh://me@corp@host", Scheme.SSH, "host", "me@corp")),
        ("local://", Target("local://", Scheme.LOCAL)),
    ],
)
def test_targets_are_understood(text, expected):
    assert parse_target(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "host", "ftp://x", "podman://x", "docker://", "docker://-it", "docker://a b", "ssh://", "ssh://-oProxyCommand=x",
     "ssh://-x@host", "ssh://me:pw@host", "ssh://host/path", "ssh://host:port", "ssh://host:99999", "local://x", "SSH://x",
     "ssh://host:0", "ssh://a b", "ssh://a\nb", "ssh://h?x", "ssh://h#x", "ssh://[::1", "ssh://::1", "ssh://@h", "ssh://me@",
     "ssh://\x1b[31m", "docker://\u202ex"],
)  # fmt: skip
def test_other_targets_are_refused_in_a_line(text):
    with pytest.raises(TdiError) as caught:
        parse_target(text)
    assert "\n" not in caught.value.what
    assert caught.value.remedy


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Put a shell script in the place of docker and ssh; it takes part in the test instead of a machine."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")

    def install(script: str) -> None:
        for name in ("docker", "ssh"):
            (directory / name).write_text(f"#!/bin/sh\n{script}\n")
            (directory / name).chmod(0o755)

    return install


@pytest.fixture
def canned(tmp_path):
    path = tmp_path / "canned"
    write_record(path, {"hostname": "x", "target": "?"}, {"users": (ScopeHeader(), [("root", {"uid": 0})])})
    return path


def test_what_the_caller_knows_is_in_the_meta_line(program, canned, tmp_path):
    program(f"cat {canned}")
    output = tmp_path / "sub" / "record.json"
    opened = recording.record("docker://x", output, meta={"platform": "debian-13", "key": {"role": "1"}})
    assert opened.meta["hostname"] == "x"
    assert opened.meta["target"] == "docker://x"
    assert (opened.meta["platform"], opened.meta["scenario"], opened.meta["key"]) == ("debian-13", None, {"role": "1"})
    assert opened.counts == {"users": 1}
    assert [path.name for path in output.parent.iterdir()] == ["record.json"]


def test_a_compressed_record_is_the_same_record(program, canned, tmp_path):
    program(f"cat {canned}")
    plain = recording.record("docker://x", tmp_path / "a.json")
    packed = recording.record("docker://x", tmp_path / "a.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert packed.meta == plain.meta
    assert list(packed.objects("users")) == list(plain.objects("users"))


def test_ssh_runs_one_command_without_questions(program, canned, tmp_path):
    program(f'for word in "$@"; do echo "$word" >>{tmp_path}/words; done; cat {canned}')
    recording.record("ssh://me@host:2222", tmp_path / "r.json", text=["^/etc/it's$"])
    words = (tmp_path / "words").read_text()
    assert "BatchMode=yes" in words
    assert "-p\n2222\n--\nme@host\n" in words
    assert "sudo -n" in words
    script = words.rsplit("me@host\n", 1)[1]
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0


def failure(uri: str, output: Path, **options) -> TdiError:
    with pytest.raises(TdiError) as caught:
        recording.record(uri, output, **options)
    assert "\n" not in caught.value.what + caught.value.remedy
    assert not output.exists()
    assert not list(output.parent.glob(".*"))
    return caught.value


@pytest.mark.parametrize(
    ("uri", "status", "said", "expected"),
    [
        ("docker://x", 1, "Error: No such container: x", "There is no container 'x'"),
        ("docker://x", 1, "Error response from daemon: Container 8f is not running", "is not running"),
        ("docker://x", 1, "Cannot connect to the Docker daemon at unix:///x.", "Docker does not answer"),
        ("docker://x", 127, 'exec: "python3": executable file not found in $PATH: unknown', "has no python3"),
        ("docker://x", 126, "", "has no python3"),
        ("ssh://h", 127, "sh: 1: exec: python3: not found", "has no python3"),
        ("ssh://h", 255, "ssh: connect to host h port 22: Connection refused", "Connection refused"),
        ("ssh://h", 255, "Host key verification failed.", "Host key verification failed"),
        ("ssh://h", 1, "sudo: a password is required", "by root only"),
        ("ssh://h", 1, "SyntaxError: invalid syntax", "too old"),
        ("ssh://h", 1, "", "status 1"),
        ("docker://x", 1, "Error response from daemon: Container x is paused, unpause the container", "is paused"),
    ],
)  # fmt: skip
def test_each_failure_is_said_in_a_line(program, tmp_path, uri, status, said, expected):
    program(f"cat >&2 <<'END'\n{said}\nEND\nexit {status}")
    assert expected in failure(uri, tmp_path / "r.json").what


def test_an_account_that_says_on_standard_output_why_it_does_nothing_is_quoted(program, tmp_path):
    program("echo This account is currently not available.; exit 1")
    assert "currently not available" in failure("ssh://h", tmp_path / "r.json").what


def test_a_scope_that_there_is_none_of_is_refused(tmp_path):
    assert "no scope 'fyles'" in failure("ssh://h", tmp_path / "r.json", scopes=["files", "fyles"]).what


def test_a_password_in_a_target_is_not_repeated(tmp_path):
    assert "hunter2" not in failure("ssh://me:hunter2@h", tmp_path / "r.json").what


@pytest.mark.parametrize("kept", [10, 60, 120, -2])
def test_a_connection_that_ends_early_leaves_no_record(program, canned, tmp_path, kept):
    program(f"head -c {kept} {canned}")
    assert "not complete" in failure("ssh://h", tmp_path / "r.json").what


def test_a_record_that_is_damaged_inside_is_not_kept(program, canned, tmp_path):
    canned.write_bytes(canned.read_bytes().replace(b'"root": {"uid":0}\n', b""))
    program(f"cat {canned}")
    assert "truncated or damaged" in failure("ssh://h", tmp_path / "r.json").what


def test_a_shell_that_talks_is_told_apart_from_a_record(program, canned, tmp_path):
    program(f"echo Welcome; cat {canned}")
    assert "not a record" in failure("ssh://h", tmp_path / "r.json").what


def test_why_the_collector_was_not_started_is_told_where_a_baseline_was_awaited(program, tmp_path):
    program("echo 'OCI runtime exec failed: exec: \"python3\": not found'; exit 126")
    assert "has no python3" in failure("docker://x", tmp_path / "r.json", baseline=tmp_path / "baseline").what


def test_output_without_end_is_stopped(program, canned, tmp_path, monkeypatch):
    program(f"cat {canned}; exec yes")
    monkeypatch.setattr(recording, "BYTES", 1_000_000)
    assert "without end" in failure("ssh://h", tmp_path / "r.json").what


def test_a_first_line_without_end_is_stopped(program, tmp_path):
    program("exec tr '\\0' x </dev/zero")
    assert "not a record" in failure("ssh://h", tmp_path / "r.json").what


def test_a_machine_that_hangs_is_given_up(program, tmp_path):
    program("exec sleep 60")
    began = time.monotonic()
    assert "took too long" in failure("ssh://h", tmp_path / "r.json", seconds=0.5).what
    assert time.monotonic() - began < 10


def test_an_output_that_cannot_be_written_is_said(program, canned, tmp_path):
    program(f"cat {canned}")
    (tmp_path / "file").write_text("")
    with pytest.raises(TdiError, match="cannot be written"):
        recording.record("ssh://h", tmp_path / "file" / "r.json")


@pytest.mark.parametrize("name", ["-", "r.json.zst", "r.xz"])
def test_a_record_that_another_program_could_not_read_by_its_name_is_not_written(
    program, canned, tmp_path, monkeypatch, name
):
    program(f"cat {canned}")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TdiError, match="cannot be written as"):
        recording.record("ssh://h", Path(name))
    assert not Path(name).exists()


def test_a_missing_program_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no program 'ssh'" in failure("ssh://h", tmp_path / "r.json").what


@pytest.mark.parametrize("content", ["", "{", "[]", '{"baseline": 2}', '{"baseline": "eJwD"}', '{"baseline": "é"}\n'])
def test_a_file_that_is_no_baseline_is_said_before_anything_is_run(tmp_path, content):
    baseline = tmp_path / "baseline"
    baseline.write_text(content)
    assert "not a baseline" in failure("ssh://h", tmp_path / "out" / "r.json", baseline=baseline).what
    assert baseline.read_text() == content


def test_a_baseline_that_cannot_be_read_is_said(tmp_path):
    (tmp_path / "none").mkdir()
    assert "cannot be read" in failure("ssh://h", tmp_path / "out" / "r.json", baseline=tmp_path / "none").what


@pytest.mark.parametrize("said", ['{"baseline": "eJwD', '{"baseline": "eJwD"}\\n{"schema": 1,\\n', "Welcome!\\n"])
def test_a_baseline_is_kept_only_with_a_whole_record(program, tmp_path, said):
    program(f"printf '{said}'")
    failure("ssh://h", tmp_path / "r.json", baseline=tmp_path / "baseline")
    assert not (tmp_path / "baseline").exists()
    assert not (tmp_path / "r.json").exists()


def test_only_root_records_the_local_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "Only root" in failure("local://", tmp_path / "r.json").what


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"text": ["etc/x"]}, "not anchored"),
        ({"text": ["^/etc/("]}, "not a regular expression"),
        ({"probes": [{"name": "x", "command": "ls"}]}, "list of words"),
        ({"probes": [{"name": "x", "command": ["ls"], "retries": 2}]}, "unknown key 'retries'"),
        ({"probes": [{"name": "x", "command": ["ls"], "unit": "x.service", "reads": ["etc/x"]}]}, '"etc/x" is none'),
        ({"probes": [{"name": "x", "command": ["ls"], "reads": ["/etc/x"]}]}, "needs the `unit`"),
        ({"probes": [{"name": "x", "command": ["ls"], "drop": ["("]}]}, "cannot be used"),
        ({"probes": [{"name": "x", "command": ["ls"], "timeout": "soon"}]}, "cannot be used"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_run(tmp_path, options, said):
    assert said in failure("ssh://h", tmp_path / "r.json", **options).what


# --- real machines ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def machine():
    """A booted machine of the base image."""
    project = Project.find(Path(__file__).parent)
    run_id = lifecycle.new_run_id()
    options = scenario.load(project, "fresh").options
    with lifecycle.one(f"tdi-{run_id}-record", base_image.ensure(project).id, options, run_id) as name:
        yield name


def shell(name: str, script: str) -> str:
    return docker.execute(name, ["sh", "-ec", script]).stdout


def put(name: str, path: str, content: str) -> None:
    subprocess.run(
        ["docker", "exec", "-i", name, "sh", "-c", f"mkdir -p $(dirname {path}); cat > {path}"],
        input=content.encode(),
        check=True,
    )


@pytest.mark.docker
def test_a_machine_is_recorded_whole_and_the_same_twice(machine, tmp_path):
    first = recording.record(f"docker://{machine}", tmp_path / "a.json")
    second = recording.record(f"docker://{machine}", tmp_path / "b.json.gz")
    assert {name: header for name, header in first.scopes.items() if header != ScopeHeader()} == {}
    assert validate(first.path) == []
    for scope in first.scopes:
        assert list(pairs(first, second, scope)) == []
    assert first.counts["files"] > 1000
    paths = {key for key, _ in first.objects("files")}
    assert not paths & {"/etc/hostname", "/etc/resolv.conf", "/proc", "/sys"}
    assert {"/etc/hosts", "/tmp", "/var/tmp", "/etc/os-release"} <= paths


@pytest.mark.docker
def test_no_secret_of_a_machine_is_in_its_record(machine, tmp_path):
    secret = [secrets.token_hex(8) for _ in range(9)]
    put(machine, "/etc/app.conf", f"password = {secret[0]}\n")
    put(machine, "/etc/ssl/private/x.key", f"-----BEGIN PRIVATE KEY-----\n{secret[1]}\n-----END PRIVATE KEY-----\n")
    put(machine, "/etc/allowed/key.conf", f"-----BEGIN PRIVATE KEY-----\n{secret[2]}\n-----END PRIVATE KEY-----\n")
    put(machine, "/etc/cron.d/x", f"DB_PASS={secret[3]}\n@daily root curl -u admin:{secret[4]} https://example/\n")
    put(
        machine,
        "/etc/systemd/system/secretive.service",
        f"[Service]\nEnvironment=TOKEN={secret[5]}\nExecStart=/usr/bin/sleep 600\n",
    )
    put(machine, "/run/start", f"#!/bin/sh\nexport HIDDEN={secret[6]}\nexec sleep --help=x --password {secret[7]}\n")
    shell(
        machine,
        f"useradd -m secretive; printf 'secretive:%s' '{secret[8]}' | chpasswd; "
        "systemctl daemon-reload; systemctl start secretive",
    )
    stored = shell(machine, "grep ^secretive: /etc/shadow").split(":")[1]
    opened = recording.record(f"docker://{machine}", tmp_path / "r.json", text=["^/etc/allowed/.*$"])
    content = opened.path.read_text()
    assert [word for word in [*secret, stored, stored.rpartition("$")[2]] if word in content] == []
    users = dict(opened.objects("users"))
    assert json.loads(users["secretive"])["password"] == stored[: stored.index("$", 1) + 1]
    assert "secretive.service" in dict(opened.objects("systemd"))
    shell(
        machine, "systemctl stop secretive; userdel -r secretive 2>/dev/null; rm /etc/systemd/system/secretive.service"
    )


@pytest.mark.docker
def test_a_hostile_machine_is_recorded_in_bounded_time(machine, tmp_path):
    shell(
        machine,
        "mkdir -p /srv/h/deep; cd /srv/h; truncate -s 10G sparse; mkfifo fifo; ln -s loop loop; ln -s .. deep/up; "
        "mknod device c 1 5; printf x > \"$(printf 'new\\nline')\"; printf x > \"$(printf 'bad\\377')\"; "
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"socket\")'; "
        "i=/srv/h/deep; n=0; while [ $n -lt 200 ]; do i=$i/d; n=$((n+1)); done; mkdir -p $i; ln -s /dev/zero zero; "
        "mkdir -p /etc/sudoers.d /etc/sysctl.d /etc/cron.d; ln -sf /dev/zero /etc/cron.d/endless; "
        "ln -sf /srv/h/fifo /etc/sudoers.d/fifo; ln -sf /dev/zero /etc/sysctl.d/99-zero.conf",
    )
    began = time.monotonic()
    probes = [{"name": "endless", "command": ["yes"], "timeout": 5}]
    opened = recording.record(f"docker://{machine}", tmp_path / "r.json", probes=probes)
    assert time.monotonic() - began < 60
    found = {key: json.loads(raw) for key, raw in opened.objects("files") if key.startswith("/srv/h/")}
    assert found["/srv/h/sparse"]["size"] == 10 * 1024**3
    assert found["/srv/h/fifo"]["type"] == "fifo"
    assert found["/srv/h/socket"]["type"] == "socket"
    assert found["/srv/h/device"]["device"] == "1:5"
    assert found["/srv/h/deep/up"]["target"] == ".."
    assert "/srv/h/new\nline" in found
    assert "/srv/h/bad\udcff" in found
    assert opened.scopes["files"] == ScopeHeader()
    assert opened.scopes["probes"].reason == "probe endless: more than 1048576 bytes of output"
    shell(machine, "rm -rf /srv/h /etc/cron.d/endless /etc/sudoers.d/fifo /etc/sysctl.d/99-zero.conf")


@pytest.mark.docker
def test_what_runs_is_recorded_with_its_restart_debt(machine, tmp_path):
    put(
        machine,
        "/usr/local/bin/serve",
        "import socket, time\ns = socket.create_server(('127.0.0.1', 7777))\ntime.sleep(600)\n",
    )
    put(
        machine,
        "/etc/systemd/system/serve.service",
        "[Service]\nUser=daemon\nExecStart=/usr/local/bin/python9 -S /usr/local/bin/serve /etc/serve.conf\n",
    )
    put(machine, "/etc/serve.conf", "1\n")
    shell(
        machine,
        "cp $(readlink -f $(which python3)) /usr/local/bin/python9; "
        "systemctl daemon-reload; systemctl start serve; sleep 1",
    )
    before = recording.record(f"docker://{machine}", tmp_path / "a.json")
    listeners = {key: json.loads(raw) for key, raw in before.objects("listeners")}
    assert listeners["tcp 127.0.0.1:7777"] == {"unit": "serve.service", "program": ["python9"]}
    processes = {key: json.loads(raw) for key, raw in before.objects("processes")}
    serve = processes["serve.service|/usr/local/bin/python9"]
    assert (serve["user"], serve["count"]) == ("daemon", 1)
    assert "restart_debt" not in serve
    put(machine, "/etc/serve.conf", "2\n")
    put(machine, "/usr/local/bin/serve", "pass\n")
    put(machine, "/etc/serve/new.conf", "2\n")
    put(machine, "/etc/serve/old.conf.dpkg-dist", "2\n")
    put(machine, "/etc/serve/old.conf.86.2026-11-26@15:16:20~", "2\n")
    put(machine, "/etc/systemd/system/serve.service.d/x.conf", "[Service]\nNice=5\n")
    shell(machine, "cp /usr/local/bin/python9 /usr/local/bin/new; mv /usr/local/bin/new /usr/local/bin/python9")
    after = recording.record(f"docker://{machine}", tmp_path / "b.json")
    serve = json.loads(dict(after.objects("processes"))["serve.service|/usr/local/bin/python9"])
    assert serve["restart_debt"] == [
        "configuration-newer:/etc/serve.conf",
        "configuration-newer:/etc/serve/new.conf",
        "deleted:/usr/local/bin/python9",
        "script-newer:/usr/local/bin/serve",
        "unit-changed",
    ]
    unit = json.loads(dict(after.objects("systemd"))["serve.service"])
    assert (unit["active"], unit["need_reload"]) == ("active", True)
    assert unit["dropins"] == ["/etc/systemd/system/serve.service.d/x.conf"]
    shell(machine, "systemctl stop serve; rm -r /etc/systemd/system/serve.service* /usr/local/bin/* /etc/serve*")


@pytest.mark.docker
def test_a_unit_that_came_with_the_program_that_runs_by_now_is_no_debt(machine, tmp_path):
    # A process that executes the new program by itself, as haproxy's does when it is upgraded; the same file twice.
    unit = "[Service]\nExecStart=/usr/local/bin/python9 -c %s\n"
    later = "os.execv('/usr/local/bin/python9', ['python9', '-c', 'import time; time.sleep(999)'])"
    again = f"import os, signal, time; signal.signal(1, lambda *_: {later}); time.sleep(999)"
    put(machine, "/etc/systemd/system/again.service", unit % f'"{again}"')
    shell(machine, "cp $(readlink -f /usr/bin/python3) /usr/local/bin/python9")
    shell(machine, "systemctl daemon-reload; systemctl start again; sleep 2")
    replace = "cp -p {0} {0}.new; sleep 0.1; mv {0}.new {0}; "
    both = replace.format("/usr/local/bin/python9") + replace.format("/etc/systemd/system/again.service")
    key = "again.service|/usr/local/bin/python9"

    def debt() -> list[str]:
        record = recording.record(f"docker://{machine}", tmp_path / "r.json")
        found: list[str] = json.loads(dict(record.objects("processes"))[key]).get("restart_debt", [])
        return found

    shell(machine, both)
    assert debt() == ["deleted:/usr/local/bin/python9", "unit-changed"]
    shell(machine, "systemctl kill --signal HUP again; sleep 1")
    assert debt() == []
    shell(machine, "touch /etc/systemd/system/again.service")
    assert debt() == ["unit-changed"]
    shell(machine, "systemctl stop again; rm /etc/systemd/system/again.service /usr/local/bin/python9")


@pytest.mark.docker
def test_recording_leaves_no_trace_on_the_machine(machine, tmp_path):
    shell(machine, "touch /run/mark; sleep 0.1")
    recording.record(f"docker://{machine}", tmp_path / "r.json")
    assert shell(machine, "find / /run /tmp -xdev -newer /run/mark ! -path '/var/log/*' ! -path '/run/log/*'") == ""


@pytest.mark.docker
def test_nothing_goes_on_in_a_machine_once_nobody_waits_for_its_record(machine, tmp_path):
    put(machine, "/usr/sbin/nft", "#!/bin/sh\nexec sleep 1234\n")
    shell(machine, "chmod +x /usr/sbin/nft")
    there = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -cx -e 1234 -e -I || true"
    command = [sys.executable, "-m", "tdi", "state", "record", f"docker://{machine}", "-o", tmp_path / "r.json"]
    process = subprocess.Popen(command)
    seen = [int(shell(machine, there)) for _ in range(20) if process.poll() is None]
    process.kill()
    process.wait()
    assert max(seen) > 1
    assert [count for _ in range(20) if not (count := int(shell(machine, there)))]
    shell(machine, "rm /usr/sbin/nft")


@pytest.mark.docker
def test_what_the_image_holds_is_read_once_for_all_its_machines(machine, tmp_path):
    baseline = tmp_path / "baseline"
    recording.record(f"docker://{machine}", tmp_path / "image.json", baseline=baseline)
    project = Project.find(Path(__file__).parent)
    run_id = lifecycle.new_run_id()
    image = base_image.ensure(project).id
    with lifecycle.one(f"tdi-{run_id}-other", image, scenario.load(project, "fresh").options, run_id) as other:
        # Same size, same time of content: only the time of status change tells.
        shell(
            other,
            "touch -r /etc/debian_version /run/when; sed -i.old 's/[0-9]/x/' /etc/debian_version; "
            "mv /etc/debian_version.old /etc/keep; touch -r /run/when /etc/debian_version",
        )
        whole = recording.record(f"docker://{other}", tmp_path / "whole.json", scopes=["files"])
        layered = recording.record(f"docker://{other}", tmp_path / "layered.json", scopes=["files"], baseline=baseline)
    assert list(pairs(whole, layered, "files")) == []
    hashed = layered.meta["hashed"]
    assert whole.meta["hashed"]["reused"] == 0
    # A file with several names counts once for each process that met one of them.
    assert abs(hashed["files"] + hashed["reused"] - whole.meta["hashed"]["files"]) <= 10
    assert hashed["reused"] > 0.9 * whole.meta["hashed"]["files"]
    assert (
        json.loads(dict(layered.objects("files"))["/etc/debian_version"])["hash"]
        != (json.loads(dict(layered.objects("files"))["/etc/keep"])["hash"])
    )


@pytest.fixture(scope="module")
def server(machine, tmp_path_factory):
    """The machine with an sshd: its address, and a directory with an `ssh` that has the key and knows the host."""
    if not shutil.which("ssh-keygen"):
        pytest.skip("needs an ssh client")
    directory = tmp_path_factory.mktemp("ssh")
    key = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    shell(
        machine,
        "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "
        "openssh-server sudo >/dev/null; useradd -m -s /bin/sh deploy; useradd -m -s /bin/sh guest; "
        "echo 'deploy ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/deploy; systemctl start ssh",
    )
    for home in ("/root", "/home/deploy", "/home/guest"):
        put(machine, f"{home}/.ssh/authorized_keys", key.with_suffix(".pub").read_text())
        shell(machine, f"chown -R --reference={home} {home}/.ssh; chmod -R go= {home}/.ssh")
    (directory / "config").write_text(
        f"IdentityFile {key}\nIdentitiesOnly yes\n"
        f"UserKnownHostsFile {directory}/known\nStrictHostKeyChecking accept-new\n"
    )
    wrapper = directory / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {directory}/config "$@"\n')
    wrapper.chmod(0o755)
    address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    found = subprocess.run(["docker", "inspect", "-f", address, machine], check=True, capture_output=True, text=True)
    yield found.stdout.strip(), wrapper.parent
    shell(
        machine,
        "systemctl stop ssh; userdel -r deploy 2>/dev/null; userdel -r guest 2>/dev/null; rm /etc/sudoers.d/deploy",
    )


@pytest.mark.docker
def test_a_server_is_recorded_through_ssh_as_through_docker(server, machine, tmp_path, monkeypatch):
    address, programs = server
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    # sudo writes nothing into what is compared here, and a login notes itself in /var/log only.
    scopes = ["files", "packages", "users", "sudoers", "systemd", "authorized_keys"]
    expected = recording.record(f"docker://{machine}", tmp_path / "docker.json", scopes=scopes)
    for user in ("root", "deploy"):
        recorded = recording.record(f"ssh://{user}@{address}", tmp_path / f"{user}.json", scopes=scopes)
        assert {name: header for name, header in recorded.scopes.items() if header != ScopeHeader()} == {}
        differing = {key for scope in scopes for key, _, _ in pairs(expected, recorded, scope)}
        assert {key for key in differing if not key.startswith("/var/log/")} <= {
            f"user@{uid}.service" for uid in (0, 1000)
        } | {f"user-runtime-dir@{uid}.service" for uid in (0, 1000)}


@pytest.mark.docker
def test_what_is_wrong_with_a_server_is_said(server, machine, tmp_path, monkeypatch):
    address, programs = server
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    assert "recorded by root only" in failure(f"ssh://guest@{address}", tmp_path / "r.json").what
    assert "Permission denied" in failure(f"ssh://nobody@{address}", tmp_path / "r.json").what
    assert "Connection refused" in failure(f"ssh://root@{address}:2", tmp_path / "r.json").what
    shell(machine, "chmod a-x $(readlink -f /usr/bin/python3)")
    try:
        assert failure(f"ssh://root@{address}", tmp_path / "r.json").what
    finally:
        shell(machine, "chmod a+x /usr/bin/python3.*")


def root_file_system(suite: str) -> str:
    """The image of a bootable machine of an older Debian, built once from the mirror of this host."""
    name = f"tdi-base:test-{suite}"
    if docker.image_id(name):
        return name
    platform = Platform(f"test-{suite}", "debian", "", suite, ("main",))
    archive = apt.of_host()
    if not archive or archive.distribution != "debian" or not archive.serves(platform.suite):
        pytest.skip(f"no mirror of Debian {suite}")
    origin = base_image._bootstrap(platform, archive)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "context").mkdir()
        docker.build(
            Path(scratch) / "context",
            base_image.DOCKERFILE,
            name,
            {"ORIGIN": origin},
            {docker.LABEL: "image", base_image.ROLE_LABEL: "root-file-system"},
            Path(scratch) / "log",
        )
    return name


@pytest.mark.docker
@pytest.mark.releases
@pytest.mark.parametrize(("suite", "version"), [("bullseye", "11"), ("bookworm", "12")])
def test_older_releases_are_recorded_whole_and_the_same_twice(tmp_path, suite, version):
    run_id = lifecycle.new_run_id()
    options = scenario.load(Project.find(Path(__file__).parent), "fresh").options
    with lifecycle.one(f"tdi-{run_id}-{suite}", root_file_system(suite), options, run_id) as name:
        first = recording.record(f"docker://{name}", tmp_path / "a.json")
        second = recording.record(f"docker://{name}", tmp_path / "b.json")
    assert first.meta["os"]["version_id"] == version
    assert first.meta["booted"] is True
    assert {name: header for name, header in first.scopes.items() if header != ScopeHeader()} == {}
    assert validate(first.path) == []
    assert [scope for scope in first.scopes if list(pairs(first, second, scope))] == []


@pytest.mark.docker
def test_a_container_that_is_not_there_or_does_not_run_is_said(tmp_path):
    assert "no container" in failure("docker://tdi-no-such-machine", tmp_path / "r.json").what


@pytest.mark.docker
def test_setuid_capability_and_acl_are_recorded(machine, tmp_path):
    shell(
        machine,
        "cp /bin/true /usr/local/bin/raw; chmod 4755 /usr/local/bin/raw; cp /bin/true /usr/local/bin/cap; "
        'python3 -c \'import os; os.setxattr("/usr/local/bin/cap", "security.capability", '
        'bytes.fromhex("0100000200200000000000000000000000000000"))\'',
    )
    opened: RecordFile = recording.record(f"docker://{machine}", tmp_path / "r.json", scopes=["files"])
    found = dict(opened.objects("files"))
    assert json.loads(found["/usr/local/bin/raw"])["mode"] == "4755"
    assert json.loads(found["/usr/local/bin/cap"])["capability"] == "cap_net_raw+ep"
    shell(machine, "rm /usr/local/bin/raw /usr/local/bin/cap")


@pytest.mark.docker
def test_enablement_is_what_systemd_says_of_all_unit_files(machine, tmp_path):
    shell(
        machine,
        "cd /etc/systemd/system; service='[Service]\\nExecStart=/bin/true\\n'; printf $service >plain.service;"
        "printf $service >wanted.service; printf $service'[Install]\\nWantedBy=multi-user.target\\n' >off.service;"
        ": >empty.service; ln -s /dev/null masked.service; ln -s plain.service alias.service;"
        "mkdir -p multi-user.target.wants; ln -s ../wanted.service multi-user.target.wants; systemctl daemon-reload",
    )
    listed = shell(machine, "systemctl list-unit-files --all --plain --no-legend --no-pager")
    record = recording.record(f"docker://{machine}", tmp_path / "r.json", scopes=["systemd"])
    shell(
        machine,
        "cd /etc/systemd/system; for unit in plain wanted off empty masked alias; do rm $unit.service; done;"
        "rm multi-user.target.wants/wanted.service; systemctl daemon-reload",
    )
    found = {name: json.loads(text).get("enablement", "") for name, text in record.objects("systemd")}
    said = {line.split()[0]: line.split()[1] for line in listed.splitlines() if line}
    said = {name: state for name, state in said.items() if not name.endswith((".device", ".scope"))}
    assert said["wanted.service"] != said["plain.service"]
    assert {name: found.get(name) for name in said if said[name] != "transient"} == {
        name: state for name, state in said.items() if state != "transient"
    }
