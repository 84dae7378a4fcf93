"""What the machine is set to: kernel parameters, alternatives, mounts, modules, limits, time zone."""

from by_program import collect, write


def test_sysctl_files_by_precedence(root):
    write(root, "/usr/lib/sysctl.d/10-a.conf", "net.ipv4.ip_forward = 0\nkernel.x = 1\n")
    write(root, "/etc/sysctl.d/10-a.conf", "net/ipv4/ip_forward=1\n")
    write(root, "/etc/sysctl.d/50-b.conf", "-net.ipv6.conf.all.x =  2  3\nnet.ipv4.tcp_fastopen_key = aaaa-bbbb\n")
    found = collect(root, scopes=["sysctl"])["sysctl"]["objects"]
    assert found == {
        "configured:net.ipv4.ip_forward": {"value": "1", "file": "/etc/sysctl.d/10-a.conf"},
        "configured:net.ipv4.tcp_fastopen_key": {"value": "[redacted]", "file": "/etc/sysctl.d/50-b.conf"},
        "configured:net.ipv6.conf.all.x": {"value": "2 3", "file": "/etc/sysctl.d/50-b.conf"},
    }


def test_alternatives_mounts_modules_limits_and_system(root):
    write(
        root,
        "/var/lib/dpkg/alternatives/editor",
        "manual\n/usr/bin/editor\neditor.1.gz\n/usr/share/man/editor.1.gz\n\n/usr/bin/vi\n30\n/man/vi\n/usr/bin/ed\n-10\n\n\n",
    )
    (root / "etc/alternatives").mkdir()
    (root / "etc/alternatives/editor").symlink_to("/usr/bin/vi")
    write(root, "/etc/fstab", "//srv/share /mnt\\040x cifs user=a,password=secret,rw 0 0\n")
    write(root, "/etc/modules-load.d/a.conf", "br_netfilter\n")
    write(root, "/etc/modprobe.d/b.conf", "blacklist  floppy\n")
    write(root, "/etc/security/limits.d/a.conf", "www-data  soft nofile 4096\n")
    write(root, "/etc/systemd/system.conf", "[Manager]\nDefaultLimitNOFILE=1024\n#DefaultLimitNPROC=1\n")
    write(root, "/etc/default/locale", 'LANG="de_DE.UTF-8"\n')
    write(root, "/etc/environment", "PATH=/bin\nAPI=abc123\n")
    (root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    found = collect(root)
    assert found["alternatives"]["objects"]["editor"] == {
        "mode": "manual", "link": "/usr/bin/editor", "current": "/usr/bin/vi",
        "choices": {"/usr/bin/vi": 30, "/usr/bin/ed": "-10"},
    }  # fmt: skip
    assert found["mounts"]["objects"]["configured:/mnt x"]["options"] == "user=a,password=[redacted],rw"
    assert found["modules"]["objects"].keys() == {"load:br_netfilter", "blacklist floppy"}
    assert found["limits"]["objects"]["www-data soft nofile"]["value"] == "4096"
    assert found["limits"]["objects"]["systemd-system:DefaultLimitNOFILE"]["value"] == "1024"
    assert found["system"]["objects"]["timezone"] == {"value": "Europe/Berlin"}
    assert found["system"]["objects"]["locale"]["values"] == {"LANG": "de_DE.UTF-8"}
    assert found["system"]["objects"]["environment"]["values"] == {"PATH": "/bin", "API": "[redacted]"}


def test_a_time_zone_that_was_copied_is_told_by_its_rule(root):
    write(root, "/etc/localtime", b"TZif2\0\0\xff\nJST-9\n")
    assert collect(root, scopes=["system"])["system"]["objects"]["timezone"] == {"value": "a copy: JST-9"}


def test_each_swap_of_fstab_counts(root):
    write(root, "/etc/fstab", "/a none swap sw 0 0\n/b none swap sw 0 0\n")
    assert {"configured:/a", "configured:/b"} <= collect(root, scopes=["mounts"])["mounts"]["objects"].keys()
