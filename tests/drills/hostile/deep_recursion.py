# Recurses without end.
# solves: tally


def tally(n):
    return tally(n + 1)
