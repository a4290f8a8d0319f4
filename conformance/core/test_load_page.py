"""What Locust's web page gets of ours: rows, charts below the tab, metrics."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask
import pytest
from werkzeug.serving import make_server

from fakes.evidence.moment_charts import moment_charts
from fakes.evidence.trace import Moment
from loadtests._page import add_page
from voiceutils.errors import SettingError

MOMENTS = [Moment(at=float(n), doing={"waiting": 3}, gap_p50=0.7) for n in range(9)]
# What our script knows of Locust's page: its tabs, and the container they are in.
LOCUST = """<html><body><div id="root"><div class="MuiContainer-root">
<div role="tablist"></div><table></table></div><p>About</p></div></body></html>"""


class _Run:
    """The figures and the course of a run."""

    def table(self) -> str:
        """The table."""
        return "the table"

    def rows(self) -> list[dict[str, str]]:
        """Its rows."""
        return [{"name": "turn gap", "p50": "700"}]

    def metrics(self) -> str:
        """Without the library that they need."""
        raise SettingError("needs prometheus-client")

    def words(self) -> str:
        """The last moment, hostile."""
        return "3 calls <up>"

    def charts(self) -> dict[str, str]:
        """The charts."""
        return moment_charts(MOMENTS, 0.0)


def an_app(base: str = "") -> flask.Flask:
    """Locust's page as far as ours touches it."""
    app = flask.Flask("page")

    def same(page: Callable[[], Any]) -> Callable[[], Any]:
        return page

    options = SimpleNamespace(web_base_path=base)
    web_ui = SimpleNamespace(
        app=app,
        template_args={},
        environment=SimpleNamespace(parsed_options=options),
        auth_required_if_enabled=same,
    )
    app.add_url_rule(f"{base}/", "index", lambda: LOCUST)
    app.add_url_rule(f"{base}/stats/requests", "poll", lambda: flask.jsonify(stats=[]))
    add_page(web_ui, _Run(), _Run())
    return app


@pytest.mark.parametrize("base", ["", "/behind/a/proxy"])
def test_every_page_of_ours_answers(base: str) -> None:
    """Wherever Locust's page is."""
    client = an_app(base).test_client()
    assert 'src="./busyhour/live.js"' in client.get(f"{base}/").text
    told = client.get(f"{base}/stats/requests").get_json()
    assert told["extended_stats"][0]["data"] == [{"name": "turn gap", "p50": "700"}]
    assert client.get(f"{base}/busyhour").text == "the table\n"
    assert "data-always" in client.get(f"{base}/busyhour/live").text
    charts = client.get(f"{base}/busyhour/charts").text
    assert charts.count("<svg") == 4
    assert "3 calls &lt;up&gt;" in charts


def test_metrics_without_their_library_are_a_clear_answer() -> None:
    """What to install, and no traceback."""
    answer = an_app().test_client().get("/busyhour/metrics")
    assert (answer.status_code, answer.text) == (501, "needs prometheus-client\n")


@contextmanager
def served(app: flask.Flask) -> Iterator[str]:
    """Serve an application on a free port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
def test_in_a_browser_the_charts_stand_below_the_open_tab(tmp_path: Path) -> None:
    """Of the calls, and not below another."""

    def page(query: str) -> str:
        run = subprocess.run(
            [
                *("chromium", "--headless", "--no-sandbox", "--disable-gpu"),
                *("--virtual-time-budget=3000", "--dump-dom"),
                *(f"--user-data-dir={tmp_path / 'profile'}", f"{url}/{query}"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return run.stdout

    with served(an_app()) as url:
        ours = re.search(r"<section [^>]*>", open_tab := page("?tab=phone-calls"))
        other = re.search(r"<section [^>]*>", page("?tab=stats"))
    assert ours is not None
    assert other is not None
    assert "hidden" not in ours[0]
    assert "hidden" in other[0]
    # In the container, behind what Locust draws there.
    assert open_tab.index("</table>") < ours.start() < open_tab.index("About")
