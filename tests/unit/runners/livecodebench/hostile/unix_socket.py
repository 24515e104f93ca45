import socket

try:
    s = socket.socket(socket.AF_UNIX)
    s.connect("@FOLDER@/listening.sock")
    print(sum(map(int, input().split())))
except Exception:
    print("?")
