"""Who accounts for a file."""

import os
import time

from by_program import collect, files, md5, write


def test_a_package_file_is_modified_when_its_content_is_not_the_packages(root):
    assert files(root)["/usr/bin/tool"]["origin"] == {"kind": "package", "package": "tool", "state": "pristine"}
    write(root, "/usr/bin/tool", "#!/bin/evil", 0o755)
    later = time.time() + 10
    os.utime(root / "usr/bin/tool", (later, later))
    assert files(root)["/usr/bin/tool"]["origin"]["state"] == "modified"


def test_a_conffile_is_checked_whatever_its_time(root):
    assert files(root)["/etc/tool.conf"]["origin"] == {"kind": "conffile", "package": "tool", "state": "pristine"}
    file = write(root, "/etc/tool.conf", "edited\n")
    os.utime(file, (0, 0))
    assert files(root)["/etc/tool.conf"]["origin"]["state"] == "modified"
    assert collect(root, scopes=["packages"])["packages"]["objects"]["tool"]["conffiles"] == {
        "/etc/tool.conf": "modified"
    }
    file.unlink()
    assert collect(root, scopes=["packages"])["packages"]["objects"]["tool"]["conffiles"] == {
        "/etc/tool.conf": "missing"
    }


def test_files_of_the_old_directories_belong_to_their_package_on_a_merged_usr(root):
    (root / "bin").symlink_to("usr/bin")
    write(root, "/var/lib/dpkg/info/old.list", "/.\n/bin\n/bin/old\n")
    write(root, "/usr/bin/old", "x")
    assert files(root)["/usr/bin/old"]["origin"]["package"] == "old"


def test_who_accounts_for_a_file(root):
    write(root, "/var/lib/dpkg/diversions", "/usr/bin/tool\n/usr/bin/tool.orig\nother\n")
    write(root, "/usr/bin/tool.orig", "#!/bin/sh\n")
    write(root, "/var/lib/dpkg/alternatives/editor", "auto\n/usr/bin/editor\n\n/usr/bin/vi\n30\n\n")
    (root / "etc/alternatives").mkdir()
    (root / "etc/alternatives/editor").symlink_to("/usr/bin/vi")
    (root / "usr/bin/editor").symlink_to("/etc/alternatives/editor")
    write(root, "/var/lib/ucf/registry", "ucfpkg /etc/ucf.conf\n")
    write(root, "/var/lib/ucf/hashfile", f"{md5(b'u')}  /etc/ucf.conf\n")
    write(root, "/etc/ucf.conf", "changed")
    (root / "etc/systemd/system/multi-user.target.wants").mkdir(parents=True)
    (root / "etc/systemd/system/multi-user.target.wants/x.service").symlink_to("/usr/lib/systemd/system/x.service")
    write(root, "/usr/lib/x/__pycache__/x.pyc")
    found = {path: attributes["origin"] for path, attributes in files(root).items()}
    assert found["/usr/bin/tool.orig"] == {"kind": "diversion", "package": "other"}
    assert found["/usr/bin/tool"]["package"] == "other"
    assert found["/usr/bin/editor"]["kind"] == found["/etc/alternatives/editor"]["kind"] == "alternative"
    assert found["/etc/ucf.conf"] == {"kind": "ucf", "package": "ucfpkg", "state": "modified"}
    assert found["/etc/systemd/system/multi-user.target.wants/x.service"]["kind"] == "enablement"
    assert found["/usr/lib/x/__pycache__/x.pyc"]["kind"] == "generated"
    assert found["/usr/bin"] == {"kind": "package"}
    assert found["/srv" if "/srv" in found else "/"]["kind"] in ("nobody", "package")
