"""The lines of the table on the load itself, and on what a call costs."""

from __future__ import annotations

from loadtests._cells import milliseconds, number
from loadtests._erlang import blocking
from loadtests._tally import Tally
from loadtests._traffic import Traffic

__all__ = ["cost_texts", "describe", "load_texts"]

SIDES = ("generator", "fakes", "agent")
_KILO = 1024


def describe(traffic: Traffic) -> str:
    """The traffic in words; empty for the usual one."""
    said = []
    if traffic.rate is not None:
        said.append(f"{traffic.rate:.3g} calls/s {traffic.arrivals}")
    if traffic.holding is not None:
        said.append(f"held {traffic.holding:g} s {traffic.holding_kind}")
    if traffic.profile:
        said.append(f"profile {traffic.profile}")
    if names := [written.name for written in traffic.mix.written]:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        said.append("conversations " + ", ".join(names[:3]) + more)
    return ", ".join(said)


def load_texts(tally: Tally, seconds: float, erlangs: float, phones: int) -> list[str]:
    """What was offered and what was carried; nothing in the closed model.

    Args:
        tally: of the whole run.
        seconds: how long it lasted.
        erlangs: traffic that was to be offered at the peak, 0 if not known.
        phones: there were so many, 0 if not known.
    """
    counts = tally.counts
    if not counts["offered"]:
        return []
    carried = counts["call_ms"] / 1000 / seconds if seconds else 0.0
    share = 100 * counts["blocked"] / counts["offered"]
    text = (
        f"offered {number(counts['offered'])} calls, no free phone for "
        f"{number(counts['blocked'])} ({share:.1f} %)"
    )
    if counts["engine_full"]:
        text += f", engine full for {number(counts['engine_full'])}"
    text += f"; carried {carried:.1f} erlangs"
    texts = [text]
    if erlangs and phones:
        lost = 100 * blocking(erlangs, phones)
        texts[0] += f" of {erlangs:.1f} offered"
        texts.append(f"{phones} phones would lose {lost:.2g} % of that by Erlang's B")
    setup = tally.histograms["setup"]
    if setup.count:
        each = " ".join(
            f"p{percent:g} {milliseconds(setup.percentile(percent))}"
            for percent in (50.0, 95.0, 99.0)
        )
        texts.append(f"from the moment a call was due to its answer: {each} ms")
    return texts


def cost_texts(tally: Tally) -> list[str]:
    """Processor, memory and sockets of each side; nothing before they are known."""
    counts = tally.counts
    known = [side for side in SIDES if counts[f"{side}_cpu_ms"]]
    seconds = counts["call_ms"] / 1000
    if not known or not seconds:
        return []
    cpu = ", ".join(
        f"{side} {counts[f'{side}_cpu_ms'] / seconds:.1f}" for side in known
    )
    texts = [f"processor ms for a second of a call: {cpu}"]
    if calls := counts["peak_calls"]:
        memory = ", ".join(
            f"{side} {number(round(counts[f'{side}_bytes'] / calls / _KILO))}"
            for side in known
        )
        sockets = ", ".join(
            f"{side} {number(counts[f'{side}_sockets'])}" for side in known
        )
        texts.append(f"KB of memory gained for each of {number(calls)} calls: {memory}")
        texts.append(f"sockets at most: {sockets}")
    return texts
