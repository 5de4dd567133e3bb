"""What may be set about learned packages. Only the model, as in `options`."""

from pathlib import Path

from pydantic import Field

from mhfd_client.settings.section import Section


class ModelsSettings(Section):
    """Learned packages: what they say stands beside a verdict and changes none. Needs the extra `models`."""

    home: Path | None = Field(
        None, description="where your packages and their champions are; unset: mhfd/models below XDG_STATE_HOME"
    )
