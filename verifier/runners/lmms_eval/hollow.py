"""Empty stand-ins for packages that lmms-eval imports and that scoring text never uses.

lmms-eval has no part that scores without a model: the module with ``process_results`` imports torch,
datasets, accelerate and transformers at its top, for pictures, videos and models. While the harness is
imported those names lead to empty modules. Their attributes are classes without content, good enough for
annotations and base classes; whoever makes an instance of one gets an error, so that no result can rest on
them.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from verifier.errors import JudgeError

NAMES = (
    "PIL",
    "accelerate",
    "datasets",
    "dill",
    "evaluate",
    "httpx",
    "huggingface_hub",
    "matplotlib",
    "nltk",
    "openai",
    "pandas",
    "pyarrow",
    "pytz",
    "sacrebleu",
    "scipy",
    "sklearn",
    "torch",
    "torchvision",
    "tqdm",
    "transformers",
)


class _Hollow(ModuleType):
    """A module that has every attribute, and nothing in any of them."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (), {"__new__": _refuse, "__module__": self.__name__})
        setattr(self, name, made)
        return made


def _refuse(cls: type, *_: Any, **__: Any) -> Any:
    raise JudgeError(
        f"lmms-eval: expected to score without {cls.__module__}, found it wanted: {cls.__name__}"
    )


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in NAMES:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is in it."""


@contextmanager
def modules() -> Iterator[None]:
    """Within, ``NAMES`` are importable as empty modules; afterwards they are as they were before."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _Hollow)]:
            module = sys.modules.pop(name)
            # Importing a part also sets it in its package, which may be a real one.
            package, _, part = name.rpartition(".")
            if vars(sys.modules.get(package, module)).get(part) is module:
                delattr(sys.modules[package], part)
