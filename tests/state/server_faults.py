"""Faults of real servers: what is planted on the upgraded one of two machines, and the one finding that must say so.

The machines of a group install the packages each by itself, so each has keys, databases and names of its own: the twin
has to tell these apart from what was planted among them. The faults of a group are planted together.
"""

# ruff: noqa: E501 - a table has a fault in each row
from dataclasses import dataclass

PACKAGES = {
    "databases": "mariadb-server postgresql ssl-cert",
    "mail": "postfix openssh-server haproxy ssl-cert varnish",
    "directories": "slapd samba docker.io ufw",
}
"""What the machines of each group install; without what the packages only recommend."""

PROBES = {"databases": ("postgresql", "mariadb")}
"""The probes of docs/probes that are declared for a group."""

PREPARED = {
    "databases": r"""
mariadb -e 'CREATE DATABASE site; CREATE TABLE site.page (id int primary key)'
""",
    "mail": r"""
mkdir -p /etc/haproxy/certs; chmod 700 /etc/haproxy/certs
openssl req -x509 -newkey rsa:2048 -nodes -keyout /etc/haproxy/certs/site.key -out /etc/haproxy/certs/site.crt -subj /CN=site -days 30 2> /dev/null
chmod 600 /etc/haproxy/certs/site.key
touch "/etc/ssh/sshd_config.$$.$(date +%Y-%m-%d@%H:%M:%S)~"; chmod 600 /etc/ssh/sshd_config.*~
""",
    "directories": r"""
mkdir -p /srv/share; chmod 2770 /srv/share
systemctl disable --quiet --now docker.service docker.socket # it cannot run in a container that is not privileged
""",
}
"""What is done on each machine of a group besides: by itself, so that what is generated is its own."""


@dataclass(frozen=True)
class Fault:
    """A fault, and where its finding is: `kind` is only-a, only-b or changed; `share` copies a file from the new one."""

    group: str
    key: str
    kind: str
    plant: str = ""
    scope: str = "files"
    share: bool = False

    @property
    def id(self) -> str:
        """A name for it."""
        return f"{self.group}-{self.scope}-{self.key}"


def _in(group: str, *rows: tuple[str, str, str] | tuple[str, str, str, str]) -> tuple[Fault, ...]:
    return tuple(Fault(group, *row) for row in rows)


_MYSQL, _PG, _PG_ETC = "/var/lib/mysql", "/var/lib/postgresql/17/main", "/etc/postgresql/17/main"
_SPOOL, _SLAPD, _SAMBA, _VARNISH = (
    "/var/spool/postfix",
    "/etc/ldap/slapd.d",
    "/var/lib/samba",
    "/var/lib/varnish/varnishd",
)

FAULTS = (
    *_in(
        "databases",
        (
            "/etc/mysql/mariadb.conf.d/50-server.cnf",
            "changed",
            "sed -i 's/^bind-address.*/bind-address = 0.0.0.0/' $KEY",
        ),
        ("/etc/mysql/mariadb.conf.d/99-site.cnf", "only-b", "printf '[mysqld]\nlocal_infile = 1\n' > $KEY"),
        ("/etc/mysql/debian.cnf", "changed", "chmod 644 $KEY"),
        ("/etc/mysql/debian-start", "changed", "echo '# more' >> $KEY"),
        (_MYSQL, "changed", "chmod 777 $KEY"),
        (f"{_MYSQL}/mysql", "changed", "chmod 755 $KEY"),
        (f"{_MYSQL}/mysql/global_priv.MAD", "changed", "chmod 664 $KEY"),
        (f"{_MYSQL}/ibdata1", "changed", "chown root $KEY"),
        (f"{_MYSQL}/mysql/help_topic.MAI", "changed", "ln -sf /dev/null $KEY"),
        (f"{_MYSQL}/site/page.frm", "changed", "chgrp www-data $KEY"),
        (f"{_MYSQL}/dump.sql", "only-b", "echo 'SELECT 1' > $KEY"),
        (f"{_MYSQL}/undo009", "only-b", "echo x > $KEY"),
        (f"{_MYSQL}/site/shell", "only-b", "cp /bin/true $KEY; chown mysql: $KEY; chmod 4755 $KEY"),
        (f"{_MYSQL}/site/open", "only-b", "echo x > $KEY; chown mysql: $KEY; chmod 666 $KEY"),
        ("/etc/mysql/conf.d", "changed", "chmod 777 $KEY"),
        ("mysql", "changed", "usermod --shell /bin/bash mysql", "users"),
        ("mariadb.service", "changed", "systemctl disable --quiet mariadb", "systemd"),
        (
            "dump.timer",
            "only-b",
            "printf '[Timer]\nOnCalendar=daily\n' > /etc/systemd/system/$KEY; systemctl daemon-reload",
            "systemd",
        ),
        (f"{_PG_ETC}/postgresql.conf", "changed", "sed -i 's/^max_connections.*/max_connections = 500/' $KEY"),
        (f"{_PG_ETC}/pg_hba.conf", "changed", "echo 'host all all 0.0.0.0/0 trust' >> $KEY"),
        (f"{_PG_ETC}/pg_ident.conf", "changed", "chmod 644 $KEY"),
        (f"{_PG_ETC}/conf.d/site.conf", "only-b", "echo 'fsync = off' > $KEY"),
        (f"{_PG_ETC}/start.conf", "changed", "echo manual > $KEY"),
        (f"{_PG}/base", "changed", "chmod 755 $KEY"),
        (f"{_PG}/PG_VERSION", "changed", "chown root $KEY"),
        (
            f"{_PG}/global/pg_filenode.map",
            "changed",
            "cp -p $KEY /tmp/map; ln -sf /tmp/map $KEY; chown -h postgres: $KEY",
        ),
        (f"{_PG}/pg_wal/000000010000000000000099", "only-b", "echo x > $KEY"),
        (f"{_PG}/recovery.note", "only-b", "echo x > $KEY"),
        ("/var/lib/postgresql/.pgpass", "only-b", "echo '*:*:*:postgres:x' > $KEY"),
        ("postgres", "changed", "usermod --groups sudo postgres", "users"),
        ("postgresql/role intern", "only-b", "runuser -u postgres -- createuser --superuser intern", "probes"),
        (
            "postgresql/database postgres",
            "changed",
            "runuser -u postgres -- psql -qc 'GRANT CREATE ON DATABASE postgres TO PUBLIC'",
            "probes",
        ),
        ("mariadb/user intern@%", "only-b", "mariadb -e \"CREATE USER intern@'%' IDENTIFIED BY 'x'\"", "probes"),
        (
            "mariadb/grants of 'mysql'@'localhost'",
            "changed",
            "mariadb -e \"GRANT SELECT ON site.* TO 'mysql'@'localhost'\"",
            "probes",
        ),
    ),
    Fault("databases", "/etc/ssl/private/ssl-cert-snakeoil.key", "changed", share=True),
    *_in(
        "mail",
        ("/etc/postfix/main.cf", "changed", "echo 'mynetworks = 0.0.0.0/0' >> $KEY"),
        ("/etc/postfix/master.cf", "changed", "echo 'smtps inet n - y - - smtpd' >> $KEY"),
        ("/etc/postfix/sasl_passwd", "only-b", "echo 'relay user:x' > $KEY"),
        ("/etc/aliases", "changed", "echo 'www: root' >> $KEY"),
        (f"{_SPOOL}/maildrop", "changed", "chmod 1777 $KEY"),
        (f"{_SPOOL}/private", "changed", "chmod 755 $KEY"),
        (f"{_SPOOL}/etc/services", "changed", "echo 'smtp 26/tcp' >> $KEY"),
        (f"{_SPOOL}/etc/nsswitch.conf", "only-a", "rm $KEY"),
        ("/var/lib/postfix", "changed", "chmod 777 $KEY"),
        ("/etc/ssh/sshd_config", "changed", "echo 'PermitRootLogin yes' >> $KEY"),
        ("/etc/ssh/sshd_config.d/site.conf", "only-b", "echo 'PasswordAuthentication yes' > $KEY"),
        ("/etc/ssh/ssh_host_ecdsa_key", "changed", "chmod 640 $KEY"),
        ("/etc/ssh/moduli", "only-a", "rm $KEY"),
        ("/etc/ssh/sshd_config.bak", "only-b", "cp /etc/ssh/sshd_config.d/site.conf $KEY"),
        ("/etc/ssh/ssh_config.12.2026-11-26@15:16:20~", "only-b", "echo x > $KEY"),
        ("/etc/haproxy/haproxy.cfg", "changed", "echo '# more' >> $KEY"),
        ("/etc/haproxy/errors/503.http", "changed", "echo x >> $KEY"),
        ("/etc/haproxy/certs/site.key", "changed", "chmod 644 $KEY"),
        ("/etc/haproxy/certs", "changed", "chmod 755 $KEY"),
        ("/etc/haproxy/certs/old.key", "only-b", "cp /etc/ssl/private/ssl-cert-snakeoil.key $KEY; chmod 600 $KEY"),
        ("haproxy", "changed", "usermod --shell /bin/sh haproxy", "users"),
        ("postfix", "changed", "usermod --shell /bin/sh postfix", "users"),
        (f"{_VARNISH}/_.vsm_mgt", "changed", "chmod 777 $KEY"),
        (f"{_VARNISH}/_.vsm_child/old.conf", "only-b", "echo x > $KEY"),
        (f"{_VARNISH}/_.vsm_child/_.Stat.0123456789abcdef", "only-b", "echo x > $KEY; chown nobody $KEY"),
        ("/etc/varnish/secret", "changed", "chmod 644 $KEY"),
        ("/etc/varnish/default.vcl", "changed", "echo '# more' >> $KEY"),
    ),
    Fault("mail", "/etc/ssh/ssh_host_ed25519_key", "changed", share=True),
    Fault("mail", "/etc/ssl/private/ssl-cert-snakeoil.key", "changed", share=True),
    *_in(
        "directories",
        (_SLAPD, "changed", "chmod 777 $KEY"),
        (f"{_SLAPD}/cn=config.ldif", "changed", "echo 'olcIdleTimeout: 30' >> $KEY"),
        (f"{_SLAPD}/cn=config/cn=schema.ldif", "changed", "chmod 644 $KEY"),
        (f"{_SLAPD}/cn=config/cn=old.ldif", "only-b", "echo 'dn: cn=old' > $KEY"),
        ("/etc/default/slapd", "changed", "echo 'SLAPD_OPTIONS=-4' >> $KEY"),
        ("/etc/ldap/ldap.conf", "only-b", "echo 'TLS_REQCERT never' >> $KEY"),
        ("/var/lib/ldap", "changed", "chmod 777 $KEY"),
        ("/var/lib/ldap/backup.ldif", "only-b", "echo x > $KEY"),
        ("openldap", "changed", "usermod --shell /bin/bash openldap", "users"),
        ("/etc/samba/smb.conf", "changed", "echo '[share]' >> $KEY"),
        (f"{_SAMBA}/private/secrets.tdb", "changed", "chmod 644 $KEY"),
        (f"{_SAMBA}/usershares", "changed", "chmod 777 $KEY"),
        (f"{_SAMBA}/printers", "changed", "chgrp www-data $KEY"),
        ("/etc/samba/smbpasswd", "only-b", "echo x > $KEY"),
        ("/srv/share", "changed", "chmod 777 $KEY"),
        ("/etc/docker/daemon.json", "only-b", "mkdir -p /etc/docker; echo '{\"iptables\": false}' > $KEY"),
        ("/etc/default/docker", "changed", "echo 'DOCKER_OPTS=--debug' >> $KEY"),
        ("www-data", "changed", "gpasswd --add www-data docker > /dev/null", "users"),
        ("/etc/ufw/user.rules", "changed", "echo '# more' >> $KEY"),
        ("/etc/ufw/ufw.conf", "changed", "sed -i 's/^LOGLEVEL=.*/LOGLEVEL=full/' $KEY"),
        ("/etc/default/ufw", "changed", "sed -i 's/^IPV6=.*/IPV6=no/' $KEY"),
        ("/etc/ufw/applications.d/site", "only-b", "printf '[Site]\ntitle=x\ndescription=x\nports=80\n' > $KEY"),
    ),
)
