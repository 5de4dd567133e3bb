"""What all workers know before the first step, and what ends a training before it or later, in words. Without torch."""

import errno
import io
import os
from pathlib import Path

import pytest
from tests.rigs.little_training import job, taught

from mhfd.errors import UsageError
from mhfd.learning.training.nets import digest_of
from mhfd.learning.training.told import TOLD, TrainingEnded
from mhfd.learning.training.workers import STOP
from mhfd.learning.training.workers.beginning import PARENT, put_parent
from mhfd.learning.training.workers.prepared import prepare
from mhfd.learning.training.workers.schedule import FURTHER
from mhfd.learning.training.workers.telling import Teller
from mhfd.learning.training.workers.trouble import TrainingTrouble, mount_of, of_data, of_disk, words_of

ENDED = TrainingEnded(why="epochs", step=3, digest="d")


def test_steps_and_images_of_a_training(tmp_path: Path) -> None:
    prepared = prepare(job(taught(tmp_path), epochs=5, batch=7), tmp_path)

    assert (len(prepared.taught), len(prepared.validated)) == (18, 6)
    assert (prepared.steps_in_epoch, prepared.steps) == (3, 15)
    assert [prepared.images(step) for step in range(4)] == [7, 7, 4, 7]
    assert prepared.head.says == ("bad", "radius_px", "sd")


@pytest.mark.parametrize(("batch", "highest"), [(6, 0.01), (18, 0.01)])
def test_the_plan_s_rate_is_taken_before_the_network_s(tmp_path: Path, batch: int, highest: float) -> None:
    dataset = taught(tmp_path)
    said, usual = (
        prepare(job(dataset, batch=batch, rate=highest), tmp_path),
        prepare(job(dataset, batch=batch), tmp_path),
    )

    assert max(said.rate(step) for step in range(said.steps)) == pytest.approx(highest)
    assert usual.rate(0) == usual.net.rate


def test_it_begins_with_its_parent_s_numbers_and_with_no_other_s(tmp_path: Path) -> None:
    dataset = taught(tmp_path / "data")
    drawn = prepare(job(dataset, seed=1), tmp_path)
    known = {name: value + 1 for name, value in drawn.begun.items()}
    put_parent(tmp_path, "a" * 64, known)

    begun = prepare(job(dataset, parent="a" * 64), tmp_path)

    assert digest_of(begun.begun) == digest_of(known)
    assert digest_of(prepare(job(dataset), tmp_path).begun) != digest_of(drawn.begun), "another seed"
    assert begun.rate(0) == FURTHER * drawn.rate(0) < drawn.rate(0)
    assert prepare(job(dataset, parent="a" * 64, rate=0.01), tmp_path).rate(0) == 0.01
    with pytest.raises(UsageError, match=f"the numbers of another package than {'b' * 64}"):
        prepare(job(dataset, parent="b" * 64), tmp_path)
    (tmp_path / PARENT).write_bytes((tmp_path / PARENT).read_bytes()[:-1])
    with pytest.raises(UsageError, match=f"{PARENT}: the parent's numbers cannot be read; give the same command again"):
        prepare(job(dataset, parent="a" * 64), tmp_path)
    prepare(job(dataset, parent="a" * 64, measure_only=2), tmp_path / "sweep")


def test_a_batch_larger_than_what_is_taught_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^batch: 19 images a step .* 18 that are taught"):
        prepare(job(taught(tmp_path), batch=19), tmp_path)


def test_a_network_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="small"):
        prepare(job(taught(tmp_path), learner="large"), tmp_path)


def test_a_full_disk_is_named_with_what_is_missing(tmp_path: Path) -> None:
    trouble = of_disk(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), tmp_path, 332_184)

    assert trouble.code == "disk_full"
    assert "332,184 bytes" in trouble.why
    assert str(mount_of(tmp_path)) in trouble.why
    assert "it goes on" in trouble.remedy


def test_another_fault_of_the_disk_is_not_called_full(tmp_path: Path) -> None:
    trouble = of_disk(OSError(errno.EROFS, os.strerror(errno.EROFS)), tmp_path, 1)

    assert trouble.code == "disk"
    assert str(tmp_path) in trouble.why
    assert "Read-only" in trouble.why


def test_a_mount_is_the_highest_folder_on_its_file_system(tmp_path: Path) -> None:
    mount = mount_of(tmp_path)

    assert mount.stat().st_dev == tmp_path.stat().st_dev
    assert mount == mount.parent or mount.parent.stat().st_dev != mount.stat().st_dev


def test_words_of_what_ends_a_training() -> None:
    mine = TrainingTrouble("x", "why", "what")

    assert words_of(mine, 3) is mine
    assert words_of(RuntimeError("Connection closed by peer"), 3) is None
    for short in (
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ):
        found = words_of(short, 3)
        assert found is not None
        assert found.code == "memory"
        assert "3 images" in found.why
    said = of_data(UsageError("a.tif: cannot be read; put it back"))
    assert (said.code, said.why, said.remedy) == ("data", "a.tif: cannot be read", "put it back")


def test_only_the_first_worker_says_anything(tmp_path: Path) -> None:
    mine, others = io.StringIO(), io.StringIO()
    Teller(tmp_path, mine, first=True).say(ENDED)
    Teller(tmp_path, others, first=False).say(ENDED)

    assert TOLD.validate_json(mine.getvalue()) == ENDED
    assert others.getvalue() == ""


def test_a_file_a_signal_and_a_reader_that_is_gone_ask_to_stop(tmp_path: Path) -> None:
    by_file, by_signal = (Teller(tmp_path, io.StringIO(), first=True) for _ in range(2))
    assert not by_file.asked_to_stop
    by_signal.ask_to_stop()
    (tmp_path / STOP).touch()
    assert by_file.asked_to_stop
    assert by_signal.asked_to_stop

    reader, writer = os.pipe()
    os.close(reader)
    (tmp_path / STOP).unlink()
    out = os.fdopen(writer, "w")
    unheard = Teller(tmp_path, out, first=True)
    unheard.say(ENDED)
    unheard.say(ENDED)
    with pytest.raises(BrokenPipeError):
        out.close()
    assert unheard.asked_to_stop
