import itertools


class Solution:
    def shift(self, numbers, k):
        return itertools.count()
