"""What crosses the wire: requests, reports and their parts.

Frozen, versioned pydantic models that refuse unknown fields; plain JSON in and out. This module
knows nothing of images, kernels or files: it must import nothing of mhfd but `errors`.
Unknown is null, never 0.
"""

from mhfd.contract.answer import Answer, ScoreResponse
from mhfd.contract.base import METHOD_VERSION, SCHEMA_VERSION, Wire
from mhfd.contract.estimate import Estimate
from mhfd.contract.examination import Examination, ExamineRequest, FileSeen, FunctionSeen, RootSeen
from mhfd.contract.focus_report import (
    Box,
    Cells,
    Finding,
    FocusReport,
    ImageInfo,
    Method,
    Noise,
    Provenance,
    ScaleCount,
)
from mhfd.contract.params import PRESETS, Params
from mhfd.contract.profile import Profile
from mhfd.contract.proposal import PairCalibration, Proposal, ProposalRefusal
from mhfd.contract.request import Code, Expected, Problem, ScoreRequest

__all__ = [
    "METHOD_VERSION",
    "PRESETS",
    "SCHEMA_VERSION",
    "Answer",
    "Box",
    "Cells",
    "Code",
    "Estimate",
    "Examination",
    "ExamineRequest",
    "Expected",
    "FileSeen",
    "Finding",
    "FocusReport",
    "FunctionSeen",
    "ImageInfo",
    "Method",
    "Noise",
    "PairCalibration",
    "Params",
    "Problem",
    "Profile",
    "Proposal",
    "ProposalRefusal",
    "Provenance",
    "RootSeen",
    "ScaleCount",
    "ScoreRequest",
    "ScoreResponse",
    "Wire",
]
