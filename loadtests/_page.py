"""The table on Locust's web page: a tab beside the statistics, and a page of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def add_page(
    web_ui: Any, text: Callable[[], str], rows: Callable[[], list[dict[str, str]]]
) -> None:
    """Add tab and page to Locust's ``web_ui``.

    Args:
        web_ui: Locust's WebUI.
        text: gives the table as it stands.
        rows: gives its latency rows, cells by column.
    """
    web_ui.template_args["extended_tabs"] = [{"title": "Phone calls", "key": TAB}]
    web_ui.template_args["extended_tables"] = [
        {"key": TAB, "structure": [{"key": k, "title": t} for k, t in COLUMNS]}
    ]

    @web_ui.auth_required_if_enabled  # type: ignore[untyped-decorator]
    def page() -> tuple[str, dict[str, str]]:
        return text() + "\n", {"Content-Type": "text/plain; charset=utf-8"}

    base = web_ui.environment.parsed_options.web_base_path or ""
    web_ui.app.add_url_rule(f"{base}{PATH}", "busyhour", page)

    @web_ui.app.after_request  # type: ignore[untyped-decorator]
    def add_rows(response: Any) -> Any:
        # The tab reads its rows from the poll that feeds Locust's own tables.
        if response.status_code == 200 and _is_poll(base):
            report = response.get_json()
            report["extended_stats"] = [{"key": TAB, "data": rows()}]
            response.set_data(web_ui.app.json.dumps(report))
        return response


def _is_poll(base: str) -> bool:
    # Only present where Locust's page is; importing it patches nothing by itself.
    from flask import request

    return bool(request.path == f"{base}/stats/requests")
