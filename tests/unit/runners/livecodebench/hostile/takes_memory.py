import numpy as np

try:
    held = [np.zeros(1 << 27) for _ in range(64)]
    print(sum(map(int, input().split())))
except MemoryError:
    print("?")
