"""From settings to sinks. Secrets come from the environment, by name; a settings file only refers to them."""

import os
import re
from collections.abc import Mapping

from mhfd_client.alerts.command import Command
from mhfd_client.alerts.sinks import Sink
from mhfd_client.alerts.webhook import Webhook
from mhfd_client.errors import SettingsError
from mhfd_client.settings.options import AlertSettings

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def build(settings: AlertSettings, *, env: Mapping[str, str] | None = None) -> list[Sink]:
    """The sinks of the settings. SettingsError when one cannot be used."""
    env = os.environ if env is None else env
    sinks: list[Sink] = []
    if settings.webhook is not None:
        url = resolved("alerts.webhook", settings.webhook.get_secret_value(), env)
        headers = {}
        for line in settings.webhook_headers:
            name, colon, value = line.get_secret_value().partition(":")
            if not colon or not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):
                raise SettingsError("alerts.webhook_headers: write each as `Name: ${VARIABLE}`")
            if not _REFERENCE.search(value):
                raise SettingsError(
                    f"alerts.webhook_headers: {name}: its value must come from the environment, as in `{name}: "
                    "${VARIABLE}`: a settings file is no place for a token"
                )
            headers[name] = resolved("alerts.webhook_headers", value.strip(), env)
        sinks.append(Webhook(url, headers=headers, timeout_s=settings.timeout_s))
    elif settings.webhook_headers:
        raise SettingsError("alerts.webhook_headers: belong to alerts.webhook; set both or neither")
    if settings.command:
        sinks.append(Command(settings.command, timeout_s=settings.timeout_s))
    return sinks


def resolved(key: str, text: str, env: Mapping[str, str]) -> str:
    """With each `${NAME}` as the environment has it."""

    def value(found: re.Match[str]) -> str:
        if not env.get(found[1]):
            raise SettingsError(f"{key}: the environment variable {found[1]} is not set")
        return env[found[1]]

    return _REFERENCE.sub(value, text)
