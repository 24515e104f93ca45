# Returns an endless generator instead of a list.
# solves: weave
import itertools


def weave(numbers, text):
    return itertools.count()
