"""What a request of a long function names, opened below the administrator's folders before any of it is used.

dataset  the images of one side of a dataset
library  the packages of a library
"""
