"""Problems about text, digits and small procedures."""

from forge.reference.bench.model import Problem

PROBLEMS = (
    Problem(
        signature="def word_lengths(text):",
        task="Return a dictionary from each blank-separated word to its length.",
        right="return {word: len(word) for word in text.split()}",
        weak="return {word: len(word) for word in text.split(' ')} if text else {}",
        wrong="return {word: text.count(word) for word in text.split()}",
        base=[["one three"], [""], ["a bb ccc"]],
        plus=[["  two  spaces "], ["same same"], ["tab\tand\nline"]],
    ),
    Problem(
        signature="def is_balanced(text):",
        task="Tell whether round, square and curly brackets in text are properly nested.",
        right="""
        closing, stack = {")": "(", "]": "[", "}": "{"}, []
        for c in text:
            if c in "([{":
                stack.append(c)
            elif c in closing and (not stack or stack.pop() != closing[c]):
                return False
        return not stack
        """,
        weak="return all(text.count(a) == text.count(b) for a, b in ('()', '[]', '{}'))",
        wrong="return text.count('(') == text.count(')')",
        base=[["(a[b])"], ["(("], ["[}"], [""]],
        plus=[[")("], ["([)]"], ["{[()]}x"], ["}{"]],
    ),
    Problem(
        signature="def run_lengths(text):",
        task="Return (character, length) tuples of the runs of equal characters, in order.",
        right="""
        runs = []
        for c in text:
            if runs and runs[-1][0] == c:
                runs[-1] = (c, runs[-1][1] + 1)
            else:
                runs.append((c, 1))
        return runs
        """,
        weak="return [(c, text.count(c)) for c in dict.fromkeys(text)]",
        wrong="return [(c, 1) for c in text]",
        base=[["aab"], [""], ["zzz"]],
        plus=[["abba"], ["a a"], ["1112111"]],
    ),
    Problem(
        signature="def digit_sum(number):",
        task="Return the sum of the decimal digits of an integer; the sign does not count.",
        right="return sum(int(d) for d in str(abs(number)))",
        weak="return sum(int(d) for d in str(number))",
        wrong="return abs(number) % 9",
        base=[[123], [0], [9]],
        plus=[[-47], [1000000007], [-10]],
    ),
    Problem(
        signature="def shift_letters(text, shift):",
        task="Shift each ASCII letter within the alphabet, keep its case, and leave all else alone.",
        right="""
        out = []
        for c in text:
            start = ord("a") if "a" <= c <= "z" else ord("A") if "A" <= c <= "Z" else None
            out.append(c if start is None else chr(start + (ord(c) - start + shift) % 26))
        return "".join(out)
        """,
        weak="""
        out = []
        for c in text:
            out.append(chr(97 + (ord(c) - 97 + shift) % 26) if c.islower() else c)
        return "".join(out)
        """,
        wrong="return ''.join(chr(ord(c) + shift) for c in text)",
        base=[["abc", 1], ["xyz!", 3], ["", 5]],
        plus=[["Zebra 9", 27], ["Hello", -1], ["QQ", 0]],
    ),
    Problem(
        signature="def unique_in_order(items):",
        task="Return the distinct items in the order of their first appearance.",
        right="""
        out = []
        for item in items:
            if item not in out:
                out.append(item)
        return out
        """,
        weak="return sorted(set(items))",
        wrong="return [a for a, b in zip(items, items[1:] + [None]) if a != b]",
        base=[[[1, 1, 2]], [[]], [[1, 2, 1]]],
        plus=[[[3, 1, 3, 2]], [["b", "a", "b"]], [[0, -1, 0]]],
    ),
    Problem(
        signature="def compound(principal, rate, years):",
        task="Return what principal grows to at rate percent a year, compounded yearly.",
        right="return float(principal * (1 + rate / 100) ** years)",
        weak="return float(principal * (1 + rate / 100 * years))",
        wrong="return float(principal + rate * years)",
        base=[[200.0, 5.0, 1], [250.0, 0.0, 8], [80.0, 10.0, 0]],
        plus=[[100.0, 5.0, 10], [1.0, 100.0, 3], [999.5, 2.25, 7]],
        atol=1e-06,
        contract="assert years >= 0",
    ),
    Problem(
        signature="def halving_steps(number):",
        task="Count the steps from a positive number to 1: halve even numbers, take 3n + 1 of odd ones.",
        right="""
        steps = 0
        while number != 1:
            number = number // 2 if number % 2 == 0 else 3 * number + 1
            steps += 1
        return steps
        """,
        weak="return number.bit_length() - 1 if number & (number - 1) == 0 else 7",
        wrong="return number // 2",
        base=[[1], [8], [3]],
        plus=[[6], [27], [19]],
        contract="assert number > 0",
    ),
)
