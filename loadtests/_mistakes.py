"""A person's mistake ends the run before it began: one line, and exit code 2."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import NoReturn

from loadtests._options import LoadOptions, read_options
from loadtests._verdict import CANNOT_START
from voiceutils.budget import DEFAULT_BUDGETS
from voiceutils.errors import SettingError, VoiceError

__all__ = ["read_or_exit", "say_and_exit"]


def read_or_exit(parsed: Namespace, *, is_worker: bool) -> LoadOptions:
    """Read the options that Locust parsed, or say what is wrong with them."""
    try:
        options = read_options(parsed, DEFAULT_BUDGETS)
        if options.traffic.find_capacity and not (parsed.headless or is_worker):
            raise SettingError("--find-capacity goes with --headless")
    except VoiceError as error:
        say_and_exit(error)
    return options


def say_and_exit(error: VoiceError) -> NoReturn:
    """Say it and end this process."""
    print(f"busyhour: {error}", file=sys.stderr, flush=True)
    sys.exit(CANNOT_START)
