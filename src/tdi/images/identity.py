"""What identifies a host: it is taken from each image, so that no two machines of one image are the same host."""

import shlex
from pathlib import Path

from tdi.outside import docker

SCRIPT = Path(__file__).with_name("identity.sh")
"""The lines of shell that take it from an image, the only place where they stand."""

_INIT = ("/sbin/init",)


def forget(machine: str) -> list[str]:
    """Take it from a machine of which an image is to be made, and return what the image's machines are to begin with.

    systemd draws what it needs at boot. Nothing makes host keys of ssh anew on a server that had them, and without any
    its daemon does not start: keys of the same kinds are made before init takes over, and nothing stays on disk for it.
    """
    find = "for key in /etc/ssh/ssh_host_*_key; do [ ! -f $key ] || basename $key _key; done"
    kinds = [name.removeprefix("ssh_host_") for name in docker.execute(machine, ["sh", "-c", find]).stdout.split()]
    docker.execute(machine, ["sh", "-eu", "-c", SCRIPT.read_text(encoding="utf-8")])
    if not kinds:
        return [*_INIT]
    make = (
        f"[ -e {file} ] || ssh-keygen -q -t {kind} -N '' -f {file}"
        for kind in map(shlex.quote, kinds)
        for file in [f"/etc/ssh/ssh_host_{kind}_key"]
    )
    return ["/bin/sh", "-c", "; ".join([*make, f"exec {shlex.join(_INIT)}"])]
