"""Problems about lists and numbers."""

from forge.reference.bench.model import Problem

PROBLEMS = (
    Problem(
        signature="def clamp_all(values, low, high):",
        task="Return the values, each moved to the nearer bound if it lies outside of low..high.",
        right="return [min(max(v, low), high) for v in values]",
        weak="return [v if low <= v else low for v in values] if max(values, default=0) <= high else "
        "[min(v, high) for v in values]",
        wrong="return [v for v in values if low <= v <= high]",
        base=[[[1, 5, 9], 2, 9], [[], 0, 1], [[3, 4], 1, 3]],
        plus=[[[-5, 50, 3], 0, 10], [[7], 7, 7], [[-1, -2, -3], -2, 5]],
        contract="assert low <= high",
    ),
    Problem(
        signature="def running_maximum(values):",
        task="Return for each position the largest value seen so far.",
        right="""
        best, out = None, []
        for v in values:
            best = v if best is None or v > best else best
            out.append(best)
        return out
        """,
        weak="""
        best, out = 0, []
        for v in values:
            best = max(best, v)
            out.append(best)
        return out
        """,
        wrong="return sorted(values)",
        base=[[[1, 3, 2, 5]], [[4, 4, 1]], [[]]],
        plus=[[[-3, -5, -1]], [[0, -1, 7, 7, 2]], [[-9]]],
    ),
    Problem(
        signature="def median_of(values):",
        task="Return the median of at least one number; of an even count the mean of the middle two.",
        right="""
        ordered = sorted(values)
        half = len(ordered) // 2
        if len(ordered) % 2:
            return float(ordered[half])
        return (ordered[half - 1] + ordered[half]) / 2
        """,
        weak="""
        half = len(values) // 2
        if len(values) % 2:
            return float(values[half])
        return (values[half - 1] + values[half]) / 2
        """,
        wrong="return sum(values) / len(values)",
        base=[[[1.0, 2.0, 9.0]], [[1.0, 2.0]], [[5.0]]],
        plus=[[[9.5, 1.0, 2.0]], [[4.0, 1.0, 3.0, 2.5]], [[0.25, -7.75]]],
        atol=1e-06,
        contract="assert len(values) > 0",
    ),
    Problem(
        signature="def rotate_left(items, steps):",
        task="Return the list rotated to the left by steps; negative steps rotate to the right.",
        right="""
        if not items:
            return []
        k = steps % len(items)
        return items[k:] + items[:k]
        """,
        weak="return items[steps:] + items[:steps]",
        wrong="return items[-steps:] + items[:-steps]",
        base=[[[1, 2, 3, 4], 1], [["a", "b"], 0], [[], 0]],
        plus=[[[1, 2, 3], 4], [[1, 2, 3], -5], [["x"], 10], [[], 3]],
    ),
    Problem(
        signature="def smallest_and_largest(values):",
        task="Return a tuple of the smallest and the largest value, or None for an empty list.",
        right="return (min(values), max(values)) if values else None",
        weak="""
        low, high = 10**6, -1
        for v in values:
            low, high = min(low, v), max(high, v)
        return (low, high) if values else None
        """,
        wrong="return [min(values), max(values)] if values else []",
        base=[[[3, 1, 2]], [[7]], [[]]],
        plus=[[[-4, -9, -2]], [[0, 0]], [[5, -5, 2000000]]],
    ),
    Problem(
        signature="def transpose(rows):",
        task="Return the columns of a rectangular table as lists.",
        right="return [list(column) for column in zip(*rows)]",
        weak="""
        size = len(rows)
        return [[rows[r][c] for r in range(size)] for c in range(size)]
        """,
        wrong="return [list(reversed(row)) for row in rows]",
        base=[[[[1, 2], [3, 4]]], [[]], [[[5]]]],
        plus=[[[[1, 2, 3], [4, 5, 6]]], [[[1], [2], [3]]], [[["a", "b"]]]],
    ),
    Problem(
        signature="def mean_and_spread(values):",
        task="Return a tuple: the mean and the population standard deviation of at least one number.",
        right="""
        mean = sum(values) / len(values)
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        return (mean, variance ** 0.5)
        """,
        weak="""
        mean = sum(values) / len(values)
        return (mean, max(abs(v - mean) for v in values))
        """,
        wrong="return (sum(values) / len(values), max(values) - min(values))",
        base=[[[2.0, 4.0]], [[1.0, 1.0, 1.0]], [[-1.0, 1.0]]],
        plus=[[[1.0, 2.0, 3.0, 4.0]], [[0.5, 0.5, 9.5]], [[10.0]]],
        atol=1e-06,
        contract="assert len(values) > 0",
    ),
    Problem(
        signature="def merge_sorted(left, right):",
        task="Merge two ascending lists into one ascending list that keeps duplicates.",
        right="""
        out, i, j = [], 0, 0
        while i < len(left) and j < len(right):
            if left[i] <= right[j]:
                out.append(left[i])
                i += 1
            else:
                out.append(right[j])
                j += 1
        return out + left[i:] + right[j:]
        """,
        weak="return sorted(set(left) | set(right))",
        wrong="return left + right",
        base=[[[1, 4], [2, 3]], [[], [1]], [[5], []]],
        plus=[[[1, 1, 2], [1, 2]], [[], []], [[-3, 0], [-3, -2, 8]]],
    ),
)
