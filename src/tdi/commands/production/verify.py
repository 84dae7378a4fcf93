"""`tdi production verify`."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import click

from tdi.commands.options import json_option, write
from tdi.commands.state.options import CODES, FILE, FORMS
from tdi.images import base_image
from tdi.machines.run import new_run
from tdi.outside import screen
from tdi.outside.console import printable
from tdi.project import Project
from tdi.publishing.verify import WHY, Remedy, Verified, verify
from tdi.state.compare import Comparison, Result
from tdi.state.reports import html, markdown, terminal
from tdi.state.reports import json as json_report

_RENDERERS: dict[str, Callable[[Comparison], str]] = {
    "json": json_report.render,
    "markdown": markdown.render,
    "html": html.render,
}
_SHOWN = 5


@click.command(
    "verify",
    epilog="\b\nExamples:\n  tdi production verify ssh://root@web1\n"
    "  tdi production verify ssh://web1 --format html > report.html",
)
@click.argument("target")
@click.option("--format", "form", type=FORMS, default="text", show_default=True)
@click.option("--rules", type=FILE, help="What may differ between the server and the image, instead of rules.yml.")
@json_option
def command(json_file: Path | None, target: str, form: str, rules: Path | None) -> int:
    """Record TARGET, a server in production, and say whether it is what is tested: production's image.

    Exits with 0 if it is, 1 if not, 2 if that cannot be said.
    """
    project = Project.find()
    with new_run() as run:
        found = verify(project, base_image.ensure(project), run, target, rules)
    if form == "text":
        terminal.show(found.comparison, screen.out)
        for line in _what_to_do(found, target):
            click.echo(printable(line))
    else:
        click.echo(_RENDERERS[form](found.comparison), nl=False)
    write(json_file, found.as_json())
    return CODES[found.comparison.result]


def _what_to_do(found: Verified, target: str) -> list[str]:
    if found.comparison.result is Result.SAME:
        return [f"{target} is what is tested: {found.image.source}."]
    by_remedy: dict[Remedy, list[str]] = defaultdict(list)
    for finding in found.comparison.findings:
        by_remedy[found.remedies[finding.id]].append(finding.key)
    lines = ["what to do:"] if by_remedy else []
    for remedy in Remedy:
        keys = by_remedy.get(remedy)
        if keys:
            more = f", and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            lines.append(f"  {remedy.value}: {', '.join(keys[:_SHOWN])}{more} ({WHY[remedy]})")
    return lines
