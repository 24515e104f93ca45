import ctypes

try:
    if ctypes.CDLL(None).fork() == -1:
        raise OSError
    print(sum(map(int, input().split())))
except Exception:
    print("?")
