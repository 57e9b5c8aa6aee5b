r"""Sparse product: only what is not zero is multiplied · 稀疏乘积：只乘非零元

symbols  A [n, m] with E entries, row by row   value [E] the entries, or [E, K] of K matrices on the same places
         ptr [n + 1] where each row begins   col [E] the column of each entry   turned_ptr [m + 1] ptr of the transpose
         turned_col [E] col of the transpose   order [E] which of the entries are those of the transpose, one by one
         x [m, …], or [m, K, C]   out [n, …] the product A x
note     the transpose is kept because the delta of x is Aᵀδ: by rows it is the same product again
note     the entries of a column of weights that no row reads get the delta zero, a row without entries the output zero
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ..errors import UserError
from ..formula import R, formula


def rows_of(ptr, col):
    """The row of each entry. · 每个非零元所在的行。

    >>> rows_of(torch.tensor([0, 2, 2, 3]), torch.tensor([0, 1, 1]))
    tensor([0, 0, 2])
    """
    return torch.repeat_interleave(torch.arange(len(ptr) - 1, device=ptr.device), ptr.diff(), output_size=len(col))


def row_by_row(value, x, ptr, col):
    """Each row the sum of its entries times what they stand at. · 每行求和。"""
    terms = value[..., None] * x.index_select(0, col)
    return terms.new_zeros(len(ptr) - 1, *x.shape[1:]).index_add(0, rows_of(ptr, col), terms)


def coo_of_torch(value, x, ptr, col, turned_ptr, turned_col, order):
    if value.ndim == 2:  # torch knows one matrix at a time
        heads = zip(value.unbind(1), x.unbind(1), strict=True)
        return torch.stack([coo_of_torch(v, h, ptr, col, turned_ptr, turned_col, order) for v, h in heads], 1)
    where = torch.stack([rows_of(ptr, col), col])
    kind = torch.promote_types(value.dtype, x.dtype)
    with torch.autocast(x.device.type, enabled=False):
        A = torch.sparse_coo_tensor(where, value.to(kind), (len(ptr) - 1, len(x)), check_invariants=False)
        return torch.sparse.mm(A, x.to(kind))


@formula(
    twin=coo_of_torch,
    batch=(),
    autocast="fp32",
    source="Gustavson 1978, doi:10.1145/355791.355796, section 2 (row by row)",
)
def sparse_product(value, x, ptr, col, turned_ptr, turned_col, order):
    """The product of a sparse matrix and a dense one. · 稀疏矩阵与稠密矩阵之积。

    >>> A = Sparse.of(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([2.0, 3.0]), (2, 2))
    >>> A @ torch.tensor([[1.0], [10.0]])
    tensor([[20.],
            [ 3.]])
    """
    return row_by_row(value, x, ptr, col)


@sparse_product.backward("x")
def _(δ, value, turned_ptr, turned_col, order):
    """The same product with the transpose. · 用转置再乘一次。"""
    return row_by_row(value.index_select(0, order), δ, turned_ptr, turned_col)


@sparse_product.backward("value")
def _(δ, x, ptr, col):
    return (δ.index_select(0, rows_of(ptr, col)) * x.index_select(0, col)).sum(-1)


@sparse_product.samples
def _():
    where = torch.tensor([0, 0, 0, 2, 3, 3]), torch.tensor([0, 2, 3, 1, 0, 2])
    for shape in ((4, 4), (4, 5)):
        A = Sparse.of(*where, torch.ones(6), shape)
        yield R(6), R(shape[1], 3), *A.structure
    yield R(6, 2), R(4, 2, 3), *A.of(*where, torch.ones(6), (4, 4)).structure


@cache
def quiet() -> None:
    """torch says once a process that its CSR tensors are new. · 让 torch 的一次性提示在此静默。"""
    with catch_warnings():
        simplefilter("ignore")
        torch.sparse_csr_tensor(torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64), torch.tensor([]), (1, 1))


def multiplied(value: Tensor, x: Tensor, ptr: Tensor, col: Tensor) -> Tensor:
    """torch's CSR product, without deltas. · torch 的 CSR 乘积，不带 δ。"""
    A = torch.sparse_csr_tensor(ptr, col, value, (len(ptr) - 1, len(x)), check_invariants=False)
    with torch.autocast(x.device.type, enabled=False):  # torch has none in bfloat16 on the CPU
        return A @ x.contiguous()


TURNED: Any = WeakTensorKeyDictionary()  # values → (the version they had, the order, those of the transpose)


def turned_values(value: Tensor, order: Tensor) -> Tensor:
    """The values as the transpose has them, gathered once for as long as they stay the same. · 转置的数值，缓存。

    Each is fetched from a place of its own, which on ten million edges took a tenth of an epoch.

    >>> value, order = torch.tensor([1.0, 2.0]), torch.tensor([1, 0])
    >>> turned_values(value, order) is turned_values(value, order), turned_values(value.mul_(2), order)
    (True, tensor([4., 2.]))
    """
    version, then, kept = TURNED.get(value, (-1, None, value))
    if version != value._version or then is not order:
        kept = value.index_select(0, order)
        TURNED[value] = value._version, order, kept
    return kept


class RowByRow(torch.autograd.Function):
    """torch's CSR product, and backward with the kept transpose, not sorted out anew. · 带转置的 CSR 乘积。"""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        value, x, ptr, col, *turned = args
        ctx.save_for_backward(value, x, ptr, col, *turned)
        return multiplied(value, x, ptr, col)

    @staticmethod
    def backward(ctx: Any, *deltas: Any) -> Any:
        (δ,), (value, x, ptr, col, turned_ptr, turned_col, order) = deltas, ctx.saved_tensors
        δvalue = δx = None
        if ctx.needs_input_grad[0]:
            δvalue = (δ.index_select(0, rows_of(ptr, col)) * x.index_select(0, col)).sum(-1)
        if ctx.needs_input_grad[1]:
            if torch.is_grad_enabled():  # only a second derivative asks for the transpose of the transpose
                turned = value.index_select(0, order), δ, turned_ptr, turned_col
                δx = RowByRow.apply(*turned, ptr, col, order.argsort())
            else:
                δx = multiplied(turned_values(value, order), δ, turned_ptr, turned_col)
        return δvalue, δx, None, None, None, None, None


@sparse_product.kernel("cpu", torch.float32, torch.float64, torch.bfloat16)
def csr_product(value: Tensor, x: Tensor, *structure: Tensor) -> Tensor:
    """torch's CSR product, a head at a time. · torch 的 CSR 乘积，逐头进行。"""
    quiet()
    kind = torch.promote_types(value.dtype, x.dtype)
    fine = torch.promote_types(kind, torch.float32)  # torch has no CSR product of less
    value, x = value.to(fine), x.to(fine)
    if value.ndim == 1:
        flat: Any = RowByRow.apply(value, x.flatten(1), *structure)
        out = flat.unflatten(1, x.shape[1:])
    else:
        heads = zip(value.unbind(1), x.unbind(1), strict=True)
        out = torch.stack([csr_product(v, h, *structure) for v, h in heads], 1)
    return out if torch.is_autocast_enabled("cpu") else out.to(kind)


@dataclass(frozen=True, eq=False)
class Sparse:
    """A sparse matrix by rows, its transpose kept: plain tensors, so that a compiled step can take it. · 按行稀疏矩阵。

    value [E] (or [E, K]), ptr [n + 1], col [E], turned_ptr [m + 1], turned_col [E], order [E]; shape (n, m)

    >>> Sparse.of(torch.tensor([1]), torch.tensor([0]), torch.tensor([5.0]), (2, 2)).to_dense()
    tensor([[0., 0.],
            [5., 0.]])
    """

    value: Tensor
    ptr: Tensor
    col: Tensor
    turned_ptr: Tensor
    turned_col: Tensor
    order: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, row: Tensor, col: Tensor, value: Tensor, shape: tuple[int, int]) -> "Sparse":
        """From entries in any order; what stands twice at one place is added. · 由任意次序的非零元构造。

        row, col int64 [E], value [E], which may ask for its delta. Raises `UserError` for an index outside the shape.
        """
        for name, index, size in (("row", row, shape[0]), ("column", col, shape[1])):
            if len(index) and not (int(index.min()) >= 0 and int(index.max()) < size):
                raise UserError(
                    f"a sparse matrix of {size} {name}s got {name} {int(index.min())}…{int(index.max())}: expected "
                    f"0…{size - 1}"
                )
        places, inverse = torch.unique(row * shape[1] + col, return_inverse=True)
        row, col = places // max(shape[1], 1), places % max(shape[1], 1)
        value = value.new_zeros(len(places), *value.shape[1:]).index_add(0, inverse, value)
        order = (col * shape[0] + row).argsort()
        turned = starts(col, shape[1]), row[order], order
        return cls(value, starts(row, shape[0]), col, *turned, shape)

    @property
    def structure(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Where the entries are: what `sparse_product` reads beside the values. · 结构。"""
        return self.ptr, self.col, self.turned_ptr, self.turned_col, self.order

    @property
    def row(self) -> Tensor:
        """The row of each entry. · 每个非零元所在的行。"""
        return rows_of(self.ptr, self.col)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All it is made of. · 组成它的全部张量。"""
        return self.value, *self.structure

    def to(self, device: str | torch.device) -> "Sparse":
        """The same matrix there; itself where it is there already. · 移到某设备。"""
        if self.value.device.type == torch.device(device).type:
            return self
        value, *structure = (part.to(device) for part in self.tensors)
        ptr, col, turned_ptr, turned_col, order = structure
        return Sparse(value, ptr, col, turned_ptr, turned_col, order, self.shape)

    def valued(self, value: Tensor) -> "Sparse":
        """The same places with other values. · 同一结构，另一组值。"""
        return replace(self, value=value)

    def to_dense(self) -> Tensor:
        """All of it, zeros too. · 稠密形式。"""
        dense = self.value.new_zeros(*self.shape, *self.value.shape[1:])
        return dense.index_put((self.row, self.col), self.value)

    def __matmul__(self, x: Tensor) -> Tensor:
        if len(x) != self.shape[1]:
            raise UserError(f"a sparse matrix of shape {self.shape} got {len(x)} rows: expected {self.shape[1]}")
        return sparse_product(self.value, x, *self.structure)


def starts(index: Tensor, size: int) -> Tensor:
    """Where each row begins among sorted entries. · 各行的起点。

    >>> starts(torch.tensor([0, 0, 2]), 3)
    tensor([0, 2, 2, 3])
    """
    return torch.nn.functional.pad(torch.bincount(index, minlength=size).cumsum(0), (1, 0))
