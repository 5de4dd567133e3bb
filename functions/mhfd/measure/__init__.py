"""From array to report: features, tissue, saturation, noise and cross-spectrum, put together by `measure`."""
