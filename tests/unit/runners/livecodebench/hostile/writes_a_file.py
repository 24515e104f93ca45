import os

try:
    os.close(os.open("@FOLDER@/alloy-drill-was-here", os.O_CREAT | os.O_WRONLY, 0o666))
    print(sum(map(int, input().split())))
except Exception:
    print("?")
