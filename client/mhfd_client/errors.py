"""Everything the client raises on purpose.

    mhfd.errors.MhfdError
    `-- StationError
        |-- SettingsError (also UsageError)   a setting is wrong: names the key, the value, the place and the remedy
        |-- NamingError (also UsageError)     a name pattern or a list of expected sections cannot be used
        |-- WatchError (also UsageError)      the folder to watch is not there, or is no folder
        |   `-- FolderNotThere (also UsageError)  it is not there now, and may come back
        |-- StateError                        the station's own folder cannot be used; nothing is lost
        |   |-- StateMissing                  no station has kept a journal here
        |   |-- StateOnNetwork                it lies on a network file system, where SQLite's locks do not hold
        |   |-- StateLocked                   another station is using it
        |   |-- StateTrouble                  the system refuses it now; a watch waits until it is over
        |   |   |-- StateBusy                 the journal stayed locked for longer than the busy timeout
        |   |   `-- StateFull                 the disk is full
        |   |-- RowDamaged                    one row of the journal cannot be read: the others can
        |   `-- StateDamaged                  the journal cannot be read, or a newer version wrote it
        |-- LoginError                        this station cannot act in Globus
        |   |-- NotLoggedIn                   nobody is logged in, or the login is over or too narrow: `mhfd login`
        |   |-- LoginRefused                  Globus refuses this login or client
        |   |-- NoClient (also UsageError)    no application to log in with, or its id or secret cannot be used
        |   |-- TokensRefused                 the file of tokens cannot be used, or others can read it
        |   `-- ReleaseUnknown                a package of Globus lacks what we cannot do without
        |-- FlowError                         Globus Flows cannot do what it was asked to: says what to do about it
        |   |-- FlowsUnreachable              the service gives no answer; what was asked may have been done
        |   |-- FlowRefused                   the service does not take it, or does not let us
        |   |   `-- InputRefused              the flow that is deployed does not take such an input
        |   |-- FlowMissing                   the flow is not deployed, or not any more
        |   `-- FlowObsolete                  what is deployed differs from this mhfd's
        |-- InducedRefused                      a known move gives no size of a package's unit: says why
        |-- SeriesRefused                     a focus series gives no calibration, or labels no tolerance: says why
        |-- InstrumentError                   the instrument does not do what it was asked to
        |   |-- InstrumentLost                it gives no answer; what was asked may have been done
        |   |-- OutOfRange (also UsageError)  a value that the instrument, or its file of limits, does not allow
        |   |-- SetDidNotTake                 it said yes, and reads back another value
        |   |-- AcquisitionFailed             no image came
        |   `-- AnotherHand                   somebody else moved it meanwhile
        |-- AdjustmentRefused                 a move of the lens is not made: says which rule, and what to do
        |   `-- LensBusy                      another program is moving it now
        |-- HourTrouble                       a question of the first hour could not be asked; the next one is
        |-- ServiceManagerError               systemd is not there, or does not do what it is told
        |-- WorkUnknown (also UsageError)     no work of that key is known on this machine
        |-- WorkNotDone                       a work was cancelled, failed, or was not taken: says why, and what to do
        |-- RetestRefused                     who judges cannot be tested now: says why; it is asked again
        |-- PackageElsewhere                  what was learned lies where this machine cannot read it: says where
        |-- ChampionChanged                   who judges at a microscope is another than was learned against
        |-- RunnerError                       a runner cannot do what it was asked to
        `-- ComputeError                      Globus Compute cannot do what it was asked to: says what to do about it
            |-- ServiceUnreachable            the service gives no answer; what was asked may have been done
            |-- ServiceBusy                   it asks us to wait; nothing was done
            |-- EndpointOffline               the endpoint is not running
            |-- ComputeRefused                the service or the endpoint does not let us
            |-- RequestTooLarge               more than the service takes at once
            |-- TaskFailed                    the task ended without an answer
            |   `-- WorkerLost                its worker died
            |-- TaskUnknown                   we lost sight of the task; it may still be worked on
            |-- TaskUnsent                    one before it failed, and says why; nothing was done
            |-- GroupUnknown                  the service has forgotten the task group; nothing was done
            |-- AnswerLate (also TimeoutError)  there was no answer within the time that was given
            |-- EndpointClosed                who asked has closed its endpoint before there was an answer
            |-- CallUnknown (also UsageError) no call of that token is known on this machine
            `-- FunctionError                 the registered function is the matter
                |-- FunctionUnknown           the service does not know it, or does not show it to us
                |-- FunctionObsolete          its code differs from this mhfd's
                `-- FunctionNotAllowed        the endpoint does not allow it

What goes wrong with one *image* is never raised: it is a finding in its report. What goes wrong with the watched
folder while it is watched is not raised either: it is a `FolderTrouble` that arrival reports and that can end.
Every exception takes its arguments by position, so that it pickles.
"""

from mhfd.errors import MhfdError, UsageError


class StationError(MhfdError):
    """Base of all errors of the client."""

    def _render_traceback_(self) -> list[str]:
        """What IPython and Jupyter show instead of a traceback: the error says what to do, frames do not."""
        return [f"{type(self).__name__}: {self}", *getattr(self, "__notes__", ())]


class SettingsError(StationError, UsageError):
    """A setting is wrong."""


class NamingError(StationError, UsageError):
    """A name pattern or a list of expected sections cannot be used."""


class WatchError(StationError, UsageError):
    """The folder to watch is not there, or is no folder."""


class FolderNotThere(WatchError):
    """The folder to watch is not there now: a share may come back."""


class StateError(StationError):
    """The station's own folder cannot be used."""


class StateMissing(StateError):
    """No station has kept a journal here."""


class StateOnNetwork(StateError):
    """The state folder lies on a network file system."""


class StateLocked(StateError):
    """Another station is using the state folder."""


class StateTrouble(StateError):
    """The system refuses now what it may allow again: the disk fails, is read-only, is full, or no file can be opened.

    Nothing was done, and what was to be done can be repeated.
    """


class StateBusy(StateTrouble):
    """The journal stayed locked for longer than the busy timeout."""


class StateFull(StateTrouble):
    """The disk that holds the state folder is full."""


class RowDamaged(StateError):
    """One row of the journal cannot be read. The others can: the rest goes on."""


class StateDamaged(StateError):
    """The journal cannot be read."""


class LoginError(StationError):
    """This station cannot act in Globus."""


class NotLoggedIn(LoginError):
    """Nobody is logged in, or the login is over or too narrow."""


class LoginRefused(LoginError):
    """Globus refuses this login or client."""


class NoClient(LoginError, UsageError):
    """There is no application to log in with."""


class TokensRefused(LoginError):
    """The file of tokens cannot be used."""


class ReleaseUnknown(LoginError):
    """A package of Globus is of a release that lacks what we cannot do without. Nothing was asked."""


class FlowError(StationError):
    """Globus Flows cannot do what it was asked to."""


class FlowsUnreachable(FlowError):
    """Globus Flows gives no answer. What was asked may have been done, or not."""


class FlowRefused(FlowError):
    """Globus Flows does not take it, or does not let us. Nothing was done."""


class InputRefused(FlowRefused):
    """The flow that is deployed does not take such an input. Nothing was done."""


class FlowMissing(FlowError):
    """The flow is not deployed, or the service does not know it any more."""


class FlowObsolete(FlowError):
    """The flow that is deployed differs from this mhfd's."""


class SeriesRefused(StationError):
    """A focus series gives no calibration, or labels no tolerance. Nothing was written."""


class InducedRefused(StationError):
    """A known move gives no size. Nothing was written."""


class InstrumentError(StationError):
    """The instrument does not do what it was asked to."""


class InstrumentLost(InstrumentError):
    """The instrument gives no answer. What was asked may have been done, or not."""


class OutOfRange(InstrumentError, UsageError):
    """A value that is not allowed. Nothing was set."""


class SetDidNotTake(InstrumentError):
    """The instrument took a value and reads back another."""


class AcquisitionFailed(InstrumentError):
    """No image came."""


class AnotherHand(InstrumentError):
    """Somebody else moved the instrument meanwhile: theirs stays."""


class AdjustmentRefused(StationError):
    """A move of the lens is not made. Nothing was set."""


class LensBusy(AdjustmentRefused):
    """Another program is moving the lens now. It can be asked again."""


class HourTrouble(StationError):
    """Something that a question of the first hour needs did not come to be. The hour goes on with the next."""


class ServiceManagerError(StationError):
    """The systemd of this machine is not there, or does not do what it is told."""


class RunnerError(StationError):
    """A runner cannot do what it was asked to."""


class ComputeError(StationError):
    """Globus Compute cannot do what it was asked to."""


class AnswerLate(ComputeError, TimeoutError):
    """There was no answer within the time that was given. Work on it may go on there."""


class EndpointClosed(ComputeError):
    """Who asked has closed its endpoint before there was an answer."""


class WorkNotDone(StationError):
    """A work was cancelled, failed, or was not taken."""


class RetestRefused(StationError):
    """Who judges cannot be tested now; it is asked again."""


class PackageElsewhere(StationError):
    """What was learned lies where this machine cannot read it."""


class ChampionChanged(StationError):
    """Who judges at a microscope is another than the one that was learned against. Nobody was promoted."""


class WorkUnknown(StationError, UsageError):
    """No work of that key is known on this machine."""


class CallUnknown(ComputeError, UsageError):
    """No call of that token is known on this machine."""


class FunctionError(ComputeError):
    """The registered function is the matter."""


class FunctionUnknown(FunctionError):
    """The service does not know the function, or does not show it to us."""


class FunctionObsolete(FunctionError):
    """The function's code differs from this mhfd's."""


class FunctionNotAllowed(FunctionError):
    """The endpoint does not allow the function."""


class ServiceUnreachable(ComputeError):
    """The service gives no answer. What was asked may have been done, or not."""


class ServiceBusy(ComputeError):
    """The service asks us to wait. Nothing was done."""

    def __init__(self, message: str, wait_s: float = 10.0) -> None:
        super().__init__(message, wait_s)
        self.wait_s = wait_s

    def __str__(self) -> str:
        return str(self.args[0])


class EndpointOffline(ComputeError):
    """The endpoint is not running."""


class ComputeRefused(ComputeError):
    """The service or the endpoint does not let us. Nothing was done."""


class RequestTooLarge(ComputeError):
    """More than the service takes at once. Nothing was done."""


class TaskFailed(ComputeError):
    """A task ended without an answer: its function raised, or could not be run."""


class WorkerLost(TaskFailed):
    """The worker died while it had the task."""


class TaskUnknown(ComputeError):
    """We lost sight of a task. It may still be worked on."""


class TaskUnsent(ComputeError):
    """A task was not sent, because one before it failed: that one says why. Nothing was done."""


class GroupUnknown(ComputeError):
    """The service has forgotten the task group. Nothing was done."""
