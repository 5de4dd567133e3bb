"""A comparison that is made up, with something in each of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mhfd.learning.evaluation.benchmark import Benchmark, CurvePoint, Placing

NAMES = ("mhfd", "radius 3f2a5c11", "logistic", "trees", "boosting", "knn")


def benchmark(*, images: Sequence[Path] = (), **changed: Any) -> Benchmark:
    """Six entries on nine specimens; `images` are the worst ones."""
    from mhfd.learning.dataset.labels_csv import sha256_of
    from mhfd.learning.evaluation import benchmark as forms

    groups = tuple(f"sem/mouse {letter}" for letter in "abcdefghi")
    usual: dict[str, Any] = {
        "decision": "kept",
        "kept": "mhfd",
        "reason": "difference +.020, 95% [-.024, +.086] holds 0; 22 scenes",
        "line": "kept: mhfd (difference +.020, 95% [-.024, +.086] holds 0; 22 scenes)",
        "challenger": "logistic",
        "prevalence": 0.03,
        "miss_cost": 20.0,
        "test": 1,
        "alpha": 0.025,
        "seed": 0,
        "draws": 2000,
        "unit": "specimens",
        "groups": groups,
        "images": 180,
        "bad": 60,
        "entries": tuple(placing(name, number, groups) for number, name in enumerate(NAMES)),
        "duels": tuple(
            forms.Duel(
                challenger=name,
                against="mhfd",
                saved=saved,
                range=forms.Range(low=saved - 0.05, high=saved + 0.04),
                p=0.3,
                auc=saved / 4,
                auc_range=forms.Range(low=-0.02, high=0.08),
            )
            for name, saved in (("logistic", 0.02), ("trees", -0.07), ("boosting", 0.06))
        ),
        "auc": {name: {"specimen": 0.9, "random": 0.95} for name in NAMES},
        "precision_at": {part: dict.fromkeys(NAMES, 0.4) for part in ("0.03", "0.01", "0.1")},
        "splits": (
            forms.SplitTable(name="specimen", words="whole specimens held out", decides=True, auc={"mhfd": 0.955}),
            forms.SplitTable(
                name="random", words="images at random: shown beside, decides nothing", auc={"mhfd": 0.99}
            ),
        ),
        "remarks": ("svm was not compared: it took more than 600 s",),
        "dataset": "d" * 64,
        "packages": {"radius 3f2a5c11": "3f2a5c11" * 8},
        "curve": forms.LearningCurve(
            learner="logistic",
            points=tuple(forms.LearningPoint(groups=n, images=20.0 * n, auc=0.95 - 0.2 / n) for n in (2, 4, 6, 8)),
            words="40 more confirmed sections would be worth .01",
        ),
        "families": tuple(
            forms.FamilyRow(family=name, features=count, less_baseline=auc, as_they_are=None, taken=name == "rings")
            for name, count, auc in (("rings", 16, 0.961), ("lines", 12, 0.628), ("all together", 28, 0.915))
        ),
        "agreement": (forms.Agreement(people=("ada", "ben"), images=40, kappa=0.71, words="ada and ben: kappa .71"),),
        "covariates": tuple(
            forms.CovariateRow(
                covariate="dose", value=value, fold=fold, images=30, bad=10, auc={"mhfd": 0.9, "logistic": None}
            )
            for value in ("30 to 100", "100 to 1000")
            for fold in (None, 0, 1)
        ),
        "control": forms.ControlField(images=12, instrument=-0.1, words="the instrument lost 10% over 100 sections"),
        "worst": tuple(
            forms.WorstImage(
                entry="mhfd",
                path=str(path),
                sha256=sha256_of(path),
                group="sem/mouse a",
                bad=True,
                score=0.1,
                rank=0.02,
            )
            for path in images
        ),
    }
    return forms.Benchmark(**(usual | changed))


def placing(name: str, number: int, groups: tuple[str, ...]) -> Placing:
    """One entry of it."""
    from mhfd.learning.evaluation import benchmark as forms

    auc = 0.955 - 0.02 * number
    return forms.Placing(
        name=name,
        role="mhfd" if name == "mhfd" else "beside" if "radius" in name else "challenger",
        barred=("cannot be exported",) if name == "knn" else (),
        images=178,
        abstained=2,
        auc=auc,
        auc_range=forms.Range(low=auc - 0.03, high=auc + 0.02),
        rates=(
            forms.RatesAt(
                prevalence=0.03, recall=0.8, false_alarms=0.05, precision=0.33, f=0.47, total_error=0.06, cost=0.2
            ),
        ),
        confusion=forms.Confusion(found=48, missed=11, false_alarms=6, passed=113, abstained_bad=1, abstained_sharp=1),
        groups=tuple(
            forms.GroupRow(group=group, images=20, bad=7, auc=auc, missed=1, false_alarms=1, cost=0.2)
            for group in groups
        ),
        roc=curve(0.2 + 0.1 * number),
        precision_recall=tuple(reversed(curve(2.5 + number))),
        train_s=None if name == "mhfd" else 0.12,
        predict_s=0.01,
    )


def curve(bend: float) -> tuple[CurvePoint, ...]:
    """From 0 to 1, with a band."""
    from mhfd.learning.evaluation.benchmark import CurvePoint

    return tuple(
        CurvePoint(x=x, y=x**bend, low=max(0.0, x**bend - 0.06), high=min(1.0, x**bend + 0.05))
        for x in map(float, np.linspace(0, 1, 200))
    )
