"""Trace and report of a run: kept, read back, shown; also when damaged or hostile."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.core.test_waterfall import story
from fakes.call_record import CallRecord, LineEvent
from fakes.evidence.__main__ import main
from fakes.evidence.call_page import pins_of
from fakes.evidence.own_figures import OwnFigures, TurnTold
from fakes.evidence.recordings import show
from fakes.evidence.report import render_report, write_report
from fakes.evidence.schema import trace_schema
from fakes.evidence.trace import (
    FILE,
    VERSION,
    CallKept,
    CallPassed,
    Entry,
    Moment,
    RunBegan,
    RunEnded,
    append,
)
from fakes.evidence.trace_reading import Trace, read_trace
from fakes.evidence.waterfall import waterfall
from fakes.ledger_entries import FaultFired
from fakes.speech import Speaker, speak
from fakes.twilio.media.recording import Recording
from voiceutils.budget import LatencyHistogram
from voiceutils.errors import SettingError

RUN = RunBegan(
    version=VERSION,
    kind="load",
    agent="ws://127.0.0.1:1/media",
    seed=1,
    began="2026-01-01T00:00:00+00:00",
    at=990.0,
    budgets={"turn_gap p95": 1.1},
)


def a_call(number: int = 1, said: str = "What time is it?", **changes: Any) -> CallKept:
    """Return a call of one turn, with all that is known of it."""
    record, evidence = story([0.02, 0.3, 0.01, 0.2, 0.05, 0.1, 0.01, 0.01])
    record.call = number
    record.turns[0].said = said
    for name, value in changes.items():
        setattr(record, name, value)
    parts = waterfall(record, evidence)
    return CallKept(record=record, kept="sample", evidence=evidence, waterfall=parts)


def an_end() -> RunEnded:
    """Return the end of a good run."""
    gaps = LatencyHistogram()
    gaps.record(0.7)
    told = {"verdict": "OK", "reasons": [], "causes": {}}
    return RunEnded(at=1100.0, results=told, histograms={"turn_gap": gaps.to_counts()})


def filled(folder: Path, *, ended: bool = True) -> Path:
    """A folder with the trace of a small run."""
    append(folder, RUN)
    append(folder, a_call())
    append(
        folder,
        CallPassed(
            call=2, placed_at=1001.0, duration=9.0, outcome="completed", gaps=[0.8]
        ),
    )
    if ended:
        append(folder, an_end())
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Every entry, field for field."""
    trace = read_trace(filled(tmp_path))
    assert trace.run == RUN
    assert trace.calls == [a_call()]
    assert [passed.gaps for passed in trace.passed] == [[0.8]]
    assert trace.end == an_end()
    assert trace.bad_lines == 0


def test_every_line_has_the_published_form(tmp_path: Path) -> None:
    """That of ``python -m fakes.evidence.schema``."""
    validator = Draft202012Validator(json.loads(trace_schema()))
    append(tmp_path, Moment(at=1001.0, doing={"waiting": 1}, gap_p50=0.7))
    append(tmp_path, OwnFigures(call_sid="CA1", turns=[TurnTold(200.0, None)]))
    lines = (filled(tmp_path) / FILE).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 6
    for line in lines:
        validator.validate(json.loads(line))
        assert not validator.is_valid(json.loads(line) | {"type": "another"})


@given(st.binary(max_size=300), st.integers(0, 2000))
def test_damage_is_counted_and_the_rest_is_read(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, torn: int
) -> None:
    """Junk in the middle, and a last line that a killed process left half written."""
    folder = filled(tmp_path_factory.mktemp("trace"), ended=False)
    file = folder / FILE
    whole = msgspec.json.encode(a_call(3))
    with file.open("ab") as trace:
        trace.write(
            junk.replace(b"\n", b"") + b"\n" + whole[: min(torn, len(whole) - 1)]
        )
    found = read_trace(folder)
    assert [kept.record.call for kept in found.calls] == [1]
    assert len(found.passed) == 1
    assert found.bad_lines <= 2
    assert "did not come to its end" in render_report(found, folder)


def test_a_newer_trace_is_refused(tmp_path: Path) -> None:
    """With the way out; unknown fields of this version are passed over."""
    line = msgspec.json.encode(RUN).replace(b'{"type"', b'{"unknown":1,"type"')
    (tmp_path / FILE).write_bytes(line + b"\n")
    assert read_trace(tmp_path).run == RUN
    # One of version 1, which did not say so and had the policy in words only.
    old = line.replace(b'"version":2,', b"").replace(
        b'"budgets"', b'"backoff":"general bounds","budgets"'
    )
    (tmp_path / FILE).write_bytes(old + b"\n")
    assert read_trace(tmp_path).run == msgspec.structs.replace(RUN, version=1)
    # Nothing is known of its other fields.
    (tmp_path / FILE).write_bytes(b'{"type":"run","version":99,"agents":[]}\n')
    with pytest.raises(SettingError, match="version 99"):
        read_trace(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        RunEnded(at=1.0, results={"causes": {"a": None}}),
        RunEnded(at=1.0, results={"causes": {"a": "b"}}),
        RunEnded(at=1.0, results={"reasons": 7}),
        RunEnded(at=1.0, results={"verdict": ["OK"]}),
        RunEnded(at=1.0, histograms={"turn_gap": {"5": 1}}),
        CallPassed(call=1, placed_at=1.0, duration=1.0, outcome="x", gaps=[1e308]),
        Moment(at=1.0, doing={"waiting": 10**400}),
        Moment(at=1.0, gap_p95=1e308),
        OwnFigures(call_sid="CA1", turns=[TurnTold(1e308)]),
        CallPassed(call=1, placed_at=1e300, duration=1.0, outcome="x"),
        RunBegan(
            kind="load", agent="a", seed=1, began="", at=1.0, budgets={"x": 1e308}
        ),
    ],
)
def test_figures_that_no_run_can_have_are_refused_by_line(
    tmp_path: Path, entry: Entry
) -> None:
    """The page is made of the rest."""
    folder = filled(tmp_path, ended=False)
    append(folder, entry)
    trace = read_trace(folder)
    assert trace.bad_lines == 1
    assert trace.problems[0].startswith("line 4: ")
    assert "call 1: completed" in render_report(trace, folder)


def test_long_words_do_not_make_a_long_page(tmp_path: Path) -> None:
    """Twelve calls that speak a megabyte each."""
    trace = Trace()
    for number in range(12):
        kept = a_call(number, "word " * 200_000, cause="cause " * 200_000)
        kept.record.turns[0].heard = "heard " * 200_000
        trace.take(kept)
    assert len(render_report(trace, tmp_path)) < 1_000_000


def test_slow_turns_have_their_share_of_the_dots_and_no_more(tmp_path: Path) -> None:
    """To the end of a long run, too."""
    trace = Trace()
    trace.take(RUN)
    for number in range(20_000):
        gap = 2.0 if number % 20 == 7 else 0.7
        trace.take(
            CallPassed(
                call=number,
                placed_at=990.0 + number / 10,
                duration=0.0,
                outcome="completed",
                gaps=[gap],
            )
        )
    page = render_report(trace, tmp_path)
    good = re.findall(r'class="dot " cx="([\d.]+)"', page)
    bad = re.findall(r'class="dot bad" cx="([\d.]+)"', page)
    assert 0.03 < len(bad) / (len(good) + len(bad)) < 0.07
    assert max(map(float, good)) > 740  # of 744, where the axis ends
    assert "one dot for 7 turns" in page


def test_no_trace_is_the_users_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, exit code 2."""
    assert main([str(tmp_path / "nothing")]) == 2
    assert "cannot read" in capsys.readouterr().err


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</title></svg></script><iframe src=http://example.org>",
        "{{ 7 * 7 }}",
    ],
)
def test_what_callers_and_agents_say_stays_text(tmp_path: Path, hostile: str) -> None:
    """In words, causes, findings and in the agent's own address."""
    kept = a_call(1, hostile, cause=hostile, outcome="failed")
    assert kept.evidence is not None
    kept.evidence.attempts[0].said = hostile
    kept.record.turns[0].heard = hostile
    trace = Trace()
    for entry in (msgspec.structs.replace(RUN, agent=hostile), kept, an_end()):
        trace.take(entry)
    page = render_report(trace, tmp_path)
    elements = _Elements()
    elements.feed(page)
    tags = [tag for tag, _ in elements.found]
    assert tags.count("script") == 1
    assert not {"iframe", "img", "object", "embed"} & set(tags)
    assert not any(
        name.startswith("on") for _, attrs in elements.found for name in attrs
    )
    assert "49" not in re.findall(r"<title>busyhour: (.*?)</title>", page)


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    """No address outside: neither script, nor style, nor picture, nor font."""
    page = write_report(filled(tmp_path)).read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    elements = _Elements()
    elements.feed(page)
    for tag, attrs in elements.found:
        for name in ("src", "href"):
            address = attrs.get(name) or "#"
            assert address.startswith(("#", "data:")), (tag, address)


def test_a_recording_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    """A trace may come from anywhere."""
    inside, outside = tmp_path / "run", tmp_path / "secret.wav"
    inside.mkdir()
    outside.write_bytes(b"".join(Recording("RE", bytes(8000), bytes(8000)).wav()))
    trace = Trace()
    trace.take(msgspec.structs.replace(a_call(), audio="../secret.wav"))
    assert "data:audio" not in render_report(trace, inside)


def test_a_recording_is_played_as_it_was(tmp_path: Path) -> None:
    """Byte for byte the mu-law of both sides, and a waveform of each."""
    speech = b"".join(speak("What time is it?", speaker=Speaker.CALLER, call=1).frames)
    quiet = b"\xff" * len(speech)
    file = tmp_path / "call-1.wav"
    file.write_bytes(b"".join(Recording("RE", speech, quiet).wav()))
    shown = show(file)
    assert shown is not None
    assert shown.seconds == pytest.approx(len(speech) / 8000)
    assert max(shown.caller) > 0.05
    assert max(shown.agent) == 0
    sound = b64decode(shown.address.partition(",")[2])[44:]
    assert sound[0::2] == speech
    assert sound[1::2] == quiet
    assert show(tmp_path / "none.wav") is None


def test_ten_long_recordings_fit_into_one_page(tmp_path: Path) -> None:
    """Cut, said so, and still where the call has them on its axis of time."""
    minute = bytes([0x20, 0xA0] * 8000 * 45)
    wav = b"".join(Recording("RE", minute, minute).wav())
    trace = Trace()
    for number in range(10):
        (tmp_path / f"call-{number}.wav").write_bytes(wav)
        kept = a_call(number, duration=92.0)
        trace.take(msgspec.structs.replace(kept, audio=f"call-{number}.wav"))
    page = render_report(trace, tmp_path)
    assert len(page) < 9_000_000
    assert page.count("The first 30 s of the recording are here") == 10
    assert page.count('data-starts="2.0"') == 10


def test_pins_come_in_order_and_name_who_did_it() -> None:
    """Caller, recogniser, model, voice, and the reply at its end."""
    kinds = [pin.kind for pin in pins_of(a_call())]
    assert kinds.index("caller") < kinds.index("recogniser") < kinds.index("model")
    assert kinds.index("model") < kinds.index("voice") < kinds.index("agent")
    assert [pin.at for pin in pins_of(a_call())] == sorted(
        p.at for p in pins_of(a_call())
    )


def test_what_happens_on_the_media_socket_is_pinned() -> None:
    """Marks, clears, keys, and the moment at which a reply had come to the phone."""
    kept = a_call()
    kept.record.events = [
        LineEvent(0.4, "media"),
        LineEvent(0.5, "mark", "greeting"),
        LineEvent(1.5, "played", "greeting"),
        LineEvent(2.0, "key", "5"),
        LineEvent(2.5, "clear"),
    ]
    told = [pin.text for pin in pins_of(kept) if pin.kind == "phone"]
    assert told == [
        "first media comes",
        "mark asked for: greeting",
        "mark goes back: greeting",
        "key pressed: 5",
        "clear",
        "reply to turn 1 has come",
    ]


def test_faults_and_cut_speech_are_pinned_at_their_provider() -> None:
    """A fault that is still awaited is none."""
    kept = a_call()
    assert kept.evidence is not None
    fired = FaultFired(
        fault="Stall", surface="chat", group="", attempt=2, meant_at=1003.0
    )
    struck = msgspec.structs.replace(fired, happened_at=1003.25)
    kept.evidence.faults = [fired, struck]
    (made,) = kept.evidence.utterances
    made.last_audio_at, made.aborted = 1005.0, True
    told = [(pin.at, pin.kind, pin.text) for pin in pins_of(kept)]
    assert told.count((3.25, "model", "fault: Stall on chat")) == 1
    assert (5.0, "voice", "cut off: It is four o'clock.") in told


def test_a_hundred_thousand_turns_are_a_page_of_bounded_size(tmp_path: Path) -> None:
    """Figures of all of them, dots of some, rows of a thousand calls; under 10 MB."""
    trace = Trace()
    trace.take(RUN)
    for number in range(2000):
        trace.take(a_call(number, placed_at=1000.0 + number))
    for number in range(49_000):
        at = 1000.0 + number / 10
        trace.take(
            CallPassed(
                call=number,
                placed_at=at,
                duration=9.0,
                outcome="completed",
                gaps=[0.7, 0.8],
            )
        )
    page = render_report(trace, tmp_path)
    assert len(page) < 10_000_000
    assert "1000 rows are left out" in page
    assert "49000 more in figures only" in page


def test_the_command_tells_of_a_call_moment_by_moment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And computes its waterfall anew."""
    assert main([str(filled(tmp_path)), "--call", "1"]) == 0
    told = capsys.readouterr().out
    assert "1 waterfalls the same, 0 not" in told
    assert "says: What time is it?" in told
    assert main([str(tmp_path), "--slowest", "1", "--lines"]) == 0
    assert json.loads(capsys.readouterr().out)["record"]["call"] == 1
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / "report.html").exists()


def test_a_filter_that_finds_nothing_prints_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not all calls."""
    filled(tmp_path)
    for words in (["--failed"], ["--call", "999"]):
        assert main([str(tmp_path), *words, "--lines"]) == 0
        assert capsys.readouterr().out == ""


def test_what_a_trace_says_does_not_reach_the_terminal_as_a_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does a call without evidence count as one that was checked."""
    append(tmp_path, msgspec.structs.replace(RUN, agent="\x1b[31mred"))
    record = a_call(1, "\x1b[2J", outcome="\x1b[31m", cause="\x07").record
    append(tmp_path, CallKept(record=record, kept="failed"))
    assert main([str(tmp_path), "--call", "1"]) == 0
    told = capsys.readouterr().out
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", told)
    assert "0 waterfalls the same, 0 not; 1 calls have no evidence" in told


_PROBE = """
addEventListener("load", () => {
  const pin = document.querySelectorAll(".pin")[4];
  pin.dispatchEvent(new MouseEvent("click", {bubbles: true}));
  const audio = document.querySelector("audio");
  const call = document.querySelector(".one-call");
  const at = pin.dataset.at - call.dataset.starts;
  const moved = Math.abs(audio.currentTime - at) < 0.01;
  const words = document.querySelector("#filter");
  words.value = "nothing says that";
  words.dispatchEvent(new Event("input"));
  const none = document.querySelector("#left").textContent;
  words.value = "what time";
  words.dispatchEvent(new Event("input"));
  const found = document.querySelector("#left").textContent;
  const pins = document.querySelectorAll(".pin");
  const stops = document.querySelectorAll('.pin[tabindex="0"]').length;
  const press = (key) => {
    const event = new KeyboardEvent("keydown", {key, bubbles: true});
    document.activeElement.dispatchEvent(event);
  };
  pins[0].focus();
  press("ArrowRight");
  press("ArrowRight");
  press("Enter");
  const third = pins[2].dataset.at - call.dataset.starts;
  const keys =
    document.activeElement === pins[2] &&
    Math.abs(audio.currentTime - Math.max(0, third)) < 0.01;
  document.title = JSON.stringify({moved, none, found, stops, keys, errors});
});
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
def test_in_a_browser_a_pin_moves_the_recording_and_words_filter(
    tmp_path: Path,
) -> None:
    """Without an error, and without a request to anybody."""
    sound = bytes([0x20, 0xA0] * 80_000)
    wav = b"".join(Recording("RE", sound, sound).wav())
    (tmp_path / "call-1.wav").write_bytes(wav)
    trace = Trace()
    for entry in (RUN, msgspec.structs.replace(a_call(), audio="call-1.wav"), an_end()):
        trace.take(entry)
    page = render_report(trace, tmp_path)
    before = (
        "<script>const errors = []; onerror = (text) => errors.push(text);</script>"
    )
    page = page.replace("<header>", before + "<header>", 1)
    page = page.replace("</body>", f"<script>{_PROBE}</script></body>")
    file = tmp_path / "probe.html"
    file.write_text(page, encoding="utf-8")
    run = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *(f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    title = re.search(r"<title>(\{.*?\})</title>", run.stdout)
    assert title is not None, run.stdout[:500]
    told = json.loads(title[1].replace("&quot;", '"'))
    assert told == {
        "moved": True,
        "none": "0 calls",
        "found": "1 calls",
        "stops": 1,
        "keys": True,
        "errors": [],
    }


def test_a_call_that_failed_before_it_was_answered_is_shown(tmp_path: Path) -> None:
    """No turns, no evidence, no recording."""
    record = CallRecord(
        call=5, call_sid="CA5", agent="x", outcome="failed", placed_at=1.0, duration=0.0
    )
    trace = Trace()
    trace.take(CallKept(record=record, kept="failed"))
    assert "call 5: failed" in render_report(trace, tmp_path)
