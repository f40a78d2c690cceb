"""Triton kernels whose PTX the tests read and run. Scripts/compile-fixtures compiles them, without a GPU."""

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile


@triton.jit
def softmax_rows(source, target, columns, stride, block: tl.constexpr):
    """The softmax of each row of an fp32 matrix, a program for each row."""
    row = tl.program_id(0)
    places = tl.arange(0, block)
    inside = places < columns
    values = tl.load(source + row * stride + places, mask=inside, other=-float("inf"))
    weights = tl.exp(values - tl.max(values, axis=0))
    tl.store(target + row * stride + places, weights / tl.sum(weights, axis=0), mask=inside)


@triton.jit
def product(a, b, c, rows, columns, depth, tile_m: tl.constexpr, tile_n: tl.constexpr, tile_k: tl.constexpr):
    """C = A · B of row-major matrices, bf16 in and fp32 out, with a pipeline of cp.async."""
    row = tl.program_id(0) * tile_m + tl.arange(0, tile_m)
    column = tl.program_id(1) * tile_n + tl.arange(0, tile_n)
    sums = tl.zeros((tile_m, tile_n), dtype=tl.float32)
    for first in range(0, depth, tile_k):
        k = first + tl.arange(0, tile_k)
        is_left = (row[:, None] < rows) & (k[None, :] < depth)
        is_right = (k[:, None] < depth) & (column[None, :] < columns)
        left = tl.load(a + row[:, None] * depth + k[None, :], mask=is_left, other=0.0)
        right = tl.load(b + k[:, None] * columns + column[None, :], mask=is_right, other=0.0)
        sums = tl.dot(left, right, sums)
    inside = (row[:, None] < rows) & (column[None, :] < columns)
    tl.store(c + row[:, None] * columns + column[None, :], sums, mask=inside)


@triton.jit
def described_product(
    a, b, c, rows, columns, depth, tile_m: tl.constexpr, tile_n: tl.constexpr, tile_k: tl.constexpr
):
    """The same of fp16 matrices, by tensor maps that the kernel makes itself."""
    left = tl.make_tensor_descriptor(a, [rows, depth], [depth, 1], [tile_m, tile_k])
    right = tl.make_tensor_descriptor(b, [depth, columns], [columns, 1], [tile_k, tile_n])
    result = tl.make_tensor_descriptor(c, [rows, columns], [columns, 1], [tile_m, tile_n])
    row = tl.program_id(0) * tile_m
    column = tl.program_id(1) * tile_n
    sums = tl.zeros((tile_m, tile_n), dtype=tl.float32)
    for k in range(0, depth, tile_k):
        sums = tl.dot(left.load([row, k]), right.load([k, column]), sums)
    result.store([row, column], sums.to(tl.float16))


def write_ptx(kernel, types, constants, aligned):
    """Compiles a kernel for sm_90a with four warps; arguments of some indices are multiples of 16."""
    signature = types | {name: "constexpr" for name in constants}
    attributes = {(index,): [["tt.divisibility", 16]] for index in aligned}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    compiled = compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4, "num_stages": 3})
    with open(f"triton_{kernel.__name__}.ptx", "w") as file:
        file.write(compiled.asm["ptx"])


def main():
    sizes = {"rows": "i32", "columns": "i32", "depth": "i32"}
    tile = {"tile_m": 128, "tile_n": 64, "tile_k": 64}
    softmax = {"source": "*fp32", "target": "*fp32", "columns": "i32", "stride": "i32"}
    write_ptx(softmax_rows, softmax, {"block": 1024}, [])
    for kernel, number, result in [(product, "*bf16", "*fp32"), (described_product, "*fp16", "*fp16")]:
        write_ptx(kernel, {"a": number, "b": number, "c": result} | sizes, tile, [0, 1, 2, 4, 5])


if __name__ == "__main__":
    main()
