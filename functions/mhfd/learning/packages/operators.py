"""What a model in a package may compute: the operators of ONNX that are let in, and the kinds of numbers.

None of them holds a graph of its own (Loop, If and Scan do), reads or writes anything, draws at random, or makes a
tensor as large as a number asks for (Expand, Tile, Range, Pad, Resize, ConstantOfShape do). One that is missed by a
learner can be added here once it is known to be as harmless. Those that slide a window make no more than one number for
each place of what they are given and of its edge: their windows are bounded, so that the edge is.
"""

from collections.abc import Mapping
from typing import Final

ML: Final = "ai.onnx.ml"

_PLAIN: Final = frozenset(
    """
    Abs Add And ArgMax ArgMin Cast Ceil Clip Concat Constant Div Equal Erf Exp Flatten Floor Gather GatherElements Gemm
    Greater GreaterOrEqual Identity Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mul Neg Not Or Pow Reciprocal
    ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceSum ReduceSumSquare Relu Reshape Round Shape
    Sigmoid Sign Slice Softmax Softplus Split Sqrt Squeeze Sub Sum Tanh TopK Transpose Unsqueeze Where
    """.split()  # noqa: SIM905 - for who reads it
)
_OF_LEARNERS: Final = frozenset(
    """
    ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LinearClassifier LinearRegressor Normalizer SVMClassifier
    SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor
    """.split()  # noqa: SIM905
)

_OF_NETWORKS: Final = frozenset({"AveragePool", "Conv", "MaxPool"})

WINDOWS: Final[Mapping[str, int]] = {"kernel_shape": 64, "pads": 64, "dilations": 64, "strides": 64}
"""The most that these attributes may say, of whatever slides a window."""

OPERATORS: Final[frozenset[str]] = _PLAIN | _OF_NETWORKS | {f"{ML}.{name}" for name in _OF_LEARNERS}
"""Every operator that a package's model may have; those of `ai.onnx` by their name alone."""

DOMAINS: Final[Mapping[str, str]] = {"": "", "ai.onnx": "", ML: f"{ML}."}
"""The sets of operators that there may be, and what their operators' names begin with in `OPERATORS`."""

ITEM_BYTES: Final[Mapping[int, tuple[str, int]]] = {
    1: ("<f4", 4),
    2: ("<u1", 1),
    3: ("<i1", 1),
    6: ("<i4", 4),
    7: ("<i8", 8),
    9: ("<u1", 1),  # of truth values
    10: ("<f2", 2),
    11: ("<f8", 8),
}
"""The kinds of numbers that a tensor may hold, by ONNX's number for them: NumPy's name, and bytes of each."""
