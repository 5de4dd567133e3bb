"""What names work: a key that is a file's name on every system, and nothing else."""

import pytest
from pydantic import ValidationError

from mhfd.contract.work import WorkRequest


@pytest.mark.parametrize("key", ["", "../up", "a/b", ".hidden", "a" * 65, "a b", "a\n", "é"])
def test_a_key_names_one_folder(key: str) -> None:
    with pytest.raises(ValidationError, match="key"):
        WorkRequest(key=key, into="/data/works")
    assert WorkRequest(key="3f-hash_folder.1", into="/data/works").turn_s == 300
