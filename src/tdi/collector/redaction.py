"""Values that look like secrets are taken out of all text before it is written."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REDACTED = "[redacted]"
_HIDING = (
    r"(?:(?<!by)(?<!com)(?<!tres)pass(?:word|wd|phrase|code|(?:_\d+)?(?![\w-]))|pwd|secret|token(?!s)|credentials?|psk|jwt"
    r"|(?:api|access|private|secret|shared|account|encryption|signing|license|master|app|fastopen|pre-?shared)[-_]?key|master-?auth|community"
    # The name of what holds or limits one, and the tags of sudo's rules.
    r"|(?:(?-i:(?<=_)AUTH)|(?<![\w-])key)(?==))(?!(?-i:(?<=PASSWD):\s))"
    r"(?![-_.]?(?:s?[-_]?file|s?[-_]?path|s?[-_]?dir|name|limit|length|policy|timeout|tries|type|url|ttl|rounds|max"
    r"|prompt|header|command|iz))"
)
_SECRET_NAME = r"(?i)%s(?![a-z])|auth_?key" % _HIDING
# What is no secret whatever it is called: a file, a variable, a switch, the sources of nsswitch.conf.
_PLAIN = (
    r"(?![\"']?(?:(?:file|env|fd):|/(?:etc|run|var|usr|srv|opt|home|root|mnt|proc)/"
    r"|\"\"|''|\$\w{1,64};|(?:(?-i:\$\{?[A-Z_]{2,64}\}?)|yes|no|on|off|true|false|none|null|files|compat|for|is|to)(?:[\s\"',;)]|$)))"
)
# In quotes, which somebody may have forgotten to close, or up to what ends a word.
_VALUE = _PLAIN + r"""("[^"]*"|'[^']*'|"[^"\n]*|'[^'\n]*|[^\s"',;]+)"""
# No pattern begins with a repetition, or has one without bound within another: each takes time in proportion to the
# text, however hostile that is. They are compiled when the first text comes, which is not while files wait.
_SECRETS = (
    # name=value and name: value, the name with a suffix (DB_PASSWORD_1); then --name value
    r"(?i)(%s[\w-]{0,64}[\"']?\s*(?:[=!]?=[>~]?|:)\s*)%s" % (_HIDING, _VALUE),
    r"(?i)(\s--?[\w-]{0,64}?%s[\w-]{0,64}\s+)(?!-)%s" % (_HIDING, _VALUE),
    r"(?i)\b((?:bearer|basic)\s+)[\w+/=.~-]{6,}",
    # headers, in which a scheme or the name of a cookie comes first; in quotes all is theirs
    r"(?i)([\"'](?:proxy-)?(?:authorization|cookie)\s*:\s*)[^\"'\n]+",
    r"(?i)\b((?:authorization|cookie)[\"']?(?:\s*:\s*|\s+)(?!\"\"|'')[\"']?(?:(?:bearer|basic|token|apikey)\s+)?)"
    r"(?:[\w.-]{1,64}=[^\s\"';]{1,4096};\s){0,64}" + _VALUE,
    # name value, as directives of a configuration have it
    r"(?i)((?:password|passwd|passphrase|requirepass|masterauth|secret|token|psk|community"
    r"|(?:api|access|private|auth|secret|app|pre-?shared)[-_]?key)[\"']?[ \t]+)(?!-)" + _VALUE,
    r"(?i)([?&](?:sig|signature|key|auth|code)=)[^\s\"'&;]+",
    # hashes of passwords, as crypt(3) and htpasswd write them
    r"(\$(?:apr1|y|gy|7|[156]|2[abxy])\$)(?:[\w./=,+-]{1,64}\$){1,4}[\w./+=-]{8,}",
    r"(\{S?SHA\d*\})[\w+/=]{8,}",
    # tokens that say themselves what they are
    r"\b(gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|[sr]k_live_|AKIA|ASIA|eyJ|hooks\.slack\.com/services/)[\w./+=-]{10,}",
    # user:password@ of a URL, and a token in the place of the user's name
    r"(://)(?:[^/\s:@]*:[^/\s]+|[^/\s:@]{16,})(?=@)",
    # -u user:password, but not the user and group that a program shall run as
    r"((?:\s(?:-[uU]|--(?:proxy-)?user|--auth)[\s=]*|\buser(?:name)?=)"
    r"(?!\d+:\d+\b|([\w-]{1,32}):\2\b)[^\s:=%,-][^\s:=%,]{0,64}[:%])" + _VALUE,
    # the environment of a container, of which only the names are kept, as elsewhere
    r"(\s(?:-e|--env)[\s=]+[\"']?(?!(?:PATH|HOME|TZ|LANG|LC_[A-Z]+|USER|SHELL)=)[A-Z][A-Z0-9_]{1,64}=)" + _VALUE,
    r"(\b(?:echo|printf)\s)[^|\n]{1,200}(?=\|\s?(?:sudo )?(?:/usr/s?bin/)?(?:ch)?passwd\b)",
    r"(\bhtpasswd\s{1,4}-\w{0,8}b\w{0,8}\s{1,4}\S{1,256}\s{1,4}\S{1,256}\s{1,4})" + _VALUE,
)
# Programs whose short options take a secret: what each is called, and those options.
_CLIENTS = (
    (r"(?:mysql|mariadb)\w*(?:-\w+)*|7z[ar]?", r"p"),
    (
        r"sshpass|mongo(?:sh|dump|restore|export|import)?|(?:docker|podman|nerdctl) login|user(?:add|mod)|ncftp\w*",
        r"p\s*",
    ),
    (r"redis-cli", r"a\s*"),
    (r"curl", r"b\s*(?=[\"']?[\w.-]{1,64}=)"),
    (r"snmp(?:walk|get\w*|set|bulk\w*|table|trap|inform|status)", r"[cAX]\s*"),
    (r"ldap\w+|ssh-keygen|unzip|zip|sqlcmd|tsql|ipmitool|mosquitto_\w+|openssl", r"(?:[wNP]\s*|[kK]\s+)"),
)
_CLIENT = r"\b(?:%s)\b[^|;&\n]{0,400}" % "|".join("(%s)" % names for names, _ in _CLIENTS)


def _without_options(found: re.Match[str]) -> str:
    options = _CLIENTS[(found.lastindex or 1) - 1][1]
    return re.sub(r"(\s-%s)(?!-)%s" % (options, _VALUE), r"\g<1>" + REDACTED, found.group())


# Without one of these none of the patterns matches; most texts have none.
_SUSPICIOUS = (
    r"(?i)pass|pwd|secret|token|cred|psk|jwt|key|auth|commu|bearer|basic|cookie|sig|code|\$|\{s|gh\w_|_pat_|glpat|xox|live_"
    r"|akia|asia|eyj|hooks|://|\s-[ue]|user|env|echo|printf|mysql|maria|7z|mongo|docker|podman|nerdctl|ncftp|redis|curl"
    r"|snmp|ldap|zip|sql|ipmi|mosq|openssl"
)
# The variables whose values are no secret; of all others only the names are kept.
PLAIN_VARIABLES = re.compile(
    r"PATH|HOME|SHELL|USER|LOGNAME|MAILTO|MAILFROM|CRON_TZ|TZ|EDITOR|LANG(UAGE)?|LC_\w+|\w+_proxy|\w+_PROXY"
)


def redact(text: str) -> str:
    """Text of a command line or option without the values that look like secrets."""
    if not re.search(_SUSPICIOUS, text):
        return text
    for pattern in _SECRETS:
        text = re.sub(pattern, r"\g<1>" + REDACTED, text)
    return re.sub(_CLIENT, _without_options, text)


def redact_value(name: str, value: str) -> str:
    """The value of a setting, unless the name says that it is a secret."""
    return REDACTED if re.search(_SECRET_NAME, name) else redact(value)


def variable(name: str, value: str) -> str:
    """The value of an environment variable that is known not to be a secret."""
    return redact(value) if PLAIN_VARIABLES.fullmatch(name) else REDACTED


def without_secrets(value: Any) -> Any:
    """What a probe says, each text in it without the values that look like secrets."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if isinstance(value, dict):
        return {
            name: redact_value(name, item) if isinstance(item, str) else without_secrets(item)
            for name, item in value.items()
        }
    return value
