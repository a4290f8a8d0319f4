"""What Locust's web page shows of the calls: a tab with a table, and charts below it.

Locust's page draws tables for a tab that is not its own, but no charts. So it gets one
more script, which puts ours below the table while the tab is open, anew every two
seconds; Locust's own elements are left alone. The charts stand on their own, too, under
``/busyhour/live``.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

from loadtests._prometheus import CONTENT_TYPE
from voiceutils.errors import SettingError

__all__ = ["PATH", "add_page"]

PATH = "/busyhour"
TAB = "phone-calls"
COLUMNS = (
    ("name", "Milliseconds"),
    ("n", "n"),
    ("p50", "p50"),
    ("p95", "p95"),
    ("p99", "p99"),
    ("max", "max"),
    ("budget", "Budget"),
)
_SCRIPT = Path(__file__).with_name("_live.js")
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>busyhour, live</title></head><body data-always><script src="live.js"></script>
</body></html>
"""


class Figures(Protocol):
    """The run in figures."""

    def table(self) -> str:
        """The table as it stands."""

    def rows(self) -> list[dict[str, str]]:
        """Its latency rows, cells by column."""

    def metrics(self) -> str:
        """All figures, as Prometheus reads them."""


class Course(Protocol):
    """The run as it goes."""

    def words(self) -> str:
        """The last moment in words."""

    def charts(self) -> dict[str, str]:
        """The run so far as charts."""


def add_page(web_ui: Any, figures: Figures, course: Course) -> None:
    """Add the tab, and pages of text, charts and metrics, to Locust's ``web_ui``.

    Args:
        web_ui: Locust's WebUI.
        figures: what the tables show.
        course: what the charts show.
    """
    web_ui.template_args["extended_tabs"] = [{"title": "Phone calls", "key": TAB}]
    web_ui.template_args["extended_tables"] = [
        {"key": TAB, "structure": [{"key": k, "title": t} for k, t in COLUMNS]}
    ]
    base = web_ui.environment.parsed_options.web_base_path or ""

    def serve(path: str, kind: str, content: Callable[[], str]) -> None:
        @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
        def page() -> tuple[str, int, dict[str, str]]:
            headers = {"Content-Type": f"{kind}; charset=utf-8"}
            try:
                return content(), 200, headers
            except SettingError as error:
                return f"{error}\n", 501, headers

        endpoint = "busyhour " + path.rpartition("/")[2].partition(".")[0] + kind
        web_ui.app.add_url_rule(f"{base}{path}", endpoint, page)

    serve(PATH, "text/plain", lambda: figures.table() + "\n")
    serve(f"{PATH}/metrics", CONTENT_TYPE, figures.metrics)
    serve(f"{PATH}/live", "text/html", lambda: _PAGE)
    serve(f"{PATH}/live.js", "text/javascript", _SCRIPT.read_text)
    serve(f"{PATH}/charts", "text/html", lambda: live_charts(course))

    @web_ui.app.after_request  # type: ignore[untyped-decorator]
    def add_ours(response: Any) -> Any:
        path = _path_asked(base)
        if response.status_code == 200 and path == "/stats/requests":
            # The tab reads its rows from the poll that feeds Locust's own tables.
            report = response.get_json()
            report["extended_stats"] = [{"key": TAB, "data": figures.rows()}]
            response.set_data(web_ui.app.json.dumps(report))
        elif response.status_code == 200 and path == "/":
            page = response.get_data(as_text=True)
            script = f'<script src=".{PATH}/live.js"></script></body>'
            response.set_data(page.replace("</body>", script))
        return response


def live_charts(course: Course) -> str:
    """The charts as a piece of a page, with the style that they need."""
    style = files("fakes.evidence").joinpath("charts.css").read_text(encoding="utf-8")
    charts = "".join(f"<div>{chart}</div>" for chart in course.charts().values())
    words = f'<p role="status">{escape(course.words())}</p>'
    return f"<style>{style}</style>{words}{charts}"


def _path_asked(base: str) -> str:
    # Only present where Locust's page is; importing it patches nothing by itself.
    from flask import request

    return str(request.path).removeprefix(base)
