"""The command line: the group, and how an error becomes one line and an exit code. The rest is in `commands`."""

import errno
from typing import Final

import click

import mhfd
from mhfd import documentation
from mhfd.errors import MhfdError, UsageError
from mhfd_client.commands import (
    alert,
    calibrate,
    check,
    demo,
    focus_map,
    inspect,
    label,
    page,
    replay,
    rescore,
    results,
    retake,
    run,
    score,
    service,
    settings,
    simulate,
    tolerance,
    watch,
)
from mhfd_client.commands.adjusting import adjust, apply, lens, propose, script
from mhfd_client.commands.adjusting import calibrate as calibrating
from mhfd_client.commands.adjusting import learn as learning
from mhfd_client.commands.adjusting import record as recording
from mhfd_client.commands.far import endpoint, first_hour, flow, flow_start, function, login, timer, work
from mhfd_client.commands.learning import assess, dataset, evaluate, models, train
from mhfd_client.commands.learning import learn as for_microscope

GROUPS: Final[dict[str, tuple[click.Command, ...]]] = {
    "At the instrument": (
        watch.plan,
        watch.watch,
        service.service,
        page.page,
        results.status,
        label.confirm,
        label.reject,
        label.again,
        label.fine,
        results.rejudge,
        rescore.rescore,
        retake.retake,
        results.report,
        focus_map.focus_map,
        alert.alert,
        score.score,
        inspect.inspect,
        calibrate.calibrate,
        tolerance.tolerance,
        settings.config,
        settings.doctor,
        check.check,
        replay.replay,
        simulate.simulate,
        demo.demo,
    ),
    "Far away": (
        login.login,
        login.whoami,
        login.logout,
        endpoint.endpoint,
        function.function,
        flow.flow,
        run.run,
        work.work,
        first_hour.first_hour,
    ),
    "Learned models": (dataset.dataset, train.train, for_microscope.learn, evaluate.evaluate, models.models),
    "The lens": (propose.propose, adjust.adjust),
}
"""Every command, under the place where it is typed, in the order of an image's road; there are no others."""


class Cli(click.Group):
    """A wrong argument found deep inside is exit code 2, all else that a person must act on is 1: one line each."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what it raises on purpose becomes a line."""
        try:
            return super().invoke(ctx)
        except UsageError as e:
            raise click.UsageError(str(e)) from e
        except MhfdError as e:
            raise click.ClickException(str(e)) from e
        except OSError as e:
            if e.errno != errno.ENAMETOOLONG:
                raise
            raise click.UsageError(f"{str(e.filename)[:40]}...: is too long for the name of a file or folder") from e

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in their groups, each with its whole first sentence."""
        widest = max(map(len, self.commands))
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{one.name:{widest}}", one.get_short_help_str(limit=200)) for one in commands])


@click.group(
    cls=Cli,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"New here? `mhfd demo --page` shows all of it at work. Documentation: {documentation.HOME}",
)
@click.version_option(mhfd.__version__, prog_name="mhfd")
def main() -> None:
    """Know, while the sample is still in the microscope, whether the image it just took is in focus."""


flow.flow.add_command(flow_start.start)
flow.flow.add_command(timer.timer)
models.models.add_command(assess.assess)
for _command in (
    recording.record,
    recording.moves,
    learning.learn,
    calibrating.calibrate,
    apply.apply,
    lens.undo,
    lens.status,
    lens.audit,
    script.script,
):
    adjust.adjust.add_command(_command)
for _group in GROUPS.values():
    for _command in _group:
        main.add_command(_command)
