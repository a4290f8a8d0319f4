"""``python -m fakes`` as a person or a script uses it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakes import options
from fakes.__main__ import main
from fakes.addresses import Addresses
from fakes.delays import Lognormal
from fakes.profiles import PROFILES
from fakes.world import AgentProcess, WorldProcess
from voiceutils.errors import DeadlineExceeded, NotConnected, VoiceError

pytestmark = pytest.mark.judged("Command line, python -m fakes", by="curl")

COMMAND = [sys.executable, "-m", "fakes"]
ANY_PORT = [f"--{name}-port=0" for name in ("deepgram", "model", "control", "twilio")]


@pytest.fixture(scope="module")
def running() -> Iterator[WorldProcess]:
    """Fakes in a process of their own."""
    with WorldProcess() as world:
        yield world


def ask(url: str, body: object = None) -> tuple[int, Any]:
    """Return status and JSON of one request."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(url, data, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(number: signal.Signals) -> None:
    """One line of JSON, then nothing; a signal ends it with exit code 0."""
    with subprocess.Popen(
        [*COMMAND, "--json", *ANY_PORT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        process.send_signal(number)
        rest, errors = process.communicate(timeout=10)

    assert set(addresses) == set(Addresses.__struct_fields__)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--fault", "{nonsense"], "bad fault rule"),
        (["--fault", '{"surface":"listen","faults":[{"type":"Bang"}]}'], "Bang"),
        (["--speech-pace=0"], "--speech-pace must be above 0"),
        (["--slot-linger=uniform:1,2"], "--slot-linger is one number"),
        (["--fault", '{"surface":"listen","script":"nix"}'], "unknown script 'nix'"),
        (["--deepgram-port=0"] * 16, "16 ports at the most"),
    ],
)
def test_wrong_setting_is_one_clear_line(options: list[str], problem: str) -> None:
    """The user's mistake is one line on stderr and exit code 2."""
    done = subprocess.run(
        [*COMMAND, "--json", *ANY_PORT, *options],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert problem in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--speech-delay=lognormal:2,1", "p50 must be above 0"),
        ("--speech-delay=soon", "use seconds such as 0.12"),
        ("--profile=guessed", "invalid choice: 'guessed'"),
        ("--listen-connections=-1", "-1 is below 0"),
        ("--plan=free", "invalid choice: 'free'"),
        ("--bind=0.0.0.0", "give the one address under which agents reach this"),
        ("--bind=example.com", "example.com is no IP address"),
        ("--model-replies=parrot", "use one of script, echo, or a .toml file"),
    ],
)
def test_wrong_value_of_an_option_is_explained(
    option: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The parser says what is wrong and exits with 2."""
    with pytest.raises(SystemExit) as ended:
        main([option])

    assert ended.value.code == 2
    assert problem in capsys.readouterr().err.splitlines()[-1]


def test_rules_for_the_model_come_from_a_file(tmp_path: Path) -> None:
    """They are followed; a mistake in them is told with its line before the start."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\nhears = "coffee"\nsay = "Milk or sugar?"\n')
    question = {"role": "user", "content": "A coffee, please."}
    with WorldProcess(options=[f"--model-replies={rules}"]) as world:
        answer = httpx.post(
            f"{world.addresses.model}/chat/completions",
            json={"model": "m", "messages": [question]},
        ).json()

    assert answer["choices"][0]["message"]["content"] == "Milk or sugar?"
    rules.write_text('[[rules]]\nhears = "coffee"\nsays = "Milk or sugar?"\n')
    with pytest.raises(VoiceError, match=r"rules.toml:3: rule 1: says: unknown"):
        WorldProcess(options=[f"--model-replies={rules}"]).start()


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single delays go before the profile, single limits before the plan."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(options, "World", lambda **given: made.update(given))
    line = (
        "--profile=published --speech-delay=lognormal:0.2,0.6 --model-delay=0.5 "
        "--plan=payg --agent-connections=1 --slot-linger=2 --seed=7 "
        "--deepgram-port=1 --deepgram-port=2"
    )
    options.world_of(options.parser().parse_args(line.split()))
    deepgram, model = made["deepgram"], made["model"]

    assert deepgram.recogniser_delay == PROFILES["published"].recogniser_delay
    assert deepgram.speech_delay == Lognormal(0.2, 0.6)
    assert (model.first_token_delay, model.token_delay) == (0.5, 0.008)
    assert (deepgram.listen_connections, deepgram.agent_connections) == (150, 1)
    assert (deepgram.slot_linger, deepgram.seed, model.seed) == (2.0, 7, 7)
    assert (made["deepgram_port"], list(made["further_deepgram_ports"])) == (1, [2])


def test_delays_vary_by_seed_and_connection() -> None:
    """The first token of request after request has the distribution asked for."""
    with WorldProcess(
        options=["--model-delay=uniform:0.05,0.15", "--token-delay=0", "--seed=3"]
    ) as world:
        for _ in range(8):
            asked = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
            ask(f"{world.addresses.model}/chat/completions", asked)
        _, ledger = ask(f"{world.addresses.control}/__fakes/ledger")
    took = [a["first_answer_at"] - a["opened"] for a in ledger["attempts"]]

    assert all(0.05 <= seconds < 0.25 for seconds in took), took
    assert len({round(seconds, 3) for seconds in took}) > 4


def test_taken_port_is_one_clear_line() -> None:
    """A port that is taken is named, with the way out."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            VoiceError, match=f"port {port} for the fake model is taken"
        ):
            WorldProcess(model_port=port).start()


def test_printed_commands_work() -> None:
    """Every curl line of the guide works when it is copied into a shell."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    with subprocess.Popen(
        [*COMMAND, *ANY_PORT], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        guide = ""
        while "faults go by it" not in guide and "the faults go" not in guide:
            line = process.stdout.readline()
            assert line, guide
            guide += line
        try:
            commands = re.findall(r"^  (curl .*)$", guide, re.MULTILINE)
            outputs = {command: _run(command) for command in commands}
        finally:
            process.terminate()

    def output(part: str) -> bytes:
        (found,) = (out for command, out in outputs.items() if part in command)
        return found

    assert process.wait(10) == 0
    assert len(output("/v1/speak?")) > 1000
    assert b"data: [DONE]" in output("/chat/completions")
    assert json.loads(output("/__fakes/ledger"))["attempts"]
    assert json.loads(output("/__fakes/verdict"))["findings"] == []
    assert json.loads(output("/__fakes/faults"))["rule"]["surface"] == "listen"


def _run(command: str) -> bytes:
    command = command.replace("-o hello.ulaw", "")
    done = subprocess.run(
        command, shell=True, capture_output=True, timeout=20, check=True
    )
    return done.stdout


def test_control_interface_answers_json(running: WorldProcess) -> None:
    """Addresses, faults, ledger and reset; errors are JSON with a status."""
    control = running.addresses.control
    status, addresses = ask(f"{control}/__fakes/addresses")
    assert (status, addresses["model"]) == (200, running.addresses.model)

    rule = {
        "surface": "chat",
        "group": "CA7",
        "faults": [{"type": "Refuse", "status": 500}],
    }
    assert ask(f"{control}/__fakes/faults", rule)[0] == 200
    status, answer = ask(f"{control}/__fakes/faults", {"surface": "x", "faults": []})
    assert (status, "unknown surface" in answer["error"]) == (400, True)

    asked = {
        "model": "m",
        "user": "CA7",
        "messages": [{"role": "user", "content": "x"}],
    }
    assert ask(f"{running.addresses.model}/chat/completions", asked)[0] == 500
    _, group = ask(f"{control}/__fakes/ledger/groups/CA7")
    assert [a["outcome"] for a in group["attempts"]] == ["refused 500"]
    assert [f["fault"] for f in group["faults"]] == ["Refuse"]

    assert ask(f"{control}/__fakes/ledger/calls/1")[0] == 404
    assert ask(f"{control}/__fakes/ledger/groups/nobody")[1]["attempts"] == []
    assert ask(f"{control}/__fakes/reset", {})[0] == 200
    assert ask(f"{control}/__fakes/ledger")[1] == {
        "attempts": [], "calls": [], "utterances": [], "faults": [],
    }  # fmt: skip
    assert ask(f"{control}/nowhere")[0] == 404


@pytest.mark.parametrize("path", ["/v1/nothing", "/v3/listen", "/"])
def test_unknown_path_is_a_json_404(running: WorldProcess, path: str) -> None:
    """Paths that are not served answer as the service does."""
    status, body = ask(running.addresses.deepgram + path)

    assert status == 404
    assert list(body) == ["err_code", "err_msg", "request_id"]


def test_world_must_be_started_first() -> None:
    """Addresses before the start are an error that says what to do."""
    with pytest.raises(NotConnected, match=r"call start\(\) first"):
        _ = WorldProcess().addresses


def test_agent_command_gets_the_addresses(running: WorldProcess) -> None:
    """Placeholders are filled in; the line of JSON is read, other output ignored."""
    program = (
        "import json,os,sys,time; print('hello'); "
        "print(json.dumps({'media': sys.argv[1], 'env': os.environ['DEEPGRAM_URL']}));"
        "sys.stdout.flush(); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, "{deepgram_websocket}/media"]
    with AgentProcess(running.addresses, command) as agent:
        assert agent.url == f"{running.addresses.deepgram_websocket}/media"
        assert agent.declared["env"] == running.addresses.deepgram
        assert agent.poll() is None
    assert agent.poll() is not None


def test_agent_that_only_listens_is_found_by_its_port(running: WorldProcess) -> None:
    """A command with {port} is ready when the port accepts."""
    command = f"{sys.executable} -m http.server {{port}} --bind 127.0.0.1"
    with AgentProcess(running.addresses, command) as agent:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/voice", agent.url)


def test_agent_that_dies_or_hangs_is_reported(running: WorldProcess) -> None:
    """Death is reported with its last words, silence with what was awaited."""
    dying = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with pytest.raises(VoiceError, match="status 1: no such model"):
        AgentProcess(running.addresses, dying).start()
    silent = [sys.executable, "-c", "import time; time.sleep(60)"]
    with pytest.raises(DeadlineExceeded, match="where it can be called"):
        AgentProcess(running.addresses, silent, deadline=0.3).start()
    with pytest.raises(VoiceError, match="cannot be started"):
        AgentProcess(running.addresses, "no-such-program").start()
