"""dpkg."""

from by_program import collect, status_entry, write


def test_dpkg_overrides_audit_and_left_overs(root):
    write(root, "/var/lib/dpkg/statoverride", "root messagebus 4754 /usr/lib/helper\n")
    write(root, "/var/lib/dpkg/arch", "amd64\ni386\n")
    write(root, "/etc/tool.conf.dpkg-dist")
    write(root, "/etc/tool.conf.ucf-old")
    write(root, "/etc/tool.conf.bak")
    write(
        root,
        "/var/lib/dpkg/status",
        status_entry("dpkg") + status_entry("bad", status="install reinstreq half-installed"),
    )
    write(root, "/var/cache/debconf/config.dat", "Name: a/b\nValue: yes\n\nName: x/root_password\nValue: very secret\n")
    found = collect(root, scopes=["dpkg"])["dpkg"]["objects"]
    assert found["statoverride:/usr/lib/helper"] == {"owner": "root", "group": "messagebus", "mode": "4754"}
    assert found["audit:bad"] == {"status": "half-installed", "flag": "reinstreq"}
    assert [key for key in found if key.startswith("leftover:")] == [
        "leftover:/etc/tool.conf.dpkg-dist",
        "leftover:/etc/tool.conf.ucf-old",
    ]
    assert "architecture:i386" in found
    assert found["debconf:a/b"] == {"value": "yes"}
    assert found["debconf:x/root_password"] == {"value": "[redacted]"}
