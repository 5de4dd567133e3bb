"""The blur that a verdict of the journal holds, for all who show it. Reads one row; judges nothing."""

import json
from dataclasses import replace
from typing import Any, Final

from mhfd_client.journal.rows import VerdictRow
from mhfd_client.verdicts.blur.blur import Blur

COLUMNS: Final = tuple(f"blur_{name}" for name in Blur.model_fields)
"""Its fields, where they stand in a table beside others."""


def blur_of(verdict: VerdictRow) -> Blur | None:
    """None: it has none, as all of before version 3, or is damaged, which `mhfd check` finds by its sum."""
    if '"blur"' not in verdict.detail:  # thousands of verdicts are asked
        return None
    try:
        told = json.loads(verdict.detail)["blur"]
        return None if told is None else Blur.model_validate(told)
    except (ValueError, KeyError, TypeError):
        return None


def slim(verdict: VerdictRow) -> VerdictRow:
    """The same without the rest of its detail, for whoever keeps thousands of them."""
    blur = blur_of(verdict)
    return replace(verdict, detail="{}" if blur is None else f'{{"blur":{blur.model_dump_json()}}}')


def flat(blur: Blur | None) -> dict[str, Any]:
    """One column a field; None where nothing is known."""
    values = {} if blur is None else blur.model_dump(mode="json")
    return {column: values.get(column.removeprefix("blur_")) for column in COLUMNS}
