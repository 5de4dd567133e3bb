"""Who says best which images are bad: entries on the same images, split by source, and the doubt that is left.

Numbers in, a `Benchmark` out. Reads images in `measured` alone, trains nothing without being asked, and knows no
library: who may stand and how much doubt a life of tests allows is `promotion`.
"""

from mhfd.learning.evaluation.benchmark import SCHEMA_VERSION, Benchmark
from mhfd.learning.evaluation.compare import compare
from mhfd.learning.evaluation.entry import Entry, Terms

__all__ = ["SCHEMA_VERSION", "Benchmark", "Entry", "Terms", "compare"]
