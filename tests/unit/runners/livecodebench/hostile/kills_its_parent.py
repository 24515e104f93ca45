import ctypes

try:
    if ctypes.CDLL(None).kill(int("@PID@"), 9) == -1:
        raise OSError
    print(sum(map(int, input().split())))
except Exception:
    print("?")
