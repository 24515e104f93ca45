# Returns a list that contains itself.
# solves: weave


def weave(numbers, text):
    result = []
    result.append(result)
    return result
