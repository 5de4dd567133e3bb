"""What a lab teaches: datasets with groups, features, learners, packages, and whether a model earned its place.

A learned model says something beside a verdict, never instead of it, and only after it did better than mhfd with its
baseline on groups that it has never seen. Nothing here is imported when mhfd starts; scikit-learn, ONNX and their like
are imported where they are used. A learned number is an `Estimate`, never a `FocusReport`.
"""
