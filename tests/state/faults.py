"""The seeded faults: what is planted on an upgraded machine, and the one finding that must say so.

Before anything is planted, both machines get the same FURNITURE: accounts, packages, services and files that a fault
can then change or remove. The faults of one machine are planted together; each has a finding of its own.
"""

# ruff: noqa: E501, ISC004 - a table has a fault in each row
from dataclasses import dataclass

TOOLS = r"""
export DEBIAN_FRONTEND=noninteractive
# package NAME VERSION [FILES...]: build a package out of nothing and install it
package() {
    name=$1 version=$2 tree=$(mktemp -d); shift 2
    mkdir -p "$tree/DEBIAN" "$tree/usr/share/$name"
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: a package\n' \
        "$name" "$version" > "$tree/DEBIAN/control"
    for kind in data notes; do echo "$kind of $version" > "$tree/usr/share/$name/$kind"; done
    for file in "$@"; do
        mkdir -p "$tree$(dirname "$file")"; echo "setting = 1" > "$tree$file"
        case $file in /etc/*) echo "$file" >> "$tree/DEBIAN/conffiles";; esac
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
# Stands in for nft, which needs a right that the machines lack; what is in /dev is not compared.
printf '%s\n' '#!/bin/sh' 'echo "table inet filter {"; echo "chain input {"; echo "tcp dport 80 accept"' \
    'cat /dev/shm/rule 2> /dev/null; echo "}"; echo "}"; cat /dev/shm/table 2> /dev/null || :' > /usr/sbin/nft
chmod 755 /usr/sbin/nft
for name in moved armed bound; do service $name; done
systemctl daemon-reload; systemctl enable --quiet --now moved armed bound
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
        ("rule of the packet filter", "echo 'tcp dport 23 accept' > /dev/shm/rule", "packet_filter", "nft:table inet filter/chain input", "changed"),
        ("table of the packet filter", "printf '%s\\n' 'table inet old {' 'flags dormant' 'chain a {' 'accept' '}' 'chain b {' 'drop' '}' '}' > /dev/shm/table", "packet_filter", "nft:table inet old", "only-b"),
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
)  # fmt: skip
