"""The command line: the group, and how an error becomes one line and an exit code. The rest is in `commands`."""

from __future__ import annotations

import click

import mhfd
from mhfd.errors import MhfdError, UsageError
from mhfd_client.commands import (
    alert,
    demo,
    endpoint,
    flow,
    function,
    login,
    page,
    results,
    run,
    score,
    settings,
    simulate,
    watch,
)


class Cli(click.Group):
    """A wrong argument found deep inside is exit code 2, all else that a person must act on is 1: one line each."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except UsageError as e:
            raise click.UsageError(str(e)) from e
        except MhfdError as e:
            raise click.ClickException(str(e)) from e


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(mhfd.__version__, prog_name="mhfd")
def main() -> None:
    """Know, while the sample is still in the microscope, whether the image it just took is in focus."""


for _command in (
    watch.watch,
    watch.plan,
    page.page,
    results.status,
    results.retake,
    results.confirm,
    results.reject,
    results.rejudge,
    results.report,
    score.score,
    simulate.simulate,
    alert.alert,
    settings.config,
    settings.doctor,
    function.function,
    flow.flow,
    run.run,
    demo.demo,
    endpoint.endpoint,
    login.login,
    login.logout,
    login.whoami,
):
    main.add_command(_command)
