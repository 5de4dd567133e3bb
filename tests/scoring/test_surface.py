"""What a person in a notebook sees of an error that says what to do: one line, and no frames of others."""

from __future__ import annotations

import pickle
import traceback

import pytest

import mhfd_client
from mhfd.errors import UsageError
from mhfd_client.errors import NotLoggedIn
from mhfd_client.surface import brief


@brief
def called(error: Exception) -> None:
    """As the surface of a library."""
    try:
        raise ValueError("of an SDK")
    except ValueError as cause:
        raise error from cause


@pytest.mark.parametrize("error", [NotLoggedIn("run `mhfd login`"), UsageError("paths: there are none")], ids=repr)
def test_an_error_that_says_what_to_do_is_told_in_short(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        called(error)
    told = traceback.format_exception(raised.value)
    assert "of an SDK" not in "".join(told)
    assert len(traceback.extract_tb(raised.value.__traceback__)) == 2, "the caller's, and one"


def test_a_defect_keeps_where_it_came_from() -> None:
    with pytest.raises(RuntimeError) as raised:
        called(RuntimeError("a defect"))
    assert isinstance(raised.value.__cause__, ValueError)


def test_nobody_logged_in_was_twenty_frames() -> None:
    pytest.importorskip("globus_compute_sdk")
    with pytest.raises(NotLoggedIn) as raised:
        mhfd_client.score(["/x.tif"], endpoint="00000000-0000-4000-8000-000000000000")
    assert len(traceback.extract_tb(raised.value.__traceback__)) == 2
    raised.value.add_note("2 of 3 are done")
    shown = raised.value._render_traceback_()
    assert shown == [f"NotLoggedIn: {raised.value}", "2 of 3 are done"], "what IPython shows"
    assert "mhfd login" in shown[0]
    assert "\n" not in shown[0]
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301 - our own
