# Returns a list far larger than any right answer.
# solves: weave


def weave(numbers, text):
    return [0] * 50_000_000
