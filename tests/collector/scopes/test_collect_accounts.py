"""Who there is, and what they may."""

import base64
import hashlib
import json

import pytest
from by_program import collect, collect_bytes, write

from tdi.collector.scopes.accounts import password_class


def test_users_have_a_class_of_password_and_no_hash(root):
    write(root, "/etc/shadow", "root::19000:0:99999:7:::\nalice:!$6$x$y:19000:0:99999:7::20000:\n", 0o640)
    raw = collect_bytes(root)
    found = json.loads(raw)["scopes"]
    assert found["users"]["objects"]["root"]["password"] == "empty"
    assert found["users"]["objects"]["alice"] == {
        "uid": 1000, "gid": 1000, "gecos": "Alice", "home": "/home/alice", "shell": "/bin/sh",
        "groups": ["sudo"], "password": "locked", "expires": "2024-10-04",
    }  # fmt: skip
    assert found["groups"]["objects"]["sudo"]["members"] == ["alice"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [("", "empty"), ("!", "locked"), ("*", "locked"), ("!$y$x", "locked"), ("$y$j9T$x$y", "$y$"), ("$6$x$y", "$6$"),
     ("abJnggxhB/yWI", "des")],
)  # fmt: skip
def test_password_classes(field, expected):
    assert password_class(field) == expected


def test_sudoers_keep_what_they_allow(root):
    write(root, "/etc/sudoers", "# comment\nroot  ALL=(ALL:ALL)   ALL\n@includedir /etc/sudoers.d\n")
    write(root, "/etc/sudoers.d/deploy", "deploy ALL=(ALL) NOPASSWD: \\\n  /bin/ls\n")
    write(root, "/etc/sudoers.d/deploy.bak", "evil ALL=(ALL) ALL\n")
    assert list(collect(root, scopes=["sudoers"])["sudoers"]["objects"]) == [
        "/etc/sudoers.d/deploy:deploy ALL=(ALL) NOPASSWD: /bin/ls",
        "/etc/sudoers:@includedir /etc/sudoers.d",
        "/etc/sudoers:root ALL=(ALL:ALL) ALL",
    ]


def test_authorized_keys_by_fingerprint(root):
    blob = b"\0\0\0\x0bssh-ed25519" + b"k" * 36
    key = base64.b64encode(blob).decode()
    write(
        root,
        "/home/alice/.ssh/authorized_keys",
        f'# c\nno-pty,command="run it" ssh-ed25519 {key} alice@host two\nrubbish\n',
    )
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    assert collect(root, scopes=["authorized_keys"])["authorized_keys"]["objects"] == {
        f"alice:SHA256:{fingerprint}": {
            "type": "ssh-ed25519",
            "options": 'no-pty,command="run it"',
            "comment": "alice@host two",
            "file": "/home/alice/.ssh/authorized_keys",
        }
    }


def test_authorized_keys_where_sshd_is_told_to_look(root):
    key = "ssh-ed25519 " + base64.b64encode(b"\0\0\0 key of alice").decode()
    write(root, "/etc/ssh/sshd_config", "Include sshd_config.d/*.conf\nAuthorizedKeysFile none\n")
    write(root, "/etc/ssh/sshd_config.d/a.conf", "AuthorizedKeysFile /etc/ssh/keys/%u %h/keys\n")
    write(root, "/etc/ssh/sshd_config.d/a.old", "AuthorizedKeysFile /etc/ssh/old/%u\n")
    write(root, "/etc/ssh/keys/alice", f'{key} x\ncommand="/bin/true" {key}\n')
    write(root, "/etc/ssh/old/alice", key)
    write(root, "/root/keys", key)
    write(root, "/root/.ssh/authorized_keys", key)
    found = collect(root, scopes=["authorized_keys"])["authorized_keys"]["objects"]
    assert {(entry["file"], entry.get("options")) for entry in found.values()} == {
        ("/etc/ssh/keys/alice", None),
        ("/root/keys", None),
    }
    (twice,) = (entry for name, entry in found.items() if name.startswith("alice:"))
    assert twice["every_line"] == ["", 'command="/bin/true"']


def test_subids(root):
    write(root, "/etc/subuid", "alice:100000:65536\n")
    assert collect(root, scopes=["subids"])["subids"]["objects"] == {"subuid:alice": {"ranges": ["100000:65536"]}}
