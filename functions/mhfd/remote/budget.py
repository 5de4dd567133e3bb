"""Reports -> a response that the service carries, whatever the batch.

What is left out first: the focus maps (`cells`) of all images, then everything but the summaries, then the images that
were not looked at yet. So every image that was scored is answered. Sizes are those of JSON with ASCII only, which is
what travels. A flow keeps an answer in its run's state, of 200 KB: who wants nothing but files gets next to
nothing.
"""

import json
from typing import Any, Final, Literal

from mhfd.contract.focus_report import FocusReport
from mhfd.contract.request import Code, Problem
from mhfd.remote.refusal import problem

_FRAME: Final = 4096
"""Bytes for what is there once: provenance, notes, what is left out."""
_NULL: Final = 6
_REASONS: Final = 12_000
"""Bytes of the problems of an answer without reports; of the images that are left the endpoint's log knows why."""


class Budget:
    """The answers so far, and whether another one has room.

    Args:
        limit: Bytes of the whole response.
        count: Images of the request.
        detail: How much of a report is wanted.
    """

    def __init__(self, limit: int, count: int, *, detail: Literal["none", "summary", "full"]) -> None:
        self._limit, self._count, self._full, self._bare = limit - _FRAME, count, detail == "full", detail == "none"
        self._answers: list[tuple[dict[str, Any] | None, dict[str, Any] | None]] = []  # full, summary
        self.errors: list[Problem] = []
        self._least = count * _NULL  # the smallest that this response can be made
        self._whole = self._reasons = self._unsaid = 0

    @property
    def room(self) -> bool:
        """Whether the next image, whatever comes of it, can be answered."""
        return self._least + _MOST <= self._limit

    def report(self, report: FocusReport, *, file: str | None = None) -> None:
        """The next image has a report. `file`: its name, where the whole of it lies."""
        summary = {} if self._bare else report.summary(report_file=file)
        whole = report.model_dump(mode="json") if self._full else None
        self._answers.append((whole, summary))
        self._least += _size(summary) + 2
        self._whole += 0 if whole is None else _size(whole) + 2

    def error(self, found: Problem) -> None:
        """The next image has none, and why."""
        self._answers.append((None, None))
        size = _size(found.model_dump()) + 2
        if self._bare and self._reasons + size > _REASONS:
            self._unsaid += 1
            return
        self.errors.append(found)
        self._reasons += size
        self._least += size

    def stop(self, code: Code, why: str, remedy: str) -> None:
        """The images that are left are not looked at."""
        at = len(self._answers)
        self.errors.append(problem(code, why, remedy, index=at, through=self._count - 1))
        self._answers += [(None, None)] * (self._count - at)

    def reports(self) -> tuple[tuple[dict[str, Any] | None, ...], tuple[Problem, ...]]:
        """What goes into the response, and notes on what was left out of it."""
        summaries = tuple(summary for _, summary in self._answers)
        if self._unsaid:
            why = f"the reasons of {self._unsaid} more images without a report are left out"
            return summaries, (problem(Code.DETAIL_LEFT_OUT, why, "the endpoint's log has them"),)
        if not self._full:
            return summaries, ()
        errors = self._least - sum(_size(summary) + 2 for summary in summaries if summary is not None)
        if self._whole + errors <= self._limit:
            return tuple(whole for whole, _ in self._answers), ()
        bare = tuple(None if whole is None else {**whole, "cells": None} for whole, _ in self._answers)
        ask = "ask for fewer images at once, or give write_to"
        if sum(_size(one) + 2 for one in bare) + errors <= self._limit:
            return bare, (problem(Code.CELLS_LEFT_OUT, "the focus maps are left out: the response was too large", ask),)
        why = "summaries are given instead of whole reports: the response was too large"
        return summaries, (problem(Code.DETAIL_LEFT_OUT, why, ask),)


_MOST: Final = 8000
"""Bytes of the largest summary or problem."""


def _size(value: object) -> int:
    return len(json.dumps(value))
