"""What a machine has of its own life is taken from each image: what identifies a host, logs, caches, temporary files.

No two machines of one image are the same host, and what one machine went through is not on all of them.
"""

import shlex
from pathlib import Path

from tdi.errors import TdiError
from tdi.outside import docker

SCRIPT = Path(__file__).with_name("scrub.sh")
"""The lines of shell that take it from an image, the only place where they stand."""

_INIT = ("/sbin/init",)
_LAST = "/usr/lib/systemd/system-shutdown/tdi-scrub"
"""What systemd runs when nothing else runs any more, and nothing writes any more."""
_PUT = """\
directory=$(dirname "$0")
[ -d "$directory" ] || { mkdir "$directory"; end="rmdir $directory"; }
printf '%s\\n' "$1" 'rm -f -- "$0"' "${end-}" > "$0"
chmod 755 "$0"
"""
"""Puts the script there, which removes itself at its end, and the directory where it was made for it."""


def shut_down(machine: str) -> list[str]:
    """Shut down a machine of which an image is to be made, and scrub it; return what the image's machines begin with.

    Services still write while they stop: it is scrubbed after all of them. systemd draws what it needs at boot. Nothing
    makes host keys of ssh anew on a server that had them, and without any its daemon does not start: keys of the same
    kinds are made before init takes over, and nothing stays on disk for it. Raises TdiError where the machine could not
    be shut down in order, or not be scrubbed.
    """
    find = "for key in /etc/ssh/ssh_host_*_key; do [ ! -f $key ] || basename $key _key; done"
    kinds = [name.removeprefix("ssh_host_") for name in docker.execute(machine, ["sh", "-c", find]).stdout.split()]
    head = "#!/bin/sh -eu\nexport PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
    docker.execute(machine, ["sh", "-euc", _PUT, _LAST, head + SCRIPT.read_text(encoding="utf-8")])
    docker.stop(machine)
    if docker.has(machine, _LAST):
        raise TdiError(
            f"The machine {machine} could not be scrubbed: its systemd did not come to the end of {_LAST}.",
            "Look whether one of its lines fails on such a machine: sh -eux.",
        )
    return _begin(kinds)


def _begin(kinds: list[str]) -> list[str]:
    if not kinds:
        return [*_INIT]
    make = (
        f"[ -e {file} ] || ssh-keygen -q -t {kind} -N '' -f {file}"
        for kind in map(shlex.quote, kinds)
        for file in [f"/etc/ssh/ssh_host_{kind}_key"]
    )
    return ["/bin/sh", "-c", "; ".join([*make, f"exec {shlex.join(_INIT)}"])]
