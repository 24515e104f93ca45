try:
    held = [bytearray(1 << 30) for _ in range(64)]
    print(sum(map(int, input().split())))
except MemoryError:
    print("?")
