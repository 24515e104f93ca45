import os

try:
    d = os.open("/tmp/flood", os.O_CREAT | os.O_WRONLY)
    for _ in range(4096):
        os.write(d, bytes(1 << 20))
    print(sum(map(int, input().split())))
except Exception:
    print("?")
