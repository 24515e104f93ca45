import socket

try:
    socket.create_connection(("127.0.0.1", int("@PORT@")), 2).send(b"here")
    print(sum(map(int, input().split())))
except Exception:
    print("?")
