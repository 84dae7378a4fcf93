"""The seeded faults: what is planted on an upgraded machine, and the one finding that must say so.

Before anything is planted, both machines get the same FURNITURE: accounts, packages, services and files that a fault
can then change or remove. The faults of one machine are planted together; each has a finding of its own.
"""

# ruff: noqa: E501, ISC004 - a table has a fault in each row
from dataclasses import dataclass

TOOLS = r"""
export DEBIAN_FRONTEND=noninteractive
# package NAME VERSION [FILES...]: build a package out of nothing, which needs DEPENDS, and install it
package() {
    name=$1 version=$2 tree=$(mktemp -d); shift 2
    mkdir -p "$tree/DEBIAN" "$tree/usr/share/$name"
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a package\n' \
        "$name" "$version" > "$tree/DEBIAN/control"
    [ -z "${DEPENDS:-}" ] || echo "Depends: $DEPENDS" >> "$tree/DEBIAN/control"
    for kind in data notes; do echo "$kind of $version" > "$tree/usr/share/$name/$kind"; done
    for file in "$@"; do
        mkdir -p "$tree$(dirname "$file")"; echo "setting = 1" > "$tree$file"
        case $file in
            /etc/*) echo "$file" >> "$tree/DEBIAN/conffiles";;
            *.service) printf '[Service]\nExecStart=/usr/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' > "$tree$file";;
        esac
    done
    chmod -R u=rwX,go=rX "$tree"
    dpkg-deb --root-owner-group --build "$tree" "/tmp/$name.deb" > /dev/null
    dpkg --install "/tmp/$name.deb" > /dev/null
    rm -r "$tree" "/tmp/$name.deb"
}
# service NAME [LINES OF [Service]...]
service() {
    name=$1; shift
    { printf '[Unit]\nDescription=%s\n[Service]\nExecStart=/usr/local/lib/%s infinity\n' "$name" "$name"
      for line in "$@"; do echo "$line"; done
      printf '[Install]\nWantedBy=multi-user.target\n'; } > "/etc/systemd/system/$name.service"
    mkdir -p /usr/local/lib; cp /usr/bin/sleep "/usr/local/lib/$name"
}
certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -out "$1.crt" -subj "/CN=$2" -days "$3" 2> /dev/null
    chmod 600 "$1.key"
}
# lasting NAME NUMBER: a certificate and its key, the same on each machine
lasting() {
    python3 -c 'import base64, sys; print("-----BEGIN PRIVATE KEY-----", base64.b64encode(
        bytes.fromhex("302e020100300506032b657004220420") + bytes([int(sys.argv[1])] * 32)).decode(),
        "-----END PRIVATE KEY-----", sep="\n")' "$2" > "$1.key"; chmod 600 "$1.key"
    openssl req -x509 -key "$1.key" -out "$1.crt" -subj "/CN=$(basename "$1")" -set_serial 1 \
        -not_before 20260101000000Z -not_after 20270101000000Z
}
# key LETTER: the public key of somebody
key() {
    echo "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJQx$(printf %039d 0 | tr 0 "$1")A"
}
posix_acl() {
    python3 - "$1" "$2" <<'PYTHON'
import os, struct, sys
entries = ((1, 7, -1), (2, 7, 33), (4, 5, -1), (16, 7, -1), (32, 5, -1))
value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, bits, who & 0xFFFFFFFF) for tag, bits, who in entries)
os.setxattr(sys.argv[1], sys.argv[2], value)
PYTHON
}
"""

FURNITURE = r"""
for name in anna berta clara dora emma frida gerda hanna; do useradd --create-home --shell /bin/bash $name; done
useradd --system worker; groupadd --gid 3333 crew; groupadd --gid 3334 staff2
for name in dora emma; do echo "$name:a long password" | chpasswd; done
mkdir -m 700 /home/anna/.ssh
echo 'from="192.0.2.1" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl anna' \
    > /home/anna/.ssh/authorized_keys
chown -R anna: /home/anna/.ssh
mkdir -p /etc/sudoers.d /etc/cron.d /etc/sysctl.d /etc/security/limits.d /etc/modprobe.d /etc/tls /srv/releases /srv/box
echo '@includedir /etc/sudoers.d' > /etc/sudoers; chmod 440 /etc/sudoers
echo 'anna ALL=(ALL) /usr/bin/apt-get' > /etc/sudoers.d/anna; chmod 440 /etc/sudoers.d/anna
echo '17 3 * * * root /usr/local/bin/backup' > /etc/cron.d/backup
echo 'net.ipv4.tcp_syncookies = 1' > /etc/sysctl.d/50-network.conf
echo 'www-data hard nofile 4096' > /etc/security/limits.d/web.conf
echo 'blacklist floppy' > /etc/modprobe.d/floppy.conf
echo 'one' > /srv/releases/1; echo 'two' > /srv/releases/2; ln -s releases/1 /srv/current; ln -s releases/2 /srv/next
for name in a b c d e f g h; do echo "content" > /srv/box/$name; done; mkdir /srv/box/dir /srv/box/shared
for name in one two three four five six seven eight nine ten; do package sample-$name 2.0 /etc/sample-$name.conf; done
apt-mark auto sample-nine > /dev/null
for name in vi emacs; do printf '#!/bin/sh\n# %s\n' $name > /usr/local/bin/$name; chmod 755 /usr/local/bin/$name; done
update-alternatives --quiet --install /usr/local/bin/editing editing /usr/local/bin/vi 20
update-alternatives --quiet --install /usr/local/bin/editing editing /usr/local/bin/emacs 10
printf 'setting = 1\n' > /etc/default/plain
for name in masked stopped disabled unread dropped changed replaced rewritten broken; do service $name; done
service fed 'EnvironmentFile=/etc/default/fed'; echo 'LEVEL=1' > /etc/default/fed
mv /etc/systemd/system/masked.service /usr/lib/systemd/system/ # what is in /etc cannot be masked
systemctl daemon-reload
systemctl enable --quiet --now masked stopped disabled unread dropped changed replaced rewritten broken fed
echo '/srv/box/a /mnt none bind,noauto 0 0' >> /etc/fstab
apt-get -qq install nftables > /dev/null
printf 'table inet filter {\nchain input {\ntype filter hook input priority filter; policy accept;\ntcp dport 80 accept\n}\n}\n' > /etc/nftables.conf
systemctl enable --quiet --now nftables
for name in moved armed bound; do service $name; done
systemctl daemon-reload; systemctl enable --quiet --now moved armed bound
for name in ulla vera wilma xenia yvonne zora; do useradd --create-home --shell /bin/bash $name; done
groupadd --gid 3400 oldcrew; groupadd --gid 3401 team; gpasswd -a ulla team > /dev/null; mkdir /srv/team; chgrp oldcrew /srv/team
mkdir -p /etc/ssh/sshd_config.d
printf 'Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\nAuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys2 /etc/ssh/authorized_keys.d/%%u\n' > /etc/ssh/sshd_config
mkdir -m 700 /home/vera/.ssh
echo "from=\"192.0.2.1\",command=\"/bin/true\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl vera" > /home/vera/.ssh/authorized_keys
chown -R vera: /home/vera/.ssh; chmod 600 /home/vera/.ssh/authorized_keys
mkdir -p /var/spool/cron/crontabs; echo '5 4 * * * /usr/local/bin/report' > /var/spool/cron/crontabs/zora; chmod 600 /var/spool/cron/crontabs/zora; chown zora /var/spool/cron/crontabs/zora
printf 'MAILTO=root\n10 1 * * * root /usr/local/bin/one\n20 2 * * * root /usr/local/bin/two\n' > /etc/cron.d/pair
for name in a b c d e f; do package thing-$name 2.0 /etc/thing-$name.conf; done
apt-mark hold thing-f > /dev/null
service scripted; service envonly 'EnvironmentFile=/etc/default/envonly'; echo X=1 > /etc/default/envonly
mkdir -p /opt/app; printf 'import time\ntime.sleep(1000000)\n' > /opt/app/main.py
printf '[Service]\nExecStart=/usr/bin/python3 /opt/app/main.py\n[Install]\nWantedBy=multi-user.target\n' > /etc/systemd/system/pyapp.service
for name in u1 u2 u3 u4 u5 u6; do service $name; done
mkdir -p /etc/systemd/system/u1.service.d; printf '[Service]\nLimitNOFILE=99\n' > /etc/systemd/system/u1.service.d/x.conf
systemctl daemon-reload; systemctl enable --quiet --now scripted envonly pyapp u1 u2 u3 u4 u5 u6
for n in 1 2 4 5 6; do lasting /etc/tls/c$n $n; done
printf 'Types: deb\nURIs: http://example.net/debian\nSuites: sid\nComponents: main\n' > /etc/apt/sources.list.d/other.sources
printf 'Package: foo\nPin: release a=stable\nPin-Priority: 900\n\nPackage: bar\nPin: release a=stable\nPin-Priority: 900\n' > /etc/apt/preferences.d/two
mkdir -p /srv/app/config /srv/app/data; for n in 1 2 3 4; do echo $n > /srv/app/data/$n; done; echo a=1 > /srv/app/config/main
update-alternatives --quiet --install /usr/local/bin/paging paging /usr/local/bin/vi 20
update-alternatives --quiet --install /usr/local/bin/paging paging /usr/local/bin/emacs 10
echo 'tmpfs /srv/tmp tmpfs size=10m,noauto 0 0' >> /etc/fstab
"""
"""Lines that both machines run, after the role was converged and before anything is planted."""


@dataclass(frozen=True)
class Fault:
    """A fault: the lines of shell that plant it, and scope, key, kind and owner of the finding that it must give."""

    machine: str
    name: str
    plant: str
    scope: str
    key: str
    kind: str
    owner: str = "nobody"

    @property
    def id(self) -> str:
        """What the test is called."""
        return f"{self.machine}: {self.name}"


def _on(machine: str, *rows: tuple[str, ...]) -> tuple[Fault, ...]:
    return tuple(Fault(machine, *row) for row in rows)


FAULTS = (
    *_on(
        "files",
        ("stale page", "echo x > /srv/website/old.html", "files", "/srv/website/old.html", "only-b"),
        ("edit of the same size", "sed -i s/Hello/Hallo/ /srv/website/index.html", "files", "/srv/website/index.html", "changed"),
        ("mode of a packaged file", "chmod 600 /usr/share/sample-one/data", "files", "/usr/share/sample-one/data", "changed", "sample-one"),
        ("group of a packaged file", "chgrp adm /usr/share/sample-two/data", "files", "/usr/share/sample-two/data", "changed", "sample-two"),
        ("owner of a directory", "chown www-data /srv/website", "files", "/srv/website", "changed"),
        ("setuid", "chmod u+s /usr/bin/cut", "files", "/usr/bin/cut", "changed", "coreutils"),
        ("file capability", "setcap cap_net_raw+ep /usr/bin/tac", "files", "/usr/bin/tac", "changed", "coreutils"),
        ("edited program", "echo '#' >> /usr/bin/zgrep", "files", "/usr/bin/zgrep", "changed", "gzip"),
        ("local program", "cp /usr/bin/true /usr/local/bin/tool", "files", "/usr/local/bin/tool", "only-b"),
        ("packaged file removed", "rm /usr/share/sample-three/notes", "files", "/usr/share/sample-three/notes", "only-a", "sample-three"),
        ("packaged file edited", "echo x >> /usr/share/sample-four/data", "files", "/usr/share/sample-four/data", "changed", "sample-four"),
        ("link to elsewhere", "ln -sfn releases/2 /srv/current", "files", "/srv/current", "changed"),
        ("copy in place of a link", "cp --remove-destination /srv/releases/2 /srv/next", "files", "/srv/next", "changed"),
        ("directory in place of a file", "rm /srv/box/a; mkdir /srv/box/a", "files", "/srv/box/a", "changed"),
        ("access list", "posix_acl /srv/box/b system.posix_acl_access", "files", "/srv/box/b", "changed"),
        ("default access list", "posix_acl /srv/box/dir system.posix_acl_default", "files", "/srv/box/dir", "changed"),
        ("extended attribute", "python3 -c 'import os; os.setxattr(\"/srv/box/c\", \"trusted.x\", b\"1\")'", "files", "/srv/box/c", "changed"),
        ("hard link", "ln /srv/box/d /srv/box/d2", "files", "/srv/box/d2", "only-b"),
        ("file emptied", ": > /srv/box/e", "files", "/srv/box/e", "changed"),
        ("file removed", "rm /srv/box/f", "files", "/srv/box/f", "only-a"),
        ("fifo", "mkfifo /srv/pipe", "files", "/srv/pipe", "only-b"),
        ("device", "mknod /srv/device c 1 3", "files", "/srv/device", "only-b"),
        ("world-writable directory", "chmod 777 /srv/box/shared", "files", "/srv/box/shared", "changed"),
        ("setgid directory", "chmod g+s /opt", "files", "/opt", "changed"),
        ("tree of files", "mkdir -p /opt/old/a/b; for n in 1 2 3 4 5 6; do echo $n > /opt/old/a/b/$n; done", "files", "/opt/old", "only-b"),
        ("empty directory", "mkdir /srv/old-site", "files", "/srv/old-site", "only-b"),
        ("name with a line break", "touch \"$(printf '/srv/new\\nline')\"", "files", "/srv/new\nline", "only-b"),
        ("hidden file in a home", "echo x > /home/gerda/.netrc", "files", "/home/gerda/.netrc", "only-b"),
        ("module of Python", "echo x=1 > /usr/lib/python3/dist-packages/old.py", "files", "/usr/lib/python3/dist-packages/old.py", "only-b"),
        ("private key", "printf -- '-----BEGIN PRIVATE KEY-----\\nx\\n' > /etc/ssl/private/old.key", "files", "/etc/ssl/private/old.key", "only-b"),
        ("readable log", "chmod 666 /var/log/nginx/error.log", "files", "/var/log/nginx/error.log", "changed", "generated"),
        ("directory for data", "mkdir -p /var/lib/old; echo 1 > /var/lib/old/state", "files", "/var/lib/old", "only-b"),
        ("owner without a name", "chown 4711 /srv/box/g", "files", "/srv/box/g", "changed"),
        ("machine id of the other machine", "printf '%s\\n' \"$FRESH_MACHINE_ID\" > /etc/machine-id", "files", "/etc/machine-id", "changed", "generated"),
    ),
    *_on(
        "accounts",
        ("shell", "usermod --shell /bin/sh anna", "users", "anna", "changed"),
        ("extra group", "usermod -aG adm berta", "users", "berta", "changed"),
        ("home", "usermod --home /srv clara", "users", "clara", "changed"),
        ("empty password", "passwd --quiet --delete dora", "users", "dora", "changed"),
        ("locked password", "usermod --lock emma", "users", "emma", "changed"),
        ("password set", "echo frida:x | chpasswd", "users", "frida", "changed"),
        ("expiry", "chage --expiredate 2020-01-01 gerda", "users", "gerda", "changed"),
        ("user removed", "userdel --remove hanna 2> /dev/null", "users", "hanna", "only-a"),
        ("stale user with a home", "useradd --create-home --shell /bin/bash old", "users", "old", "only-b"),
        ("stale system user", "useradd --system older", "users", "older", "only-b"),
        ("second root", "useradd --non-unique --uid 0 --no-create-home toor", "users", "toor", "only-b"),
        ("shifted uid", "usermod --uid 4242 worker", "users", "worker", "changed"),
        ("shifted gid", "groupmod --gid 4343 crew", "groups", "crew", "changed"),
        ("stale group", "groupadd former", "groups", "former", "only-b"),
        ("group removed", "groupdel staff2", "groups", "staff2", "only-a"),
        (
            "authorized key",
            "mkdir -p /root/.ssh; echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJQxAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA x'"
            " > /root/.ssh/authorized_keys",
            "authorized_keys", "root:*", "only-b",
        ),
        (
            "key without its restriction",
            "sed -i 's/^from=[^ ]* //' /home/anna/.ssh/authorized_keys",
            "authorized_keys", "anna:*", "changed",
        ),
        (
            "sudo rule",
            "echo 'berta ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/berta; chmod 440 /etc/sudoers.d/berta",
            "sudoers", "/etc/sudoers.d/berta:berta ALL=(ALL) NOPASSWD: ALL", "only-b",
        ),
        ("sudo rule widened", "echo 'anna ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/anna", "sudoers", "/etc/sudoers.d/anna:*", "*"),
        ("subordinate ids", "echo worker:900000:65536 >> /etc/subuid", "subids", "subuid:worker", "only-b"),
    ),
    *_on(
        "packages",
        ("extra package", "package extra 1.0 /etc/extra.conf", "packages", "extra", "only-b", "extra"),
        ("package missing", "dpkg --purge sample-one > /dev/null", "packages", "sample-one", "only-a", "sample-one"),
        ("package removed but not purged", "dpkg --remove sample-two > /dev/null", "packages", "sample-two", "changed", "sample-two"),
        ("older package", "package sample-three 1.0 /etc/sample-three.conf", "packages", "sample-three", "changed", "sample-three"),
        ("held package", "apt-mark hold sample-four > /dev/null", "packages", "sample-four", "changed", "sample-four"),
        ("package marked automatic", "apt-mark auto sample-five > /dev/null", "packages", "sample-five", "changed", "sample-five"),
        ("package marked manual", "apt-mark manual sample-nine > /dev/null", "packages", "sample-nine", "changed", "sample-nine"),
        ("edited conffile", "echo x >> /etc/sample-six.conf", "files", "/etc/sample-six.conf", "changed", "sample-six"),
        ("missing conffile", "rm /etc/sample-seven.conf", "files", "/etc/sample-seven.conf", "only-a", "sample-seven"),
        (
            "obsolete conffile",
            "package sample-eight 1.0 /etc/sample-eight.conf /etc/sample-former.conf; package sample-eight 2.0 /etc/sample-eight.conf",
            "files", "/etc/sample-former.conf", "only-b", "sample-eight",
        ),
        ("conffile conflict", "cp /etc/sample-ten.conf /etc/sample-ten.conf.dpkg-dist", "dpkg", "leftover:/etc/sample-ten.conf.dpkg-dist", "only-b"),
        ("conflict of ucf", "echo x > /etc/default/plain.ucf-dist", "dpkg", "leftover:/etc/default/plain.ucf-dist", "only-b"),
        ("diversion", "dpkg-divert --quiet --add --rename --divert /usr/bin/shuf.distrib /usr/bin/shuf", "dpkg", "diversion:/usr/bin/shuf", "only-b"),
        ("stat override", "dpkg-statoverride --update --add root adm 0750 /usr/bin/tac", "dpkg", "statoverride:/usr/bin/tac", "only-b"),
        ("alternative switched", "update-alternatives --quiet --set editing /usr/local/bin/emacs", "alternatives", "editing", "changed"),
        (
            "half-configured package",
            "package half 1.0; sed -i '/^Package: half$/,/^$/s/ok installed/ok half-configured/' /var/lib/dpkg/status",
            "packages", "half", "only-b", "half",
        ),
    ),
    *_on(
        "apt",
        ("source", "echo 'deb http://example.org/debian sid main' > /etc/apt/sources.list.d/old.list", "apt", "source:deb http://example.org/debian sid", "only-b"),
        (
            "source of the other format",
            "printf 'Types: deb\\nURIs: http://example.com/debian\\nSuites: sid\\nComponents: main\\n' > /etc/apt/sources.list.d/old.sources",
            "apt", "source:deb http://example.com/debian sid", "only-b",
        ),
        ("pin", "printf 'Package: nginx\\nPin: release a=stable\\nPin-Priority: 900\\n' > /etc/apt/preferences.d/nginx", "apt", "preference:*", "only-b"),
        ("key", "cp /usr/share/keyrings/debian-archive-removed-keys.gpg /etc/apt/trusted.gpg.d/old.gpg", "apt", "key:*", "only-b"),
        ("configuration", "echo 'APT::Install-Recommends \"false\";' > /etc/apt/apt.conf.d/99x", "apt", "config:APT::Install-Recommends", "changed"),
    ),
    *_on(
        "services",
        ("unit masked", "systemctl --quiet mask masked", "systemd", "masked.service", "changed"),
        ("another unit masked", "systemctl --quiet mask e2scrub_reap.service", "systemd", "e2scrub_reap.service", "only-b"),
        ("timer masked", "systemctl --quiet mask --now apt-daily.timer", "systemd", "apt-daily.timer", "changed", "apt"),
        ("unit disabled", "systemctl --quiet disable disabled", "systemd", "disabled.service", "changed"),
        ("unit stopped", "systemctl stop stopped", "systemd", "stopped.service", "changed"),
        ("timer stopped", "systemctl stop apt-daily-upgrade.timer", "systemd", "apt-daily-upgrade.timer", "changed", "apt"),
        (
            "drop-in",
            "mkdir /etc/systemd/system/dropped.service.d; printf '[Service]\\nLimitNOFILE=99\\n' > /etc/systemd/system/dropped.service.d/x.conf;"
            "systemctl daemon-reload; systemctl restart dropped",
            "systemd", "dropped.service", "changed",
        ),
        (
            "stale unit",
            "printf '[Service]\\nExecStart=/usr/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/stale.service;"
            "systemctl daemon-reload; systemctl --quiet enable --now stale",
            "systemd", "stale.service", "only-b",
        ),
        (
            "failed unit",
            "printf '[Service]\\nExecStart=/bin/false\\n' > /etc/systemd/system/bad.service; systemctl daemon-reload; systemctl start bad; sleep 0.3",
            "systemd", "bad.service", "only-b",
        ),
        (
            "stale timer",
            "printf '[Timer]\\nOnCalendar=daily\\nUnit=stopped.service\\n[Install]\\nWantedBy=timers.target\\n' > /etc/systemd/system/night.timer;"
            "systemctl daemon-reload; systemctl --quiet enable --now night.timer",
            "systemd", "night.timer", "only-b",
        ),
        ("unit that crashed", "systemctl kill --signal=SEGV broken; sleep 0.3", "systemd", "broken.service", "changed"),
        ("stale record of an enablement", "echo x > /var/lib/systemd/deb-systemd-helper-enabled/gone.service.dsh-also", "files", "/var/lib/systemd/deb-systemd-helper-enabled/gone.service.dsh-also", "only-b", "generated"),
        ("target of the boot", "ln -sf /usr/lib/systemd/system/rescue.target /etc/systemd/system/default.target", "system", "default-target", "changed"),
        ("listener", "setsid python3 -m http.server 8099 > /dev/null 2>&1 < /dev/null & sleep 0.7", "listeners", "tcp 0.0.0.0:8099", "only-b"),
        # Last: what makes systemd read all units again has come before.
        ("unit changed and not read again", "sed -i 's/infinity/1000000/' /etc/systemd/system/unread.service", "systemd", "unread.service", "changed"),
    ),
    *_on(
        "stale processes",
        ("program replaced", "cp -p /usr/local/lib/replaced /usr/local/lib/x; mv /usr/local/lib/x /usr/local/lib/replaced", "processes", "replaced.service|/usr/local/lib/replaced", "changed"),
        (
            "library replaced",
            "lib=$(ldd /usr/sbin/nginx | sed -n 's/.*=> \\(.*libpcre2[^ ]*\\) .*/\\1/p'); lib=$(readlink -f $lib); cp -p $lib $lib.x; mv $lib.x $lib",
            "processes", "nginx.service|/usr/sbin/nginx", "changed", "nginx",
        ),
        ("unit written again, not restarted", "sleep 1; f=/etc/systemd/system/rewritten.service; cp -p $f $f.x; mv $f.x $f; systemctl daemon-reload", "processes", "rewritten.service|/usr/local/lib/rewritten", "changed"),
        ("settings newer than the process", "sleep 1; echo LEVEL=2 > /etc/default/fed", "files", "/etc/default/fed", "changed"),
        ("unit changed, read, not restarted", "sleep 1; sed -i 's/infinity/1000000/' /etc/systemd/system/changed.service; systemctl daemon-reload", "systemd", "changed.service", "changed"),
    ),
    *_on(
        "nginx stale",
        ("configuration newer than the process", "sleep 1; touch /etc/nginx/mime.types", "processes", "nginx.service|/usr/sbin/nginx", "changed", "nginx"),
    ),
    *_on(
        "nginx stopped",
        ("service of the role stopped", "systemctl stop nginx", "systemd", "nginx.service", "changed", "nginx-common"),
    ),
    *_on(
        "nginx disabled",
        ("service of the role disabled", "systemctl --quiet disable nginx", "systemd", "nginx.service", "changed", "nginx-common"),
    ),
    *_on(
        "nginx",
        ("default site", "ln -s /etc/nginx/sites-available/default /etc/nginx/sites-enabled/default", "files", "/etc/nginx/sites-enabled/default", "only-b"),
        ("stale site", "echo 'server { listen 8081; server_name old; root /srv/box; }' > /etc/nginx/sites-enabled/ansible-old; systemctl reload nginx; sleep 0.5", "files", "/etc/nginx/sites-enabled/ansible-old", "only-b"),
        ("stale snippet", "echo 'client_max_body_size 9m;' > /etc/nginx/conf.d/old.conf", "files", "/etc/nginx/conf.d/old.conf", "only-b"),
        ("edit of the same size in nginx.conf", "sed -i 's/worker_connections 768/worker_connections 769/' /etc/nginx/nginx.conf", "files", "/etc/nginx/nginx.conf", "changed", "nginx-common"),
        ("mode of a configuration file", "chmod 600 /etc/nginx/fastcgi.conf", "files", "/etc/nginx/fastcgi.conf", "changed", "nginx-common"),
        ("configuration file missing", "rm /etc/nginx/koi-win", "files", "/etc/nginx/koi-win", "only-a", "nginx-common"),
        ("copy that no include reaches", "cp /etc/nginx/nginx.conf /etc/nginx/nginx.conf.bak", "files", "/etc/nginx/nginx.conf.bak", "only-b"),
        ("page without a right to read", "chmod 600 /srv/website/index.html", "files", "/srv/website/index.html", "changed"),
    ),
    *_on(
        "nginx invalid",
        ("snippet that nginx refuses", "echo 'nonsense on;' > /etc/nginx/conf.d/old.conf", "files", "/etc/nginx/conf.d/old.conf", "only-b"),
    ),
    *_on(
        "nginx shadowed",
        ("site that takes the requests of another", "echo 'server { listen 80 default_server; server_name _; return 503; }' > /etc/nginx/conf.d/a.conf; nginx -s reload; sleep 0.5", "files", "/etc/nginx/conf.d/a.conf", "only-b"),
    ),
    *_on(
        "settings",
        ("cron entry", "echo '* * * * * root true' > /etc/cron.d/old", "cron", "/etc/cron.d/old: * * * * * root true", "only-b"),
        ("cron entry at another time", "sed -i 's/^17/18/' /etc/cron.d/backup", "cron", "/etc/cron.d/backup: 18 3 * * * root /usr/local/bin/backup", "changed"),
        (
            "crontab of a user",
            "mkdir -p /var/spool/cron/crontabs; echo '@daily true' > /var/spool/cron/crontabs/www-data; chmod 600 /var/spool/cron/crontabs/www-data",
            "cron", "/var/spool/cron/crontabs/www-data: @daily www-data true", "only-b",
        ),
        ("daily script", "mkdir -p /etc/cron.daily; printf '#!/bin/sh\\n' > /etc/cron.daily/old; chmod 755 /etc/cron.daily/old", "cron", "script:/etc/cron.daily/old", "only-b"),
        ("kernel setting", "echo 'net.ipv4.ip_forward = 1' > /etc/sysctl.d/99-x.conf", "sysctl", "configured:net.ipv4.ip_forward", "only-b"),
        ("kernel setting changed", "sed -i 's/= 1/= 0/' /etc/sysctl.d/50-network.conf", "sysctl", "configured:net.ipv4.tcp_syncookies", "changed"),
        ("kernel module", "mkdir -p /etc/modules-load.d; echo dummy > /etc/modules-load.d/old.conf", "modules", "load:dummy", "only-b"),
        ("kernel module no longer barred", "rm /etc/modprobe.d/floppy.conf", "modules", "*floppy*", "only-a"),
        ("limit", "echo '* soft nofile 9' > /etc/security/limits.d/old.conf", "limits", "* soft nofile", "only-b"),
        ("limit changed", "sed -i s/4096/8192/ /etc/security/limits.d/web.conf", "limits", "www-data hard nofile", "changed"),
        ("time zone", "ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime", "system", "timezone", "changed"),
        ("locale", "echo 'LANG=C.UTF-8' > /etc/default/locale", "system", "locale", "only-b"),
        ("environment of all logins", "echo 'http_proxy=http://192.0.2.1:3128' > /etc/environment", "system", "environment", "*"),
        ("mount", "echo 'tmpfs /srv/scratch tmpfs noauto 0 0' >> /etc/fstab", "mounts", "*", "only-b"),
        ("trusted authority", "mkdir -p /usr/local/share/ca-certificates; certificate /tmp/ca old 30; cp /tmp/ca.crt /usr/local/share/ca-certificates/old.crt; update-ca-certificates > /dev/null 2>&1", "files", "/usr/local/share/ca-certificates/old.crt", "only-b"),
        ("stale certificate", "certificate /etc/tls/old old.example.org 30", "certificates", "/etc/tls/old.crt", "only-b"),
        ("profile of all logins", "echo 'umask 000' > /etc/profile.d/old.sh", "files", "/etc/profile.d/old.sh", "only-b"),
        ("name of a network", "echo 'old 192.0.2.0' >> /etc/networks", "files", "/etc/networks", "*"),
        ("rotation of a log", "mkdir -p /etc/logrotate.d; echo x > /etc/logrotate.d/old", "files", "/etc/logrotate.d/old", "only-b"),
        ("start-up file of root", "echo 'alias x=y' >> /root/.bashrc", "files", "/root/.bashrc", "changed"),
        ("loader path", "echo /usr/local/lib/old > /etc/ld.so.conf.d/old.conf", "files", "/etc/ld.so.conf.d/old.conf", "only-b"),
        ("preloaded library", "echo > /etc/ld.so.preload", "files", "/etc/ld.so.preload", "only-b"),
        ("rule of PAM", "echo 'auth sufficient pam_permit.so' >> /etc/pam.d/login", "files", "/etc/pam.d/login", "changed", "login"),
        ("link in place of a setting", "ln -sf /srv/box/h /etc/default/plain", "files", "/etc/default/plain", "changed"),
    ),
    *_on(
        "more files",
        ("edit with the time restored", 't=$(stat -c %y /usr/bin/zdiff); sed -i s/exit/exiT/ /usr/bin/zdiff; touch -d "$t" /usr/bin/zdiff', "files", "/usr/bin/zdiff", "changed", "gzip"),
        ("setuid program called a rotated log", "cp /usr/bin/true /var/log/old.1; chmod 4755 /var/log/old.1", "files", "/var/log/old.1", "only-b", "generated"),
        ("program called a downloaded package", "cp /usr/bin/true /var/cache/apt/archives/x.deb; chmod 755 /var/cache/apt/archives/x.deb", "files", "/var/cache/apt/archives/x.deb", "only-b", "generated"),
        ("setuid on a file with two names", "chmod u+s /usr/bin/perl", "files", "/usr/bin/perl", "changed", "perl-base"),
        ("another name of the passwords", "ln /etc/shadow /srv/box/s", "files", "/srv/box/s", "only-b"),
        ("block device", "mknod /opt/disk b 8 0", "files", "/opt/disk", "only-b"),
        ("name that is not text", "touch \"/opt/$(printf '\\377')\"", "files", "/opt/\udcff", "only-b"),
        ("owner of a link", "chown -h www-data /srv/next", "files", "/srv/next", "changed"),
        ("access list of a directory", "posix_acl /srv/box/dir system.posix_acl_access", "files", "/srv/box/dir", "changed"),
        ("temporary directory without its bit", "chmod 777 /var/tmp", "files", "/var/tmp", "changed", "package"),
        ("home of root open", "chmod 755 /root", "files", "/root", "changed", "package"),
        ("link in place of a conffile", "mv /etc/sample-one.conf /srv/box/x; ln -s /srv/box/x /etc/sample-one.conf", "files", "/etc/sample-one.conf", "changed", "sample-one"),
        ("what a link in /etc leads to", ":", "files", "/srv/box/x", "only-b"),
        ("queue of mail", "mkdir -p /var/spool/queue/1; touch /var/spool/queue/1/x", "files", "/var/spool/queue", "only-b"),
    ),
    *_on(
        "more settings",
        ("first mount of two", "echo 'tmpfs /srv/one tmpfs noauto 0 0' >> /etc/fstab", "mounts", "configured:/srv/one", "only-b"),
        ("second mount of two", "mkdir /srv/two; echo 'tmpfs /srv/two tmpfs noauto 0 0' >> /etc/fstab", "mounts", "configured:/srv/two", "only-b"),
        ("mount that hides files", "mount -t tmpfs tmpfs /srv/box", "mounts", "live:/srv/box", "only-b"),
        ("mount that hides a file", "echo x > /dev/shm/x; mount --bind /dev/shm/x /etc/default/plain", "mounts", "live:/etc/default/plain", "only-b"),
        ("limit in the packaged file", "echo 'root - core unlimited' >> /etc/security/limits.conf", "limits", "root - core", "only-b", "libpam-modules"),
        ("kernel module in /etc/modules", "echo loop >> /etc/modules", "modules", "load:loop", "only-b"),
        ("first configuration of apt", "echo 'APT::Get::AllowUnauthenticated \"true\";' > /etc/apt/apt.conf.d/98x", "apt", "config:APT::Get::AllowUnauthenticated", "only-b"),
        ("second configuration of apt", "echo 'Acquire { http { Proxy \"http://192.0.2.1:3128\"; }; };' > /etc/apt/apt.conf.d/99x", "apt", "config:Acquire::http::Proxy", "only-b"),
        ("suite of a source", "sed -i 's/trixie-updates/trixie-backports/' /etc/apt/sources.list", "apt", "source:deb * trixie-backports", "changed"),
        ("foreign architecture", "dpkg --add-architecture arm64", "dpkg", "architecture:arm64", "only-b"),
        ("first sudo rule of two", "echo 'clara ALL=ALL' >> /etc/sudoers", "sudoers", "/etc/sudoers:clara ALL=ALL", "only-b"),
        ("second sudo rule of two", "echo 'dora ALL=ALL' >> /etc/sudoers", "sudoers", "/etc/sudoers:dora ALL=ALL", "only-b"),
        ("job of anacron", "echo '7 10 old true' > /etc/anacrontab", "cron", "/etc/anacrontab: old true", "only-b"),
        ("at job", "mkdir -p /var/spool/cron/atjobs; echo x > /var/spool/cron/atjobs/a0000101abcdef", "cron", "at:a0000101abcdef", "only-b"),
        ("days until a password is locked", "chage --inactive 5 gerda", "users", "gerda", "changed"),
        ("days before a password may change", "chage --mindays 5 hanna", "users", "hanna", "changed"),
        ("certificate with another key", "certificate /etc/tls/other other 30; openssl genrsa -out /etc/tls/other.key 2048 2> /dev/null", "certificates", "/etc/tls/other.crt", "only-b"),
        ("rule of the packet filter", "nft add rule inet filter input tcp dport 23 accept", "packet_filter", "nft:table inet filter/chain input", "changed"),
        ("table of the packet filter", "printf 'table inet old {\\nflags dormant\\nchain a {\\naccept\\n}\\nchain b {\\ndrop\\n}\\n}\\n' | nft -f -", "packet_filter", "nft:table inet old", "only-b"),
    ),
    *_on(
        "more services",
        (
            "timer and its service",
            "printf '[Timer]\\nOnCalendar=daily\\n' > /etc/systemd/system/tick.timer; printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/tick.service;"
            "systemctl daemon-reload; systemctl start tick.timer",
            "systemd", "tick.timer", "only-b",
        ),
        (
            "socket for which systemd listens",
            "printf '[Socket]\\nListenStream=127.0.0.1:7777\\nAccept=yes\\n' > /etc/systemd/system/door.socket; printf '[Service]\\nExecStart=/bin/cat\\n' > /etc/systemd/system/door@.service;"
            "systemctl daemon-reload; systemctl start door.socket",
            "systemd", "door.socket", "only-b",
        ),
        (
            "unit of a mount",
            "mkdir /opt/scratch; printf '[Mount]\\nWhat=tmpfs\\nWhere=/opt/scratch\\nType=tmpfs\\n' > /etc/systemd/system/opt-scratch.mount; systemctl daemon-reload; systemctl start opt-scratch.mount",
            "systemd", "opt-scratch.mount", "only-b",
        ),
        ("other arguments", "sed -i s/infinity/99999/ /etc/systemd/system/moved.service; systemctl daemon-reload; systemctl restart moved", "systemd", "moved.service", "changed"),
        (
            "other user",
            "mkdir /etc/systemd/system/armed.service.d; printf '[Service]\\nUser=worker\\n' > /etc/systemd/system/armed.service.d/x.conf; systemctl daemon-reload; systemctl restart armed",
            "systemd", "armed.service", "changed",
        ),
        ("link that enables a unit a second time", "mkdir -p /etc/systemd/system/rescue.target.wants; ln -s /etc/systemd/system/moved.service /etc/systemd/system/rescue.target.wants/", "files", "/etc/systemd/system/rescue.target.wants", "only-b"),
        ("unit file gone while it runs", "rm /etc/systemd/system/bound.service; systemctl daemon-reload", "systemd", "bound.service", "only-a"),
        (
            "configuration that was removed and is still served",
            "echo 'server { listen 80; server_name _ x; return 503; }' > /etc/nginx/conf.d/a.conf; nginx -s reload; sleep 1.5; rm /etc/nginx/conf.d/a.conf",
            "processes", "nginx.service|/usr/sbin/nginx", "changed", "nginx",
        ),
    ),
    *_on(
        "files and certificates",
        ("user xattr", "python3 -c 'import os; os.setxattr(\"/srv/website/index.html\", \"user.note\", b\"1\")'", "files", "/srv/website/index.html", "changed"),
        ("acl on nginx.conf", "posix_acl /etc/nginx/nginx.conf system.posix_acl_access", "files", "/etc/nginx/nginx.conf", "changed", "nginx-common"),
        ("hard link to conffile", "ln /etc/nginx/mime.types /srv/box/mime", "files", "/srv/box/mime", "only-b"),
        ("hard link to setuid program", "ln /usr/bin/passwd /srv/box/su", "files", "/srv/box/su", "only-b"),
        ("sparse file", "truncate -s 2G /var/lib/sparse.img", "files", "/var/lib/sparse.img", "only-b"),
        ("unix socket left", "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/srv/app.sock\")'", "files", "/srv/app.sock", "only-b"),
        ("dangling link", "ln -s /nowhere /srv/box/dangling", "files", "/srv/box/dangling", "only-b"),
        ("loop of links", "ln -s loop2 /srv/box/loop", "files", "/srv/box/loop", "only-b"),
        ("unicode name", "echo x > /srv/website/café.html", "files", "/srv/website/café.html", "only-b"),
        ("name with blank at end", "echo x > '/srv/website/x.html '", "files", "/srv/website/x.html ", "only-b"),
        ("owner of nginx's directory", "chown root /var/lib/nginx/body", "files", "/var/lib/nginx/body", "changed"),
        ("package dir removed", "rm -r /usr/share/nginx/html", "files", "/usr/share/nginx/html", "only-a", "nginx-common"),
        ("program replaced by a link", "mv /usr/bin/zgrep /usr/local/bin/zgrep.real; ln -s /usr/local/bin/zgrep.real /usr/bin/zgrep", "files", "/usr/bin/zgrep", "changed", "gzip"),
        ("where it went", ":", "files", "/usr/local/bin/zgrep.real", "only-b"),
        ("su lost its setuid", "chmod 755 /usr/bin/su", "files", "/usr/bin/su", "changed", "util-linux"),
        ("shadow readable", "chmod 644 /etc/shadow", "files", "/etc/shadow", "changed", "generated"),
        ("passwd writable", "chmod 666 /etc/passwd", "files", "/etc/passwd", "changed", "generated"),
        ("pth of python", "echo 'import os' > /usr/local/lib/python3.13/dist-packages/evil.pth", "files", "/usr/local/lib/python3.13/dist-packages/evil.pth", "only-b"),
        ("core dump", "head -c 100000 /dev/zero > /core", "files", "/core", "only-b"),
        ("directory at the top", "mkdir -p /data/a; echo x > /data/a/b", "files", "/data", "only-b"),
        ("history", "echo ls > /root/.bash_history", "files", "/root/.bash_history", "only-b"),
        ("known hosts", "mkdir -p -m 700 /root/.ssh; echo 'x ssh-ed25519 AAAA' > /root/.ssh/known_hosts", "files", "/root/.ssh*", "only-b"),
        ("docs removed", "rm -r /usr/share/doc/nginx", "files", "/usr/share/doc/nginx", "only-a", "nginx"),
        ("etckeeper", "mkdir -p /etc/.git/objects; echo ref > /etc/.git/HEAD", "files", "/etc/.git", "only-b"),
        ("editor backup", "cp /etc/nginx/nginx.conf /etc/nginx/nginx.conf~", "files", "/etc/nginx/nginx.conf~", "only-b"),
        ("site kept in available", "echo 'server {}' > /etc/nginx/sites-available/parked", "files", "/etc/nginx/sites-available/parked", "only-b"),
        ("tmp without sticky bit", "chmod 755 /tmp", "files", "/tmp", "changed", "package"),
        ("mail of root", "mkdir -p /var/mail; echo x > /var/mail/root", "files", "/var/mail/root", "only-b"),
        ("two files in a directory: first", "echo x > /srv/website/one.html", "files", "/srv/website/one.html", "only-b"),
        ("two files in a directory: second", "echo x > /srv/website/two.html", "files", "/srv/website/two.html", "only-b"),
        ("two packaged files of one package: first", "echo x >> /usr/share/thing-a/data", "files", "/usr/share/thing-a/data", "changed", "thing-a"),
        ("two packaged files of one package: second", "echo x >> /usr/share/thing-a/notes", "files", "/usr/share/thing-a/notes", "changed", "thing-a"),
        ("directory made a file", "rm -r /srv/app/config; echo x > /srv/app/config", "files", "/srv/app/config", "changed"),
        ("capability on python", "setcap cap_setuid+ep /usr/bin/python3.13", "files", "/usr/bin/python3.13", "changed", "python3.13-minimal"),
        ("git in the web root", "mkdir -p /srv/website/.git; echo x > /srv/website/.git/config", "files", "/srv/website/.git", "only-b"),
        ("link out of the web root", "ln -s /etc /srv/website/etc", "files", "/srv/website/etc", "only-b"),
        ("pip package", "d=/usr/local/lib/python3.13/dist-packages; mkdir -p $d/foo $d/foo-1.0.dist-info; touch $d/foo/__init__.py $d/foo-1.0.dist-info/RECORD", "files", "/usr/local/lib/python3.13/dist-packages/foo", "only-b"),
        ("versions of an application", "mkdir -p /opt/tool-1.2/bin; echo x > /opt/tool-1.2/bin/tool; ln -s tool-1.2 /opt/tool; ln -s /opt/tool/bin/tool /usr/local/bin/ourtool", "files", "/opt/tool-1.2", "only-b"),
        ("library swapped", "cp /usr/lib/x86_64-linux-gnu/libmnl.so.0.2.0 /usr/lib/x86_64-linux-gnu/libmnl.so.0.9.0; ln -sf libmnl.so.0.9.0 /usr/lib/x86_64-linux-gnu/libmnl.so.0", "files", "/usr/lib/x86_64-linux-gnu/libmnl.so.0", "changed", "libmnl0"),
        ("what the library's link leads to", ":", "files", "/usr/lib/x86_64-linux-gnu/libmnl.so.0.9.0", "only-b"),
        ("certificate for longer", "openssl req -x509 -key /etc/tls/c1.key -out /etc/tls/c1.crt -subj /CN=c1 -days 3650", "certificates", "/etc/tls/c1.crt", "changed"),
        ("certificate with another key of its kind", "openssl req -x509 -newkey ed25519 -nodes -keyout /etc/tls/c2.key -out /etc/tls/c2.crt -subj /CN=c2 -set_serial 1 -not_before 20260101000000Z -not_after 20270101000000Z 2> /dev/null", "certificates", "/etc/tls/c2.crt", "changed"),
        ("chain of a certificate", "cat /etc/tls/c1.crt >> /etc/tls/c4.crt", "certificates", "/etc/tls/c4.crt", "changed"),
        ("key of a certificate that has changed, open", "chmod 644 /etc/tls/c4.key", "files", "/etc/tls/c4.key", "changed"),
        ("certificate cut off", "head -c 200 /etc/tls/c5.crt > /etc/tls/x; cat /etc/tls/x > /etc/tls/c5.crt; rm /etc/tls/x", "certificates", "/etc/tls/c5.crt", "changed"),
        ("certificate gone with its key", "rm /etc/tls/c6.crt /etc/tls/c6.key", "certificates", "/etc/tls/c6.crt", "only-a"),
        ("certificate and key in one file", "openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/k -out /tmp/c -subj /CN=one -days 10 2> /dev/null; cat /tmp/k /tmp/c > /etc/tls/one.pem; rm /tmp/k /tmp/c", "certificates", "/etc/tls/one.pem", "only-b"),
        ("certificate outside of /etc", "mkdir /opt/ssl; certificate /opt/ssl/a a 90", "files", "/opt/ssl", "only-b"),
    ),
    *_on(
        "accounts and nginx",
        ("group password", "groupmod -p '$6$abcdefgh$0123456789012345678901' team", "groups", "team", "changed"),
        ("group administrator", "gpasswd -A anna staff2", "groups", "staff2", "changed"),
        ("gecos", "usermod -c 'New Name' berta", "users", "berta", "changed"),
        ("root password", "echo root:xyz | chpasswd", "users", "root", "changed"),
        ("weaker hash", "usermod -p '$1$abcdefgh$0123456789012345678901' dora", "users", "dora", "changed"),
        ("shell for www-data", "usermod -s /bin/bash www-data", "users", "www-data", "changed"),
        ("must change", "chage -d 0 emma", "users", "emma", "changed"),
        ("days of password", "chage -M 30 -W 3 frida", "users", "frida", "changed"),
        ("group renamed", "groupmod -n newcrew oldcrew", "groups", "*crew*", "*"),
        ("user renamed", "usermod -l wilhelmine wilma", "users", "wil*", "*"),
        ("user gone, home stays", "userdel clara", "users", "clara", "only-a"),
        ("uid shifted by hand", "sed -i 's/^gerda:x:[0-9]*:/gerda:x:7005:/' /etc/passwd", "users", "gerda", "changed"),
        ("home moved", "usermod -m -d /srv/hanna hanna", "users", "hanna", "changed"),
        ("primary group", "usermod -g adm ulla", "users", "ulla", "changed"),
        ("open home", "chmod 777 /home/anna", "files", "/home/anna", "changed"),
        ("two facts of a user: group of one", "groupadd vip; gpasswd -a yvonne vip > /dev/null", "groups", "vip", "only-b"),
        ("group with a member", "groupadd docker; gpasswd -a xenia docker > /dev/null", "groups", "docker", "only-b"),
        ("nologin", "touch /etc/nologin", "files", "/etc/nologin", "only-b"),
        ("login.defs", "echo 'UMASK 000' >> /etc/login.defs", "files", "/etc/login.defs", "changed", "login.defs"),
        ("shells", "echo /usr/local/bin/vi >> /etc/shells", "files", "/etc/shells", "changed"),
        ("range of ids", "usermod --add-subuids 800000-865535 yvonne", "subids", "subuid:yvonne", "changed"),
        ("line twice", "echo 'vera:x:0:0::/root:/bin/bash' >> /etc/passwd", "users", "vera#", "only-b"),
        ("key in authorized_keys2", 'mkdir -p -m 700 /home/zora/.ssh; echo "$(key A) x" > /home/zora/.ssh/authorized_keys2; chown -R zora: /home/zora/.ssh', "authorized_keys", "zora:*", "only-b"),
        ("key elsewhere", 'mkdir -p /etc/ssh/authorized_keys.d; echo "$(key B) x" > /etc/ssh/authorized_keys.d/root', "authorized_keys", "root:*", "only-b"),
        ("same key without its command", "k=$(sed 's/^[^ ]* //' /home/vera/.ssh/authorized_keys); sed -i \"1i $k\" /home/vera/.ssh/authorized_keys", "authorized_keys", "vera:*", "*"),
        ("sshd_config", "sed -i 's/PermitRootLogin no/PermitRootLogin yes/' /etc/ssh/sshd_config", "files", "/etc/ssh/sshd_config", "changed"),
        ("sshd drop-in", "echo 'PasswordAuthentication yes' > /etc/ssh/sshd_config.d/x.conf", "files", "/etc/ssh/sshd_config.d/x.conf", "only-b"),
        ("sudo file with a dot", "echo 'x ALL=ALL' > /etc/sudoers.d/x.bak; chmod 440 /etc/sudoers.d/x.bak", "files", "/etc/sudoers.d/x.bak", "only-b"),
        ("sudo file open", "chmod 666 /etc/sudoers.d/anna", "files", "/etc/sudoers.d/anna", "changed"),
        ("sudo default", "echo 'Defaults !authenticate' > /etc/sudoers.d/zz; chmod 440 /etc/sudoers.d/zz", "sudoers", "/etc/sudoers.d/zz:Defaults !authenticate", "only-b"),
        ("group sudo rule", "echo '%staff ALL=(ALL:ALL) ALL' >> /etc/sudoers", "sudoers", "/etc/sudoers:%staff ALL=(ALL:ALL) ALL", "only-b"),
        ("rhosts", "echo + > /root/.rhosts", "files", "/root/.rhosts", "only-b"),
        ("skel", "echo x > /etc/skel/.netrc", "files", "/etc/skel/.netrc", "only-b"),
        ("listen added", "sed -i 's/listen 80;/listen 80; listen 8088;/' /etc/nginx/sites-available/ansible-website; systemctl reload nginx; sleep 0.5", "files", "/etc/nginx/sites-available/ansible-website", "changed"),
        ("stream module", "echo '# x' > /etc/nginx/modules-enabled/50-x.conf", "files", "/etc/nginx/modules-enabled/50-x.conf", "only-b"),
        ("map", "echo 'map $host $x { default 0; }' > /etc/nginx/conf.d/map.conf; systemctl reload nginx; sleep 0.5", "files", "/etc/nginx/conf.d/map.conf", "only-b"),
        ("upstream", "echo 'upstream back { server 127.0.0.1:9000; }' > /etc/nginx/conf.d/up.conf; systemctl reload nginx; sleep 0.5", "files", "/etc/nginx/conf.d/up.conf", "only-b"),
        ("snippet edited", "echo '# x' >> /etc/nginx/snippets/fastcgi-php.conf", "files", "/etc/nginx/snippets/fastcgi-php.conf", "changed", "nginx-common"),
        ("htpasswd", "echo 'a:b' > /etc/nginx/.htpasswd", "files", "/etc/nginx/.htpasswd", "only-b"),
        ("site and link", "printf 'server { listen 8090; server_name two; root /srv/two; }\\n' > /etc/nginx/sites-available/two; ln -s ../sites-available/two /etc/nginx/sites-enabled/two; systemctl reload nginx; sleep 0.5", "files", "/etc/nginx/sites-*/two", "only-b"),
        ("its web root", "mkdir /srv/two; echo x > /srv/two/index.html", "files", "/srv/two", "only-b"),
        ("compressed page", "gzip -k /srv/website/index.html", "files", "/srv/website/index.html.gz", "only-b"),
        ("log directory", "chmod 777 /var/log/nginx", "files", "/var/log/nginx", "changed", "package"),
        ("another log", "echo x > /var/log/nginx/two.log", "files", "/var/log/nginx/two.log", "only-b", "generated"),
    ),
    *_on(
        "settings and accounts",
        ("reboot entry of root", "echo '@reboot /usr/local/bin/x' > /var/spool/cron/crontabs/root; chmod 600 /var/spool/cron/crontabs/root", "cron", "/var/spool/cron/crontabs/root: @reboot root /usr/local/bin/x", "only-b"),
        ("ignored cron file", "echo '* * * * * root true' > /etc/cron.d/old.bak", "cron", "/etc/cron.d/old.bak: * * * * * root true", "only-b"),
        ("variable of a crontab", "sed -i 's/MAILTO=root/MAILTO=admin/' /etc/cron.d/pair", "cron", "/etc/cron.d/pair: MAILTO=admin", "changed"),
        ("one line of two", "sed -i 's/^20 2/21 2/' /etc/cron.d/pair", "cron", "/etc/cron.d/pair: 21 2 * * * root /usr/local/bin/two", "changed"),
        ("daily script no longer run", "chmod -x /etc/cron.daily/dpkg", "cron", "script:/etc/cron.daily/dpkg", "changed", "dpkg"),
        ("daily script removed", "rm /etc/cron.daily/apt-compat", "cron", "script:/etc/cron.daily/apt-compat", "only-a", "apt"),
        ("cron.allow", "echo root > /etc/cron.allow", "files", "/etc/cron.allow", "only-b"),
        ("sysctl that loses", "echo 'net.ipv4.tcp_syncookies = 0' > /etc/sysctl.d/10-x.conf", "files", "/etc/sysctl.d/10-x.conf", "only-b"),
        ("sysctl that wins", "echo 'kernel.sysrq = 1' > /etc/sysctl.d/99-y.conf", "sysctl", "configured:kernel.sysrq", "only-b"),
        ("vendor sysctl hidden", "ls /usr/lib/sysctl.d/10-coredump-debian.conf > /dev/null; ln -s /dev/null /etc/sysctl.d/10-coredump-debian.conf", "sysctl", "configured:kernel.core_pattern", "only-a", "systemd"),
        ("sysctl.conf", "echo 'vm.swappiness = 10' > /etc/sysctl.conf", "sysctl", "configured:vm.swappiness", "only-b"),
        ("module option", "echo 'options loop max_loop=64' > /etc/modprobe.d/loop.conf", "modules", "options loop max_loop=64", "only-b"),
        ("module install", "echo 'install usb-storage /bin/true' >> /etc/modprobe.d/floppy.conf", "modules", "install usb-storage /bin/true", "only-b"),
        ("limit overridden later", "echo 'www-data hard nofile 100' > /etc/security/limits.d/zz.conf", "limits", "www-data hard nofile", "changed"),
        ("timezone file", "echo Europe/Rome > /etc/timezone", "files", "/etc/timezone", "only-b"),
        ("locale.conf", "echo 'LANG=de_DE.UTF-8' > /etc/locale.conf", "system", "locale", "*"),
        ("swap", "echo '/swapfile none swap sw 0 0' >> /etc/fstab", "mounts", "configured:/swapfile", "only-b"),
        ("second swap", "echo '/dev/sdz2 none swap sw 0 0' >> /etc/fstab", "mounts", "configured:/dev/sdz2", "only-b"),
        ("options of a mount", "sed -i 's/size=10m/size=20m/' /etc/fstab", "mounts", "configured:/srv/tmp", "changed"),
        ("crypttab", "echo 'x /dev/sdz none luks' > /etc/crypttab", "files", "/etc/crypttab", "only-b"),
        ("nsswitch", "sed -i 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf", "files", "/etc/nsswitch.conf", "changed"),
        ("profile", "echo 'umask 000' >> /etc/profile", "files", "/etc/profile", "changed"),
        ("bash.bashrc", "echo 'alias ls=rm' >> /etc/bash.bashrc", "files", "/etc/bash.bashrc", "changed", "bash"),
        ("skel bashrc", "echo x >> /etc/skel/.bashrc", "files", "/etc/skel/.bashrc", "changed", "bash"),
        ("motd", "echo Hello > /etc/motd", "files", "/etc/motd", "changed"),
        ("motd script", "printf '#!/bin/sh\\n' > /etc/update-motd.d/99-x; chmod 755 /etc/update-motd.d/99-x", "files", "/etc/update-motd.d/99-x", "only-b"),
        ("issue", "echo x >> /etc/issue", "files", "/etc/issue", "changed", "base-files"),
        ("udev", "mkdir -p /etc/udev/rules.d; echo x > /etc/udev/rules.d/99-x.rules", "files", "/etc/udev", "only-b"),
        ("polkit", "mkdir -p /etc/polkit-1/rules.d; echo x > /etc/polkit-1/rules.d/99-x.rules", "files", "/etc/polkit-1", "only-b"),
        ("apparmor", "mkdir -p /etc/apparmor.d/disable; ln -s /x /etc/apparmor.d/disable/y", "files", "/etc/apparmor.d", "only-b"),
        ("networkmanager", "mkdir -p /etc/NetworkManager/system-connections; echo x > /etc/NetworkManager/system-connections/a.nmconnection", "files", "/etc/NetworkManager", "only-b"),
        ("interfaces", "mkdir -p /etc/network; echo 'auto eth9' > /etc/network/interfaces", "files", "/etc/network", "only-b"),
        ("aliases", "echo 'root: admin@example.org' > /etc/aliases", "files", "/etc/aliases", "only-b"),
        ("ca deselected", "sed -i '0,/^mozilla/s/^mozilla/!mozilla/' /etc/ca-certificates.conf; update-ca-certificates > /dev/null 2>&1", "files", "/etc/ca-certificates.conf", "changed"),
        ("pam stack", "sed -i 's/pam_unix.so.*/pam_unix.so nullok/;s/^auth.*pam_deny.so//' /etc/pam.d/common-auth", "files", "/etc/pam.d/common-auth", "changed"),
        ("new pam service", "echo 'auth required pam_permit.so' > /etc/pam.d/x", "files", "/etc/pam.d/x", "only-b"),
        ("access.conf", "echo '+:ALL:ALL' >> /etc/security/access.conf", "files", "/etc/security/access.conf", "changed", "libpam-modules"),
        ("hosts.allow", "echo 'ALL: ALL' > /etc/hosts.allow", "files", "/etc/hosts.allow", "only-b"),
        ("logrotate of nginx", "sed -i 's/rotate 14/rotate 1/' /etc/logrotate.d/nginx", "files", "/etc/logrotate.d/nginx", "changed", "nginx-common"),
        ("defaults of nginx", "echo 'DAEMON_OPTS=x' >> /etc/default/nginx", "files", "/etc/default/nginx", "*", "nginx-common"),
        ("dbus policy", "mkdir -p /etc/dbus-1/system.d; echo x > /etc/dbus-1/system.d/x.conf", "files", "/etc/dbus-1/system.d/x.conf", "only-b"),
        ("gai.conf", "echo 'precedence ::ffff:0:0/96 100' >> /etc/gai.conf", "files", "/etc/gai.conf", "changed", "libc-bin"),
        ("openssl.cnf", "sed -i 's/^# *\\(.*SECLEVEL\\)/\\1/; $a x = 1' /etc/ssl/openssl.cnf", "files", "/etc/ssl/openssl.cnf", "changed", "openssl"),
        ("library in /usr/local", "mkdir -p /usr/local/lib; cp /usr/lib/x86_64-linux-gnu/libmnl.so.0.2.0 /usr/local/lib/libx.so.1; ldconfig", "files", "/usr/local/lib/libx.so.1*", "only-b"),
        ("alternative's program gone", "rm /usr/local/bin/emacs", "files", "/usr/local/bin/emacs", "only-a"),
        ("alternative's link by hand", "ln -sfn /usr/local/bin/nothing /etc/alternatives/paging", "alternatives", "paging", "changed"),
        ("environment", "echo 'LD_LIBRARY_PATH=/x' >> /etc/environment", "system", "environment", "*"),
        ("locale.gen", "echo 'de_DE.UTF-8 UTF-8' > /etc/locale.gen", "system", "generated-locales", "*"),
        ("sitecustomize", "echo 'import os' > /usr/lib/python3/dist-packages/sitecustomize.py", "files", "/usr/lib/python3/dist-packages/sitecustomize.py", "only-b"),
        ("hushlogin", "touch /root/.hushlogin", "files", "/root/.hushlogin", "only-b"),
        ("binfmt", "echo ':x:M::\\x7f::/bin/true:' > /etc/binfmt.d/x.conf", "files", "/etc/binfmt.d/x.conf", "only-b"),
        ("credstore", "echo s > /etc/credstore/x", "files", "/etc/credstore/x", "only-b"),
        ("journald conf", "sed -i 's/^#Storage.*/Storage=volatile/' /etc/systemd/journald.conf", "files", "/etc/systemd/journald.conf", "changed", "systemd"),
        ("mount unit masked", "systemctl -q mask tmp.mount", "systemd", "tmp.mount", "*", "systemd"),
        ("trusted", "sed -i 's|^deb \\(http[^ ]*security\\)|deb [trusted=yes] \\1|' /etc/apt/sources.list", "apt", "source:deb *security*", "changed"),
        ("component", "sed -i 's/trixie-updates main/trixie-updates main contrib/' /etc/apt/sources.list", "apt", "source:deb * trixie-updates", "changed"),
        ("source disabled", "echo 'Enabled: no' >> /etc/apt/sources.list.d/other.sources", "apt", "source:deb http://example.net/debian sid", "*"),
        ("key in keyrings", "cp /usr/share/keyrings/debian-archive-removed-keys.gpg /etc/apt/keyrings/x.gpg", "apt", "key:*", "only-b"),
        ("auth", "echo 'machine example.org login a password b' > /etc/apt/auth.conf.d/x.conf", "files", "/etc/apt/auth.conf.d/x.conf", "only-b"),
        ("one pin of two", "sed -i '0,/900/s//990/' /etc/apt/preferences.d/two", "apt", "preference:foo release a=stable", "changed"),
        ("source saved", "echo 'deb http://x.example.org/ sid main' > /etc/apt/sources.list.d/x.list.save", "files", "/etc/apt/sources.list.d/x.list.save", "only-b"),
        ("comment in apt.conf.d", "echo '// nothing' > /etc/apt/apt.conf.d/50note", "files", "/etc/apt/apt.conf.d/50note", "only-b"),
        ("unattended upgrades", "printf 'APT::Periodic::Update-Package-Lists \"1\";\\nAPT::Periodic::Unattended-Upgrade \"1\";\\n' > /etc/apt/apt.conf.d/20auto-upgrades", "apt", "config:APT::Periodic::*", "only-b"),
        ("hook", "echo 'DPkg::Post-Invoke {\"touch /tmp/x\";};' > /etc/apt/apt.conf.d/98hook", "apt", "config:DPkg::Post-Invoke*", "*"),
        ("whole user", "useradd -m -s /bin/bash -G adm evil; mkdir -p -m 700 /home/evil/.ssh; echo \"$(key A) x\" > /home/evil/.ssh/authorized_keys; chown -R evil: /home/evil; mkdir -p /var/spool/cron/crontabs; echo '@reboot true' > /var/spool/cron/crontabs/evil; chown evil /var/spool/cron/crontabs/evil", "users", "evil", "only-b"),
        ("and his sudo rule", "echo 'evil ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/evil; chmod 440 /etc/sudoers.d/evil", "sudoers", "/etc/sudoers.d/evil:*", "only-b"),
        ("three faults of a user: shell", "usermod -s /bin/sh anna", "users", "anna", "changed"),
        ("three faults of a user: key", 'sed -i "\\$a $(key C) y" /home/anna/.ssh/authorized_keys', "authorized_keys", "anna:*", "only-b"),
        ("three faults of a user: crontab", "echo '@daily true' > /var/spool/cron/crontabs/anna; chown anna /var/spool/cron/crontabs/anna; chmod 600 /var/spool/cron/crontabs/anna", "cron", "/var/spool/cron/crontabs/anna: @daily anna true", "only-b"),
        ("shell and group of one user", "usermod -s /bin/sh -aG adm berta", "users", "berta", "changed"),
        ("group shifted by hand", "sed -i 's/^oldcrew:x:3400:/oldcrew:x:3499:/' /etc/group", "groups", "oldcrew", "changed"),
        ("user removed with a membership", "userdel -r ulla 2> /dev/null", "users", "ulla", "only-a"),
        ("crontab of a user changed", "sed -i 's/report/report2/' /var/spool/cron/crontabs/zora", "cron", "/var/spool/cron/crontabs/zora: 5 4 * * * zora /usr/local/bin/report2", "changed"),
        ("authorized_keys writable", "chmod 666 /home/vera/.ssh/authorized_keys", "files", "/home/vera/.ssh/authorized_keys", "changed"),
        ("two users", "useradd -m one1; useradd -m two2", "users", "one1", "only-b"),
        ("second of two users", ":", "users", "two2", "only-b"),
        ("root's shell", "usermod -s /usr/sbin/nologin root", "users", "root", "changed"),
        ("line removed from shadow", "sed -i '/^frida:/d' /etc/shadow", "users", "frida", "changed"),
    ),
    *_on(
        "packages and mirror",
        ("unpacked", "mkdir -p /tmp/u/DEBIAN; printf 'Package: un\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@example.org>\\nDescription: x\\n' > /tmp/u/DEBIAN/control; dpkg-deb -b /tmp/u /tmp/u.deb > /dev/null; dpkg --unpack /tmp/u.deb > /dev/null; rm -r /tmp/u /tmp/u.deb", "packages", "un", "only-b", "un"),
        ("purge", "dpkg --purge sample-two > /dev/null", "packages", "sample-two", "only-a", "sample-two"),
        ("hold released", "apt-mark unhold thing-f > /dev/null", "packages", "thing-f", "changed", "thing-f"),
        ("held and edited: held", "apt-mark hold sample-six > /dev/null", "packages", "sample-six", "changed", "sample-six"),
        ("held and edited: edited", "echo x >> /etc/sample-six.conf", "files", "/etc/sample-six.conf", "changed", "sample-six"),
        ("older with an edited conffile: older", "package thing-b 1.0 /etc/thing-b.conf", "packages", "thing-b", "changed", "thing-b"),
        ("older with an edited conffile: edited", "echo x >> /etc/thing-b.conf", "files", "/etc/thing-b.conf", "changed", "thing-b"),
        ("newer", "package thing-c 3.0 /etc/thing-c.conf", "packages", "thing-c", "changed", "thing-c"),
        ("deselected", "echo 'thing-d deinstall' | dpkg --set-selections", "packages", "thing-d", "changed", "thing-d"),
        ("reinstreq", "sed -i '/^Package: thing-e$/,/^$/s/install ok installed/install reinstreq half-installed/' /var/lib/dpkg/status", "packages", "thing-e", "changed", "thing-e"),
        ("package with service and dependency", "package depp 1.0; apt-mark auto depp > /dev/null; DEPENDS=depp; package mainp 1.0 /usr/lib/systemd/system/mainp.service /etc/mainp.conf; DEPENDS=; systemctl daemon-reload; systemctl -q enable --now mainp", "packages", "mainp", "only-b", "mainp"),
        ("second package with a dependency", "package depq 1.0; apt-mark auto depq > /dev/null; DEPENDS='depq (>= 0.5) | depp'; package mainq 1.0; DEPENDS=", "packages", "mainq", "only-b", "mainq"),
        ("md5sums gone", "rm -f /var/lib/dpkg/info/nginx-common.md5sums", "files", "/var/lib/dpkg/info/nginx-common.md5sums", "only-a", "generated"),
        ("dpkg excludes", "echo 'path-exclude=/usr/share/doc/*' > /etc/dpkg/dpkg.cfg.d/excludes", "files", "/etc/dpkg/dpkg.cfg.d/excludes", "only-b"),
        ("debconf", "echo 'tzdata tzdata/Areas select Europe' | debconf-set-selections", "dpkg", "debconf:tzdata/Areas", "*"),
        ("override for nothing", "dpkg-statoverride --add root adm 0750 /usr/bin/nothing", "dpkg", "statoverride:/usr/bin/nothing", "only-b"),
        ("diversion without renaming", "dpkg-divert --quiet --add --no-rename --divert /usr/bin/zmore.real /usr/bin/zmore", "dpkg", "diversion:/usr/bin/zmore", "only-b"),
        ("diversion and another file in its place", "dpkg-divert --quiet --add --rename --divert /usr/bin/zless.real /usr/bin/zless; printf '#!/bin/sh\\n' > /usr/bin/zless; chmod 755 /usr/bin/zless", "dpkg", "diversion:/usr/bin/zless", "only-b"),
        ("dpkg-old", "echo x > /etc/thing-c.conf.dpkg-old", "dpkg", "leftover:/etc/thing-c.conf.dpkg-old", "only-b"),
        ("alternative fixed to what it is", "update-alternatives --quiet --set editing /usr/local/bin/vi", "alternatives", "editing", "changed"),
        ("alternative with one more choice", "cp /usr/local/bin/vi /usr/local/bin/nano; update-alternatives --quiet --install /usr/local/bin/paging paging /usr/local/bin/nano 5", "alternatives", "paging", "changed"),
        ("conffile missing of a package", "rm /etc/sample-nine.conf; apt-mark manual sample-nine > /dev/null", "files", "/etc/sample-nine.conf", "only-a", "sample-nine"),
        ("that is marked manual too", ":", "packages", "sample-nine", "changed", "sample-nine"),
        ("two edited conffiles", "echo x >> /etc/sample-one.conf", "files", "/etc/sample-one.conf", "changed", "sample-one"),
        ("two edited conffiles 2", "echo x >> /etc/sample-three.conf", "files", "/etc/sample-three.conf", "changed", "sample-three"),
        ("removed, conffile edited before", "echo x >> /etc/sample-ten.conf; dpkg --remove sample-ten > /dev/null", "packages", "sample-ten", "changed", "sample-ten"),
        ("the file edited before", ":", "files", "/etc/sample-ten.conf", "changed", "sample-ten"),
        ("mirror", "sed -i 's|//[^/]*/|//mirror.example.org/|' /etc/apt/sources.list", "apt", "source:deb http://mirror.example.org/*", "changed"),
        ("comment in the file of pins", "echo '# x' >> /etc/apt/preferences.d/two", "files", "/etc/apt/preferences.d/two", "changed"),
    ),
    *_on(
        "units and processes",
        ("drop-in of a template", "mkdir -p /etc/systemd/system/getty@.service.d; printf '[Service]\\nExecStart=\\nExecStart=-/sbin/agetty --autologin root --noclear %%I\\n' > /etc/systemd/system/getty@.service.d/x.conf; systemctl daemon-reload", "systemd", "getty@.service", "changed", "systemd"),
        ("instance enabled", "systemctl -q enable getty@tty5.service", "systemd", "getty@tty5.service", "only-b", "systemd"),
        ("vendor unit overridden", "sed 's/PIDFile.*/&\\nLimitNOFILE=77/' /usr/lib/systemd/system/dpkg-db-backup.service > /etc/systemd/system/dpkg-db-backup.service; systemctl daemon-reload", "systemd", "dpkg-db-backup.service", "changed", "dpkg"),
        ("preset", "mkdir -p /etc/systemd/system-preset; echo 'disable *' > /etc/systemd/system-preset/00-x.preset", "files", "/etc/systemd/system-preset", "only-b"),
        ("unit for users", "printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=default.target\\n' > /etc/systemd/user/agent.service; systemctl --global -q enable agent.service", "files", "/etc/systemd/user/agent.service", "only-b"),
        ("generator", "mkdir -p /etc/systemd/system-generators; printf '#!/bin/sh\\n' > /etc/systemd/system-generators/gen; chmod 755 /etc/systemd/system-generators/gen", "files", "/etc/systemd/system-generators", "only-b"),
        ("property", "systemctl set-property u2.service MemoryMax=100M", "systemd", "u2.service", "changed"),
        ("property until the next boot", "systemctl set-property --runtime u3.service MemoryMax=100M", "systemd", "u3.service", "changed"),
        ("masked until the next boot", "systemctl -q mask --runtime fstrim.timer", "systemd", "fstrim.timer", "changed", "util-linux"),
        ("transient service", "systemd-run -q --unit=transient1 /usr/bin/sleep 10000", "processes", "transient1.service|*", "only-b", "coreutils"),
        ("nameless transient service", "systemd-run -q /usr/bin/tail -f /dev/null", "processes", "*|/usr/bin/tail", "only-b", "coreutils"),
        ("lone process", "setsid /usr/bin/cat < /dev/zero > /dev/null 2>&1 &", "processes", "*|/usr/bin/cat", "only-b", "coreutils"),
        ("timer disabled", "systemctl -q disable dpkg-db-backup.timer", "systemd", "dpkg-db-backup.timer", "changed", "dpkg"),
        ("timer at another time", "mkdir /etc/systemd/system/apt-daily.timer.d; printf '[Timer]\\nOnCalendar=\\nOnCalendar=monthly\\n' > /etc/systemd/system/apt-daily.timer.d/x.conf; systemctl daemon-reload", "systemd", "apt-daily.timer", "changed", "apt"),
        ("journald", "mkdir -p /etc/systemd/journald.conf.d; printf '[Journal]\\nStorage=none\\n' > /etc/systemd/journald.conf.d/x.conf", "files", "/etc/systemd/journald.conf.d", "only-b"),
        ("logind", "sed -i 's/^#KillUserProcesses.*/KillUserProcesses=yes/' /etc/systemd/logind.conf", "files", "/etc/systemd/logind.conf", "changed", "systemd"),
        ("default limit", "mkdir -p /etc/systemd/system.conf.d; printf '[Manager]\\nDefaultLimitNOFILE=99\\n' > /etc/systemd/system.conf.d/x.conf", "limits", "systemd-system:DefaultLimitNOFILE", "only-b"),
        ("network", "printf '[Match]\\nName=eth9\\n[Network]\\nDHCP=yes\\n' > /etc/systemd/network/10-x.network", "files", "/etc/systemd/network/10-x.network", "only-b"),
        ("init script", "printf '#!/bin/sh\\n### BEGIN INIT INFO\\n# Provides: legacy\\n# Default-Start: 2 3 4 5\\n# Default-Stop: 0 1 6\\n# Required-Start:\\n# Required-Stop:\\n### END INIT INFO\\nexit 0\\n' > /etc/init.d/legacy; chmod 755 /etc/init.d/legacy; systemctl daemon-reload; systemctl start legacy", "systemd", "legacy.service", "only-b"),
        ("enabling link removed by hand", "rm /etc/systemd/system/multi-user.target.wants/u4.service", "systemd", "u4.service", "changed"),
        ("empty drop-in", "mkdir /etc/systemd/system/u5.service.d; : > /etc/systemd/system/u5.service.d/x.conf; systemctl daemon-reload", "systemd", "u5.service", "changed"),
        ("drop-in changed", "sed -i s/99/199/ /etc/systemd/system/u1.service.d/x.conf; systemctl daemon-reload; systemctl restart u1", "systemd", "u1.service", "changed"),
        ("path unit", "printf '[Path]\\nPathExists=/nowhere\\n' > /etc/systemd/system/watch.path; printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/watch.service; systemctl daemon-reload; systemctl start watch.path", "systemd", "watch.path", "only-b"),
        ("stopped and disabled", "systemctl -q disable --now u6", "systemd", "u6.service", "changed"),
        ("environment.d", "mkdir -p /etc/environment.d; echo LD_PRELOAD=/x > /etc/environment.d/x.conf", "files", "/etc/environment.d", "only-b"),
        ("rc.local", "printf '#!/bin/sh\\nexit 0\\n' > /etc/rc.local; chmod 755 /etc/rc.local; systemctl daemon-reload", "files", "/etc/rc.local", "only-b"),
        ("always restarting", "printf '[Service]\\nExecStart=/bin/false\\nRestart=always\\nRestartSec=100\\n' > /etc/systemd/system/flap.service; systemctl daemon-reload; systemctl start flap; sleep 0.5", "systemd", "flap.service", "only-b"),
        ("tmpfiles", "echo 'd /run/x 0777 root root' > /etc/tmpfiles.d/x.conf", "files", "/etc/tmpfiles.d/x.conf", "only-b"),
        ("networkd enabled", "systemctl -q enable systemd-networkd", "systemd", "systemd-networkd.service", "changed", "systemd"),
        ("target masked", "systemctl -q mask ctrl-alt-del.target", "systemd", "ctrl-alt-del.target", "*", "systemd"),
        ("nginx binary replaced", "cp -p /usr/sbin/nginx /usr/sbin/x; mv /usr/sbin/x /usr/sbin/nginx", "processes", "nginx.service|/usr/sbin/nginx", "changed", "nginx"),
        ("script replaced by the same", "sleep 1; cp -p /opt/app/main.py /opt/app/x; mv /opt/app/x /opt/app/main.py", "processes", "pyapp.service|/usr/bin/python3.13", "changed", "python3.13-minimal"),
        ("environment file written again", "sleep 1; echo X=1 > /etc/default/envonly", "processes", "envonly.service|/usr/local/lib/envonly", "changed"),
        ("udp", "setsid python3 -c 'import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind((\"0.0.0.0\",5353)); time.sleep(9999)' > /dev/null 2>&1 < /dev/null & sleep 0.5", "listeners", "udp 0.0.0.0:5353", "only-b"),
        ("IPv6 and local", "setsid python3 -c 'import socket,time; s=socket.socket(socket.AF_INET,socket.SOCK_STREAM); s.bind((\"127.0.0.1\",6363)); s.listen(); time.sleep(9999)' > /dev/null 2>&1 < /dev/null & sleep 0.5", "listeners", "tcp 127.0.0.1:6363", "only-b"),
        ("other user's process", "setsid perl -e 'sleep 99999' > /dev/null 2>&1 < /dev/null &", "processes", "|/usr/bin/perl", "only-b", "perl-base"),
        ("unit with a process that was killed", "systemctl kill -s KILL scripted; sleep 0.3", "systemd", "scripted.service", "changed"),
        ("unix socket in a process", "setsid python3 -c 'import socket,time; s=socket.socket(socket.AF_UNIX); s.bind(\"/srv/x.sock\"); s.listen(); time.sleep(9999)' > /dev/null 2>&1 < /dev/null & sleep 0.5", "files", "/srv/x.sock", "only-b"),
    ),
    *_on(
        "all services",
        ("drop-in for all services", "mkdir -p /etc/systemd/system/service.d; printf '[Service]\\nLimitCORE=0\\n' > /etc/systemd/system/service.d/10-x.conf; systemctl daemon-reload", "files", "/etc/systemd/system/service.d", "only-b"),
    ),
    *_on(
        "nginx removed",
        ("nginx removed", "apt-get -qq remove nginx > /dev/null", "packages", "nginx", "*", "nginx"),
    ),
    *_on(
        "nginx with a dangling site",
        ("dangling site", "ln -s /etc/nginx/sites-available/none /etc/nginx/sites-enabled/none", "files", "/etc/nginx/sites-enabled/none", "only-b"),
    ),
    *_on(
        "after a second look",
        ("hosts line", "echo '192.0.2.9 old.example.org' >> /etc/hosts", "files", "/etc/hosts", "changed"),
        ("one more suite", "sed -n 's/trixie main/trixie-backports main/p' /etc/apt/sources.list > /tmp/suite; cat /tmp/suite >> /etc/apt/sources.list", "apt", "source:deb * trixie-backports", "only-b"),
        ("two sources in a new file", "printf 'deb http://a.example.org/ x main\\ndeb http://b.example.org/ y main\\n' > /etc/apt/sources.list.d/two.list", "apt", "source:deb http://a.example.org/ x", "only-b"),
        ("library package removed by force", "dpkg --remove --force-depends libtirpc3t64 > /dev/null 2>&1", "packages", "libtirpc3t64", "changed", "libtirpc3t64"),
        ("unit not enabled anew", "mkdir /etc/systemd/system/basic.target.wants; mv /etc/systemd/system/multi-user.target.wants/u3.service /etc/systemd/system/basic.target.wants/; systemctl daemon-reload", "files", "/etc/systemd/system/basic.target.wants/u3.service", "only-b", "enablement"),
        ("user unit in a home", "mkdir -p /home/ulla/.config/systemd/user; echo x > /home/ulla/.config/systemd/user/x.service; chown -R ulla: /home/ulla/.config", "files", "/home/ulla/.config", "only-b"),
        ("preload with its library", "cp /usr/lib/x86_64-linux-gnu/libmnl.so.0.2.0 /usr/local/lib/evil.so 2>/dev/null || echo x > /usr/local/lib/evil.so; echo /usr/local/lib/evil.so > /etc/ld.so.preload", "files", "/etc/ld.so.preload", "only-b"),
        ("library that is preloaded", ":", "files", "/usr/local/lib/evil.so", "only-b"),
        ("service with its program in /opt", "mkdir -p /opt/agent; cp /usr/bin/sleep /opt/agent/agent; printf '[Service]\\nExecStart=/opt/agent/agent infinity\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/opsagent.service; systemctl daemon-reload; systemctl -q enable --now opsagent", "systemd", "opsagent.service", "only-b"),
        ("program of a service in /opt", ":", "files", "/opt/agent", "only-b"),
        ("unit removed whole", "systemctl -q disable --now u4; rm /etc/systemd/system/u4.service; systemctl daemon-reload", "systemd", "u4.service", "only-a"),
        ("password never expires and locked", "usermod --lock --expiredate 2020-01-01 vera", "users", "vera", "changed"),
        ("group with two members", "groupadd --gid 4444 webadmins; usermod -aG webadmins vera; usermod -aG webadmins wilma", "groups", "webadmins", "only-b"),
        ("sudo for the group", "echo '%webadmins ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/webadmins; chmod 440 /etc/sudoers.d/webadmins", "sudoers", "/etc/sudoers.d/webadmins:*", "only-b"),
        ("directory for the group", "mkdir /srv/webadmins; chgrp webadmins /srv/webadmins; chmod 2775 /srv/webadmins", "files", "/srv/webadmins", "only-b"),
        ("capability of a unit", "mkdir /etc/systemd/system/u5.service.d; printf '[Service]\\nAmbientCapabilities=CAP_NET_ADMIN\\n' > /etc/systemd/system/u5.service.d/c.conf; systemctl daemon-reload", "systemd", "u5.service", "changed"),
        ("time zone by copy", "rm /etc/localtime; cp /usr/share/zoneinfo/Asia/Tokyo /etc/localtime", "system", "timezone", "changed"),
        ("profile.d link gone", "rm /etc/profile.d/70-systemd-shell-extra.sh", "files", "/etc/profile.d/70-systemd-shell-extra.sh", "only-a", "systemd"),
        ("alternative removed", "update-alternatives --quiet --remove-all paging", "alternatives", "paging", "only-a"),
        ("package file replaced by a directory", "rm /usr/share/thing-d/data; mkdir /usr/share/thing-d/data", "files", "/usr/share/thing-d/data", "changed", "thing-d"),
        ("conffile mode", "chmod 600 /etc/thing-a.conf", "files", "/etc/thing-a.conf", "changed", "thing-a"),
        ("conffile edited and mode", "chmod 666 /etc/thing-b.conf; echo x >> /etc/thing-b.conf", "files", "/etc/thing-b.conf", "changed", "thing-b"),
        ("mount by hand", "mount -t tmpfs tmpfs /mnt", "mounts", "live:/mnt", "only-b"),
        ("choice of an editor", "echo 'EDITOR=x' > /root/.selected_editor", "files", "/root/.selected_editor", "only-b"),
        ("sysctl removed", "rm /etc/sysctl.d/50-network.conf", "sysctl", "configured:net.ipv4.tcp_syncookies", "only-a"),
        ("limits file removed", "rm /etc/security/limits.d/web.conf", "limits", "www-data hard nofile", "only-a"),
        ("cron file removed", "rm /etc/cron.d/backup", "cron", "/etc/cron.d/backup: *", "only-a"),
        ("sudo rule removed", "rm /etc/sudoers.d/anna", "sudoers", "/etc/sudoers.d/anna:*", "only-a"),
        ("key removed", "rm /home/vera/.ssh/authorized_keys", "authorized_keys", "vera:*", "only-a"),
        ("fstab line removed", "sed -i '/srv.tmp/d' /etc/fstab", "mounts", "configured:/srv/tmp", "only-a"),
        ("source removed", "rm /etc/apt/sources.list.d/other.sources", "apt", "source:deb http://example.net/debian sid", "only-a"),
        ("timer started, not enabled", "printf '[Timer]\\nOnCalendar=daily\\nUnit=u1.service\\n' > /etc/systemd/system/once.timer; systemctl daemon-reload; systemctl start once.timer", "systemd", "once.timer", "only-b"),
        ("nginx log gone", "rm -r /var/log/nginx/access.log", "files", "/var/log/nginx/access.log", "only-a", "generated"),
        ("nginx body dir gone", "rm -rf /var/lib/nginx/uwsgi", "files", "/var/lib/nginx/uwsgi", "only-a"),
        ("conf snippet dir mode", "chmod 777 /etc/nginx/conf.d", "files", "/etc/nginx/conf.d", "changed", "package"),
        ("empty dir of a package gone", "rmdir /etc/apt/keyrings", "files", "/etc/apt/keyrings", "only-a", "package"),
        ("directory with a name of dots", "mkdir '/var/lib/...'; echo x > '/var/lib/.../x'", "files", "/var/lib/...", "only-b"),
        ("page that nobody may write", "chmod a-w /srv/website/index.html", "files", "/srv/website/index.html", "changed"),
        ("two lines in a new crontab", "printf 'SHELL=/bin/bash\\n5 5 * * * true\\n' > /var/spool/cron/crontabs/root; chmod 600 /var/spool/cron/crontabs/root", "cron", "/var/spool/cron/crontabs/root: *", "only-b"),
        ("all of a large directory", "rm -r /usr/share/doc/*", "files", "/usr/share/doc/apt", "only-a", "package"),
    ),
)  # fmt: skip
