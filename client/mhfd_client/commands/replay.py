"""`mhfd replay`: what would be found on a person's own images."""

from __future__ import annotations

import click

from mhfd_client.commands.common import JSON, WatchedFolder, echo, folder_options, say


@click.command()
@folder_options
@click.option(
    "--plant",
    "kind",
    required=True,
    metavar="KIND",
    help="defocus, half, tilt, motion_along, motion_across, vibration, astigmatism or all.",
)
@click.option("--size", type=float, metavar="PX", help="How much of it, in pixels.  [default: several sizes]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the places, the angles and the noise.")
@click.option("--every", type=int, default=5, show_default=True, help="Each kind is planted in one image of so many.")
@click.option("--names", "names__preset", metavar="PRESET", help="How files are named (names.preset).")
@click.option("--jobs", type=click.IntRange(1), help="Images at a time.  [default: one a processor core]")
@JSON
def replay(
    folder: WatchedFolder,
    kind: str,
    size: float | None,
    seed: int,
    every: int,
    jobs: int | None,
    as_json: bool,
    **settings: object,
) -> None:
    """Plant faults in images of a good run of yours, and say what would be found.

    DIR is a run of which you know that its images are sharp: it is judged as it is, and with one image at a time
    changed. Its first images are confirmed as you would. The folder is only read, and nothing is kept.
    """
    from mhfd import threads
    from mhfd_client.arrival.root import checked_root
    from mhfd_client.files import text_of
    from mhfd_client.progress import bar
    from mhfd_client.replay.faults import FaultPlan
    from mhfd_client.replay.measured_images import images_of, measured
    from mhfd_client.replay.replayed import replayed

    plan = FaultPlan.of(kind, size=size, every=every, seed=seed)
    chosen = folder.loaded(**settings).settings
    root = checked_root(folder.root)
    run, names = images_of(root, chosen)
    if not as_json:
        echo(f"names: {names}", err=True)
    reports = measured(
        root,
        run,
        plan.plantings,
        params=chosen.score.resolved(),
        limits=chosen.limits(),
        jobs=min(jobs or threads.thread_count(), len(run)),
    )
    with bar(len(run), None, transient=True) as shown:
        outcome = replayed(reports, plan, chosen.verdict, shown.advance)
    document = {
        "root": text_of(root),
        "names": str(names),
        "plant": kind,
        "size": size,
        "seed": seed,
        "every": every,
        **outcome.as_json(),
    }
    say(document, outcome.lines(), as_json=as_json)
