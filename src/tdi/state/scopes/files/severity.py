"""How bad it is that a file differs: who may do what, what runs, what is set, what was left over."""

from tdi.collector.leftovers import original
from tdi.state.finding import MUST_DIFFER, Difference, Kind, Severity
from tdi.state.fold.facts import has_privilege, is_modified_conffile

ACCESS = frozenset({"mode", "owner", "group", "acl", "acl_default", "capability", "xattrs"})
"""Attributes that decide who may do what with a file."""


_SECURITY_PATHS = (
    "/etc/ssh/", "/etc/pam.d/", "/etc/security/", "/etc/sudoers", "/etc/doas.conf", "/etc/polkit-1/", "/root/.ssh/",
    "/etc/shadow", "/etc/gshadow", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/hosts.equiv", "/root/.rhosts",
    "/etc/ssl/private/", "/etc/ssl/certs/", "/etc/ca-certificates", "/usr/local/share/ca-certificates/",
    "/usr/share/ca-certificates/", "/etc/apt/trusted.gpg", "/etc/apt/keyrings/", "/etc/apt/auth.conf",
    "/etc/ld.so.preload", "/etc/nftables", "/etc/iptables/", "/etc/ufw/", "/etc/apparmor", "/etc/selinux/",
)  # fmt: skip
"""Who gets in and as whom, whom the machine trusts, and what every program loads."""


_PRIVATE_KEY_ENDINGS = (".key", "/id_rsa", "/id_ecdsa", "/id_ed25519")


_SETTINGS_PATHS = ("/etc/", "/var/", "/root/", "/home/")


_PROGRAM_PATHS = (
    "/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/libexec/", "/usr/local/bin/", "/usr/local/sbin/",
    "/etc/systemd/system", "/etc/systemd/user",
)  # fmt: skip
"""What runs, and what says how: units, their drop-ins, presets and generators among it."""


def severity(difference: Difference) -> Severity:
    """How bad it is that a file differs."""
    path = difference.key
    changed = {*difference.attributes}
    access = changed & (ACCESS | {MUST_DIFFER}) - ({"mode"} if "type" in changed else set())
    if has_privilege(difference) or access or _is_opening(difference):
        return Severity.SECURITY
    whole = f"{path}/" if difference.present.get("type") == "dir" else path
    if whole.startswith(_SECURITY_PATHS) or path.endswith(_PRIVATE_KEY_ENDINGS):
        return Severity.SECURITY
    if original(path):
        return Severity.LEFT_OVER
    if _is_tampered(difference):
        return Severity.SECURITY
    if path.startswith(_PROGRAM_PATHS) or (difference.kind is Kind.CHANGED and not path.startswith(_SETTINGS_PATHS)):
        return Severity.SERVICE
    left_over = difference.kind is Kind.ONLY_B and not path.startswith("/etc/")
    return Severity.LEFT_OVER if left_over else Severity.CONFIGURATION


def _is_opening(difference: Difference) -> bool:
    """Whether B has a way around the rights on files: a device, another name of a secret, or what all may write to."""
    now = difference.b or {}
    if now.get("type") in {"char", "block"} or str(now.get("hardlink", "")).startswith(_SECURITY_PATHS):
        return True
    mode = int(str(now.get("mode", "0")), 8)
    shared = now.get("type") == "dir" and mode & 0o1000
    return difference.kind is Kind.ONLY_B and now.get("type") in {"file", "dir"} and bool(mode & 0o002) and not shared


def _is_tampered(difference: Difference) -> bool:
    """Whether a package's file is not as it came: dpkg's sum says so, or two machines with the package disagree."""
    if is_modified_conffile(difference):
        return False
    origins = [(side or {}).get("origin", {}) for side in (difference.a, difference.b)]
    alike = all(origin.get("kind") == "package" and origin.get("state") == "pristine" for origin in origins)
    return origins[1].get("state") == "modified" or (alike and "hash" in difference.attributes)


def raises(member: Difference) -> bool:
    """Whether a folded difference may raise the severity of its finding: access rights and secrets do."""
    return has_privilege(member) or member.key.endswith(_PRIVATE_KEY_ENDINGS)
