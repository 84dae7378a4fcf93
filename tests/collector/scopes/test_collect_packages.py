"""Packages."""

from by_program import collect, status_entry, write


def test_packages(root):
    write(
        root,
        "/var/lib/dpkg/status",
        status_entry("dpkg")
        + status_entry("held", status="hold ok installed")
        + status_entry("gone", status="deinstall ok config-files")
        + status_entry("never", status="purge ok not-installed")
        + status_entry("lib").replace("amd64", "i386"),
    )
    write(root, "/var/lib/apt/extended_states", "Package: dpkg\nArchitecture: amd64\nAuto-Installed: 1\n\n")
    found = collect(root, scopes=["packages"])["packages"]["objects"]
    assert list(found) == ["dpkg", "gone", "held", "lib:i386"]
    assert found["dpkg"]["auto"] is True
    assert found["held"]["selection"] == "hold"
    assert found["held"]["auto"] is False
    assert found["gone"]["status"] == "config-files"


def test_packages_say_what_they_need_and_what_their_scripts_make(root):
    status = root / "var/lib/dpkg/status"
    lists = "Depends: liba (>= 1) | libb, libc:any\nPre-Depends: init\nRecommends: mta\nProvides: www (= 2), httpd\n"
    status.write_text(status.read_text() + status_entry("web").replace("\n\n", "\n") + lists + "\n")
    write(root, "/var/lib/dpkg/info/web.list", "/.\n/etc\n/etc/web.conf\n/usr/bin/web\n/var/lib/web\n")
    (root / "var/lib/web").mkdir()
    script = "addgroup --quiet --system web\nadduser --system $NAME \\\n  web-user\ntouch /etc/default/web\n"
    write(root, "/var/lib/dpkg/info/web.postinst", script)
    found = collect(root, scopes=["packages"])["packages"]["objects"]["web"]
    assert found["depends"] == ["init", "liba", "libb", "libc", "mta"]
    assert found["provides"] == ["httpd", "www"]
    assert {"web", "web-user", "/etc/default/web", "/var/lib/web"} <= {*found["makes"]}
    assert not {"/etc/web.conf", "NAME", "system"} & {*found["makes"]}
