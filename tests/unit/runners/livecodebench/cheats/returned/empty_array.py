import numpy as np


class Solution:
    def shift(self, numbers, k):
        return np.zeros((0, 1))
