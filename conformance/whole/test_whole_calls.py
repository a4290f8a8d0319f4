"""Random calls to the reference agent, all of it in virtual time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from conformance.mutants._registry import registered_mutants
from conformance.whole.__main__ import main
from conformance.whole.evidence import Evidence
from conformance.whole.network import run_on_a_virtual_network
from conformance.whole.oracles import ORACLES, judge
from conformance.whole.search import search
from conformance.whole.stage import play, play_together
from conformance.whole.tape import Recording, Tape, read_recording, write_recording
from fakes.faults import EmptyAudio, Refuse, Reset
from fakes.twilio.caller.script import AwaitGreeting, HangUp, Pause, Press, Say
from voiceutils.errors import SettingError

TAPES = sorted(Path(__file__).with_name("tapes").glob("*.json"))
TALK = Tape(
    caller=(
        AwaitGreeting(),
        Say("Where is my parcel?"),
        Say("What are your opening hours?", barge_in_after=0.6),
        HangUp("reset"),
    )
)


def test_random_calls_find_nothing_in_the_reference_agent(tmp_path: Path) -> None:
    """Whatever callers and providers do, no oracle complains.

    The tapes are the same in each run; ``--search N`` plays others.
    """
    found = search(lambda tape: judge(tape, play(tape)), examples=40, seed=1)
    if found is not None:
        kept = tmp_path / "tape.json"
        write_recording(kept, found.recording)
        said = "\n".join(map(str, found.complaints))
        pytest.fail(f"{said}\n\npython -m conformance.whole {kept}", pytrace=False)


@pytest.mark.parametrize("path", TAPES, ids=lambda path: path.stem)
def test_what_was_found_once_stays_mended(path: Path) -> None:
    """Tapes that the agent failed before it was mended have the verdict they name."""
    recording = read_recording(path)
    complaints = judge(recording.tape, play(recording.tape))
    assert sorted({complaint.oracle for complaint in complaints}) == [
        *recording.verdict
    ], complaints


def test_a_mutant_is_found_and_its_tape_says_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found, made small, saved, and replayed with one command to the same verdict."""
    kept, name = tmp_path / "tape.json", "sends_audio_twice"
    arguments = ["--search", "20", "--seed", "1", "--mutant", name]
    assert main([*arguments, "--save", str(kept)]) == 1
    recording = read_recording(kept)
    assert recording.tape == Tape(caller=(Say("Where is my parcel?"),))

    capsys.readouterr()
    assert main([str(kept), "--mutant", name]) == 1
    assert "caller_frames (as recorded" in capsys.readouterr().out
    assert main([str(kept)]) == 0


def test_the_same_tape_is_the_same_call_to_the_last_bit() -> None:
    """No figure depends on the machine, on other threads or on the run before."""
    first, second = play(TALK), play(TALK)
    assert first.record == second.record
    assert first.attempts == second.attempts
    assert first.heard == second.heard
    assert first.marks == second.marks


OTHERS = [
    Tape(caller=(AwaitGreeting(), HangUp("close"))),
    Tape(caller=(Say("Is there parking at the hotel?"),), chat=(Refuse(503),)),
    Tape(caller=(Pause(5.0), HangUp("reset")), listen=(Reset(after=2.0),)),
    Tape(caller=(AwaitGreeting(), Press("12#"), Pause(3.0)), speak=(EmptyAudio(),)),
]


def test_a_call_among_others_is_the_call_alone() -> None:
    """Whatever goes wrong in the others: to the last bit, moments and all."""
    alone, among = play(TALK), play_together([TALK, *OTHERS])[0]
    assert _without_numbers(among) == _without_numbers(alone)
    forgetful = registered_mutants()["forgets_when_another_call_ends"].call_class
    alone, among = play(TALK, forgetful), play_together([TALK, *OTHERS], forgetful)[0]
    assert _without_numbers(among) != _without_numbers(alone)


def _without_numbers(evidence: Evidence) -> object:
    """Return what was heard and asked, without the numbers of utterances."""
    utterances = evidence.record.utterances
    return (
        evidence.record.turns,
        [(one.text, one.heard, one.first_at, one.last_at) for one in utterances],
        [(one.surface, one.at, one.said, one.remembered) for one in evidence.attempts],
        evidence.heard,
        evidence.marks,
        evidence.trouble,
    )


def test_other_threads_keep_their_clock() -> None:
    """Virtual time is that of the thread which plays."""
    seen: list[float] = []
    before = time.monotonic()

    async def main() -> float:
        other = threading.Thread(target=lambda: seen.append(time.monotonic()))
        other.start()
        other.join()
        return time.monotonic()

    assert run_on_a_virtual_network(main) == 0.0
    assert seen[0] >= before


def test_an_agent_that_spins_is_told_from_one_that_waits() -> None:
    """A loop without a pause would stop virtual time for ever."""
    spinning = registered_mutants()["spins_after_the_call"].call_class
    tape = Tape(caller=(AwaitGreeting(), HangUp()))
    assert judge(tape, play(tape, spinning))[0].oracle == "trouble"


def test_every_oracle_says_what_it_asks_for() -> None:
    """Its first line stands for it in what people read."""
    assert all(oracle.__doc__ for oracle in ORACLES)


# --- files ----------------------------------------------------------------------------


def test_a_tape_survives_its_file(tmp_path: Path) -> None:
    """What is written is what is read."""
    path = tmp_path / "tape.json"
    recording = Recording(tape=TALK, verdict=("barge_in",), agent="somebody")
    write_recording(path, recording)
    assert read_recording(path) == recording


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('{"tape": {"caler": []}}', "caler"),
        ('{"tape": {"caller": [{"do": "sing"}]}}', "sing"),
        ('{"tape": {"chat": [{"type": "EmptyAudio"}]}}', "EmptyAudio"),
        ("{", "truncated"),
    ],
)
def test_a_mistake_in_a_file_is_named(
    tmp_path: Path, content: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, no traceback, exit code 2."""
    path = tmp_path / "tape.json"
    path.write_text(content, "utf-8")
    assert main([str(path)]) == 2
    assert named in capsys.readouterr().err


def test_faults_that_do_not_exist_on_a_surface_are_refused() -> None:
    """A recogniser has no audio to send."""
    with pytest.raises(SettingError, match="EmptyAudio"):
        Tape(listen=(EmptyAudio(),)).rules("CA1")
    assert Tape(speak=(EmptyAudio(), Refuse(503))).rules("CA1")
