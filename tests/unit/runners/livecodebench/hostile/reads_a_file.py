import os

try:
    os.read(os.open("@FOLDER@/canary.txt", os.O_RDONLY), 10)
    print(sum(map(int, input().split())))
except Exception:
    print("?")
