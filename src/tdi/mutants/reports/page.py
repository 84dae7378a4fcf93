"""The report of a run over mutants as one page: Stryker's viewer and the report in one file, which needs no network."""

import html
import json
from functools import cache
from importlib import resources
from typing import Any

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; \
style-src 'unsafe-inline'; img-src data:; font-src data:">
<title>{title}</title>
</head>
<body>
<mutation-test-report-app title-postfix="{title}">
<p>{line}. This page needs JavaScript; summary.md beside it says the same in text.</p>
</mutation-test-report-app>
<script>
{viewer}
</script>
<script>
document.querySelector("mutation-test-report-app").report = {report};
</script>
</body>
</html>
"""


def render(report: dict[str, Any], title: str, line: str) -> str:
    """The page; `report` is Stryker's, `line` the score in a sentence."""
    # What a role says may look like the end of the script, or like a comment in it.
    data = json.dumps(report).replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _PAGE.format(title=html.escape(title), line=html.escape(line), viewer=_viewer(), report=data)


@cache
def _viewer() -> str:
    """The viewer as it was published; see the README beside it."""
    text = (resources.files("tdi.mutants.reports") / "vendor" / "mutation-test-elements.js").read_text(encoding="utf-8")
    return text.replace("</script", "<\\/script")
