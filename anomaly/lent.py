"""Arrays as the compiled loop sees them: an address, and for tables their size.

Numba passes an array as seven to ten words and counts its owners; a row is taken from a table and
handed through a dozen functions for every sample, which cost more than what is computed. A lent
row is one word, a lent table three, and nobody is counted: only for contiguous arrays of float64
that the caller holds meanwhile. Indices count from the front, and like numba's are not checked.

Uncompiled code uses the arrays themselves.
"""

from __future__ import annotations

import operator
from typing import Any, Final

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import lower_builtin, lower_getattr, models, register_model


class LentRow(types.Type):
    """One row of float64: its address."""

    dtype = types.float64

    def __init__(self) -> None:
        super().__init__(name="LentRow")


class LentTable(types.Type):
    """Rows of float64: address, number of rows, width."""

    def __init__(self) -> None:
        super().__init__(name="LentTable")


ROW: Final = LentRow()
TABLE: Final = LentTable()


register_model(LentRow)(models.PointerModel)


@register_model(LentTable)
class _TableModel(models.StructModel):
    def __init__(self, manager: Any, kind: LentTable) -> None:
        members = [
            ("data", types.CPointer(types.float64)),
            ("length", types.intp),
            ("width", types.intp),
        ]
        super().__init__(manager, kind, members)


PLACE: Final = types.UniTuple(types.intp, 2)


def _is_place(index: Any) -> bool:
    return isinstance(index, types.BaseTuple) and len(index) == 2


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        held, index = args
        if held is ROW and isinstance(index, types.Integer):
            return signature(types.float64, held, types.intp)
        if held is TABLE and isinstance(index, types.Integer):
            return signature(ROW, held, types.intp)
        if held is TABLE and _is_place(index):
            return signature(types.float64, held, PLACE)
        return None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        held, index, _ = args
        if held is ROW and isinstance(index, types.Integer):
            return signature(types.void, held, types.intp, types.float64)
        if held is TABLE and _is_place(index):
            return signature(types.void, held, PLACE, types.float64)
        return None


@infer_getattr
class _Attributes(AttributeTemplate):
    key = LentTable

    def resolve_shape(self, _: Any) -> Any:
        return PLACE


def _table(context: Any, builder: Any, value: Any) -> Any:
    return cgutils.create_struct_proxy(TABLE)(context, builder, value)


def _start(context: Any, builder: Any, value: Any, row: Any) -> Any:
    """Address of a table's row."""
    table = _table(context, builder, value)
    return builder.gep(table.data, [builder.mul(row, table.width, flags=["nsw"])], inbounds=True)


@lower_builtin(operator.getitem, LentRow, types.Integer)
def _read(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(builder.gep(args[0], [args[1]], inbounds=True))


@lower_builtin(operator.setitem, LentRow, types.Integer, types.Float)
def _write(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    builder.store(args[2], builder.gep(args[0], [args[1]], inbounds=True))


@lower_builtin(operator.getitem, LentTable, types.Integer)
def _row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return _start(context, builder, args[0], args[1])


@lower_builtin(operator.getitem, LentTable, types.BaseTuple)
def _read_place(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    row, column = cgutils.unpack_tuple(builder, args[1], 2)
    return builder.load(
        builder.gep(_start(context, builder, args[0], row), [column], inbounds=True)
    )


@lower_builtin(operator.setitem, LentTable, types.BaseTuple, types.Float)
def _write_place(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    row, column = cgutils.unpack_tuple(builder, args[1], 2)
    place = builder.gep(_start(context, builder, args[0], row), [column], inbounds=True)
    builder.store(args[2], place)


@lower_getattr(LentTable, "shape")
def _shape(context: Any, builder: Any, sig: Any, value: Any) -> Any:
    table = _table(context, builder, value)
    return context.make_tuple(builder, PLACE, [table.length, table.width])


def lend(_context: Any, array: Any) -> Any:
    """Typing and code of `borrowed` for numba's `intrinsic`."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        held = context.make_array(sig.args[0])(context, builder, args[0])
        if array.ndim == 1:
            return held.data
        table = cgutils.create_struct_proxy(TABLE)(context, builder)
        table.data = held.data
        table.length, table.width = cgutils.unpack_tuple(builder, held.shape, 2)
        return table._getvalue()  # noqa: SLF001 - as in numba's own code for arrays

    if array.dtype != types.float64 or array.layout != "C" or array.ndim > 2:
        return None
    return (ROW if array.ndim == 1 else TABLE)(array), code


def fetch(_context: Any, row: Any, at: Any) -> Any:
    """Typing and code of `fetched` for numba's `intrinsic`: the processor's hint, for writing."""
    if row is not ROW:
        return None

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        address = builder.bitcast(builder.gep(args[0], [args[1]], inbounds=True), byte)
        builder.call(call, [address, number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(ROW, types.intp), code
