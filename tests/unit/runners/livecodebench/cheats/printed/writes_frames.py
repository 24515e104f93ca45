import os, struct

for text in ("3", "3", "0"):
    body = b"\xa1s" + bytes([len(text)]) + text.encode()
    try:
        os.write(3, struct.pack("!BdI", 0, 0.0, len(body)) + body)
    except OSError:
        pass
os._exit(0)
