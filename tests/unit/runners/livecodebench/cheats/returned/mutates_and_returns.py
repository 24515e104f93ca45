class Solution:
    def shift(self, numbers, k):
        return numbers.clear() or numbers
