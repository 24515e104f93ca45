import os

try:
    os.environ["ALLOY_DRILL_SECRET"]
    print(sum(map(int, input().split())))
except Exception:
    print("?")
