"""The published algorithm through FFTs: every parameter as the oracle has it, in the memory that it is given."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.detector.test_detector_contract import params, picture, places
from tests.rigs.device_arrays import CompileException, PretendGpu, pretend
from tests.rigs.facility import Facility, asked, codes
from tests.rigs.focus_reports import report as a_report
from tests.rigs.image_files import write

import mhfd
from mhfd import scales
from mhfd.contract.params import PRESETS, Params
from mhfd.detector import Features, choose, stream
from mhfd.detector.choose import choose as chosen
from mhfd.detector.paper import PaperDetector, local_maxima, resize_bilinear
from mhfd.detector.stream import StreamDetector
from mhfd.detector.stream_arrays import Arrays, OnCpu, OnGpu
from mhfd.errors import DeviceUnavailable, UsageError
