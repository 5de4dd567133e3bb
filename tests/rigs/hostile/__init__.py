"""Hostile files: given folders of them (they are not in this repository), every one must end in a finding.

    python -m tests.rigs.hostile FOLDER...                   each file, as a worker of a watch scores it
    python -m tests.rigs.hostile FOLDER... --mutants 5000    as many damaged copies of them

Prints how often each finding came, what took longest and most memory. The exit code is 1 when an image made scoring
fail, killed its worker, or went beyond what `--seconds` and `--memory-gb` allow. Folders to try: the images of the
tests of Pillow, libtiff, image-tiff, image-png, zune-image and ImageMagick, PngSuite, the corpora of go-fuzz and AFL.
"""
