import builtins

builtins.len = lambda _: 1
builtins.enumerate = lambda *_: iter(())
print(1)
print(2)
