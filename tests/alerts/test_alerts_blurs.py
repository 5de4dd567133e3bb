"""What an alert knows of the blurs of a run."""

from __future__ import annotations

from pathlib import Path

from tests.rigs.blurs import blur
from tests.rigs.runs import Run

from mhfd_client.alerts import rules
from mhfd_client.alerts.message import Rule
from mhfd_client.alerts.situation import SituationReader
from mhfd_client.journal.view import JournalView
from mhfd_client.now import RunNow
from mhfd_client.settings.options import AlertSettings
from mhfd_client.verdicts.blur.blur import BlurKind

NOW = 1_800_000_000.0


def test_an_alert_says_what_blurs_a_run_by_its_current_verdicts(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for section in range(1, 10):
        run.image(section, blur=blur(0.2, None))
    ids = [run.image(section, blur=blur(1.5 + section / 10, BlurKind.VIBRATION)) for section in range(10, 14)]
    with JournalView.read(run.state) as view:
        reader = SituationReader(RunNow(view), tuple, NOW, steady=lambda: 0.0)
        now = reader.take(NOW)
        assert sorted(now.blurs) == ids
        found = {reading.rule: reading for reading in rules.readings(now, AlertSettings())}[Rule.OUT_OF_FOCUS]
        assert found.text.startswith("4 of the last 6 images are blurred by 2.5 to 2.8 px: vibration; sections 10 to")
        assert (found.facts["kinds"], found.facts["blur_px"]) == ({"vibration": 4}, [2.5, 2.8])
        for image, verdict in run.judge.hear(ids[0], sharp=True):
            run.journal.judged(image, verdict)
        assert sorted(reader.take(NOW + 1).blurs) == ids[1:]  # somebody called it sharp
    run.close()
