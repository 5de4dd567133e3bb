"""What the networks are: each drawn once, in steps that torch computes, ONNX keeps, and a count adds up.

Knows no dataset, no loss and no process.
"""
