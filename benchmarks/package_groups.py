"""The server packages whose machines are compared, in groups that can live together on one machine."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Packages that are installed together, and lines of shell that use their services a little, as often as they run.

    The lines may call `get ADDRESS`, `say PORT TEXT` and the programs of the packages; see `benchmarks/using.py`.
    """

    name: str
    packages: tuple[str, ...]
    use: str = ""
    missing: tuple[str, ...] = ()
    """The platforms whose archive has not got all of the packages."""


def _group(name: str, packages: str, use: str = "", missing: tuple[str, ...] = ()) -> Group:
    return Group(name, tuple(packages.split()), use, missing)


_MAIL = r"printf 'Subject: hello\n\nhello\n' | /usr/sbin/sendmail root; sleep 2"

GROUPS = (
    _group(
        "mariadb",
        "mariadb-server",
        """
        mariadb -e "create database if not exists site"
        mariadb -e "create table if not exists site.page (id int auto_increment primary key, said text)"
        mariadb -e "insert into site.page (said) values ('hello'), ('world'); select * from site.page"
        """,
    ),
    _group(
        "postgresql",
        "postgresql ssl-cert",
        """
        cd /
        runuser -u postgres -- psql -c "create table if not exists page (id serial primary key, said text)"
        runuser -u postgres -- psql -c "insert into page (said) values ('hello'), ('world')" -c "select * from page"
        """,
    ),
    _group(
        "slapd",
        "slapd ldap-utils",
        """
        ldapwhoami -Y EXTERNAL -H ldapi:///
        ldapsearch -x -H ldap://127.0.0.1/ -b '' -s base
        """,
    ),
    _group("rabbitmq", "rabbitmq-server", "rabbitmqctl list_users; rabbitmqctl list_queues"),
    _group(
        "caches",
        "varnish haproxy memcached",
        r"""
        get http://127.0.0.1:6081/
        say 11211 'set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n'
        """,
    ),
    _group("postfix", "postfix opendkim", _MAIL),
    _group(
        "files", "samba nfs-kernel-server", r"testparm -s; printf 'a-b-c\na-b-c\n' | smbpasswd -s -a root; smbstatus"
    ),
    _group("bind", "bind9 bind9-dnsutils", "dig @127.0.0.1 localhost; rndc status; rndc reload"),
    _group("mail", "dovecot-imapd exim4", rf"{_MAIL}; say 143 'a capability\r\nb logout\r\n'"),
    _group("tomcat", "tomcat10", "get http://127.0.0.1:8080/"),
    _group(
        "openssh",
        "openssh-server rsyslog cron logrotate sudo fail2ban",
        """
        mkdir -m 700 ~/.ssh
        ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
        cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
        ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null localhost true
        rm -r ~/.ssh
        sudo -u nobody true
        logger hello
        logrotate --force /etc/logrotate.d/rsyslog
        """,
    ),
    _group(
        "monitored",
        "snmpd zabbix-agent monit supervisor",
        "zabbix_agentd -t agent.ping; supervisorctl status; monit -V",
    ),
    _group("apache", "apache2 php-fpm", "get http://127.0.0.1/; apache2ctl graceful"),
    _group("nginx", "nginx uwsgi gunicorn", "get http://127.0.0.1/; nginx -t"),
    _group("prometheus", "prometheus prometheus-node-exporter", "get http://127.0.0.1:9100/metrics"),
    _group(
        "proxies",
        "squid mosquitto mosquitto-clients",
        "mosquitto_pub -t site/page -m hello -r; squid -k rotate",
    ),
    _group("vpn", "openvpn strongswan wireguard-tools", "wg show"),
    _group("lighttpd", "certbot lighttpd", "get http://127.0.0.1/; certbot certificates"),
    _group("munin", "munin-node collectd", r"say 4949 'list\nquit\n'"),
    _group("redis", "redis-server", "redis-cli set page hello; redis-cli save"),
    _group("ufw", "ufw", "ufw allow 22/tcp; ufw --force enable; ufw status"),
    _group("docker", "docker.io", "[ ! -e /usr/bin/docker ] || docker info"),
    _group("iptables", "iptables-persistent nftables", "netfilter-persistent save; nft list ruleset"),
    _group("time", "chrony unbound", "chronyc tracking; unbound-checkconf"),
    _group("dnsmasq", "dnsmasq ntpsec", "dnsmasq --test; ntpq -p"),
    _group("knot", "knot tinyproxy stunnel4", "knotc status"),
    _group("nsd", "nsd kea-dhcp4-server", "nsd-control status"),
    _group("ftp", "vsftpd rsync tftpd-hpa", r"say 21 'QUIT\r\n'; rsync -a /etc/rsync* /srv/ || true"),
    _group("proftpd", "proftpd-core atftpd xinetd", r"say 21 'QUIT\r\n'"),
    _group("freeradius", "freeradius cups", "lpstat -r"),
    _group("cluster", "keepalived etcd-server prometheus-alertmanager", "get http://127.0.0.1:2379/health"),
    _group("influxdb", "influxdb radicale", "get http://127.0.0.1:8086/ping"),
    _group("media", "mpd minidlna transmission-daemon", r"say 6600 'status\nclose\n'"),
    _group(
        "prosody",
        "prosody inspircd",
        "prosodyctl check config || true; printf 'a\\na\\n' | prosodyctl adduser a@localhost",
    ),
    _group("ejabberd", "ejabberd ngircd", "ejabberdctl status"),
    _group("nagios", "nagios4 znc", "get http://127.0.0.1/"),
    _group("icinga", "icinga2 lldpd", "icinga2 daemon --validate"),
    _group("scanners", "clamav-daemon spamd postgrey", ""),
    _group("syslog-ng", "syslog-ng-core anacron at", "logger hello; echo true | at now; sleep 2"),
    _group("pdns", "pdns-server autofs", "pdns_control rping"),
    _group("kerberos", "krb5-kdc sssd", ""),
    _group("rspamd", "rspamd beanstalkd gearman-job-server", r"say 11300 'stats\r\nquit\r\n'"),
    _group("names", "avahi-daemon coturn tor", ""),
    _group("audit", "auditd sysstat smartmontools unattended-upgrades", ""),
    _group("caddy", "caddy nats-server", "get http://127.0.0.1/"),
    _group("apt-cacher", "apt-cacher-ng pgbouncer dropbear", "get http://127.0.0.1:3142/acng-report.html"),
    _group("routers", "frr bird2", ""),
)
"""The ones that other suites get wrong most often come first: what stops early has then shown the most."""


def chosen(names: Iterable[str], platform: str) -> list[Group]:
    """The groups with these names, all of them where none is named; those that the platform has all packages for.

    Raises KeyError for a name that no group has.
    """
    by_name = {group.name: group for group in GROUPS}
    wanted = [by_name[name] for name in names] or list(GROUPS)
    return [group for group in wanted if platform not in group.missing]
