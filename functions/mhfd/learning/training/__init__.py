"""Networks, trained: what they are, what they are shown, the workers that share the work, and how these are started.

torch is used below this room and nowhere else, and imported where it is used: whoever only asks a network has a package
and onnxruntime. A training ends as a package that nobody promoted.
"""
