"""What the code reads of declared values: mypy knows of each ``x.name`` which class `x` is of."""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from mypy import build
from mypy.modulefinder import BuildSource
from mypy.nodes import MemberExpr, TypeInfo, Var
from mypy.options import Options
from mypy.types import Instance, Type, UnionType, get_proper_type


def source(path: Path, root: Path) -> BuildSource:
    """Name a file as the module that it is."""
    name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    return BuildSource(str(path), name)


def unread(sources: Iterable[BuildSource], declaring: Collection[str]) -> set[str]:
    """Return ``Class.attribute`` for what the declaring modules declare and none of the sources reads."""
    options = Options()
    options.python_version = sys.version_info[:2]
    options.export_types = options.preserve_asts = True
    options.incremental, options.cache_dir = False, "/dev/null"
    # What is declared here is made of the standard library alone, and `make check` has mypy tell what is wrong.
    options.follow_imports, options.ignore_errors = "skip", True
    result = build.build(list(sources), options)
    read = {
        f"{one.type.name}.{expression.name}"
        for expression in result.types
        if isinstance(expression, MemberExpr)
        for one in _instances(result.types.get(expression.expr))
        if one.type.module_name in declaring
    }
    declared = {
        f"{symbol.node.name}.{name}"
        for module in declaring
        for symbol in result.files[module].names.values()
        if isinstance(symbol.node, TypeInfo) and symbol.node.module_name == module
        for name, member in symbol.node.names.items()
        if isinstance(member.node, Var) and not name.startswith("_")
    }
    return declared - read


def _instances(type_: Type | None) -> list[Instance]:
    found = get_proper_type(type_)
    parts = [get_proper_type(one) for one in found.items] if isinstance(found, UnionType) else [found]
    return [one for one in parts if isinstance(one, Instance)]
