"""What several commands share: their options, and how they write what `--json` asks for."""

import json
from pathlib import Path
from typing import Any

import click

from tdi.outside.files import write_atomically

json_option = click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the machine-readable result here.",
)

print_id_option = click.option("--print-id", is_flag=True, help="Print the image's id alone, for playbooks.")


def write(path: Path | None, document: Any) -> None:
    """Write a result where one was asked for. Raises TdiError where it cannot be written."""
    if path:
        write_atomically(path, json.dumps(document, indent=2) + "\n")
