import signal, sys


def handler(*_):
    raise SystemExit


signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.01)
while True:
    pass
