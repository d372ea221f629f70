#!/usr/bin/env python3
"""Writes one test program for each instruction of RV32IM: generate.py FOLDER.

What each case expects is computed here, with Python's integers, as "The RISC-V Instruction Set Manual, Volume I: Unprivileged ISA"
says it (chapters RV32I 2.1 and "M" 2.0). The cases themselves are the macros of test.inc.
"""
import pathlib
import sys

MIN, MAX, ONES = 1 << 31, (1 << 31) - 1, (1 << 32) - 1


def u(x):
    """Modulo 2^32."""
    return x & ONES


def s(x, bits=32):
    """The signed value of the lowest bits."""
    x &= (1 << bits) - 1
    return x - (1 << bits) if x >> (bits - 1) else x


def div(a, b):
    """Towards zero; -1 by zero (Python's // rounds down)."""
    if b == 0:
        return -1
    quotient = abs(a) // abs(b)
    return -quotient if (a < 0) != (b < 0) else quotient


def rem(a, b):
    return a if b == 0 else a - b * div(a, b)


BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "slt": lambda a, b: s(a) < s(b),
    "sltu": lambda a, b: a < b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "sll": lambda a, b: a << (b & 31),
    "srl": lambda a, b: a >> (b & 31),
    "sra": lambda a, b: s(a) >> (b & 31),
    "mul": lambda a, b: a * b,
    "mulh": lambda a, b: s(a) * s(b) >> 32,
    "mulhsu": lambda a, b: s(a) * b >> 32,
    "mulhu": lambda a, b: a * b >> 32,
    "div": lambda a, b: div(s(a), s(b)),
    "divu": lambda a, b: ONES if b == 0 else a // b,
    "rem": lambda a, b: rem(s(a), s(b)),
    "remu": lambda a, b: a if b == 0 else a % b,
}
BRANCH = {
    "beq": lambda a, b: a == b,
    "bne": lambda a, b: a != b,
    "blt": lambda a, b: s(a) < s(b),
    "bge": lambda a, b: s(a) >= s(b),
    "bltu": lambda a, b: a < b,
    "bgeu": lambda a, b: a >= b,
}
LOAD = {"lb": (1, True), "lh": (2, True), "lw": (4, True), "lbu": (1, False), "lhu": (2, False)}
STORE = {"sb": 1, "sh": 2, "sw": 4}

CORNERS = [0, 1, ONES, MAX, MIN]
PATTERNS = [(0x55555555, 0xAAAAAAAA), (0x12345678, 0x9ABCDEF0), (0xFFFF, 0x10000), (0xFFFF0000, 0xFFFF), (0x8000, 0xFFFF8000),
            (MIN + 1, MAX), (0xDEADBEEF, 0xDEADBEEF), (0x00FF00FF, 0xFF00FF01)]
SMALL = [(20, 6), (-20, 6), (20, -6), (-20, -6), (6, 20), (-6, 20), (5, 5), (MIN, 2), (MIN, -2), (MAX, 10), (ONES, 10), (0x10001, 0xFFFF)]
SHIFTED = [0, 1, MIN, 0xDEADBEEF]
SHIFTS = [0, 1, 8, 15, 16, 31]
PLACES = [0, 31, 32, 33, 63, 0xFFFFFFE0, 0x80000010]

# Every register but x0, gp and tp, which the macros use.
FREE = [1, 2] + list(range(5, 32))


class Test:
    """The text of one program."""

    def __init__(self, mnemonic):
        self.lines = [f"# Tests of {mnemonic}. Written by generate.py.", '    .include "test.inc"', "    start"]
        self.number = 0

    def free(self, n=1):
        """A register; others for other n up to 3, and for the next case."""
        return f"x{FREE[(7 * self.number + 11 * n) % len(FREE)]}"

    def case(self, macro, *operands):
        self.number += 1
        shown = [f"0x{x:x}" if isinstance(x, int) and x > 4096 else str(x) for x in (self.number, *operands)]
        self.lines.append(f"    {macro} {', '.join(shown)}")

    def text(self, *lines):
        """A case written out; the lines find its number in gp."""
        self.number += 1
        self.lines += [f"    li   gp, {self.number}", *lines]

    def done(self, *data):
        return "\n".join([*self.lines, "    finish", *data]) + "\n"


def pairs(name):
    if name in ("sll", "srl", "sra"):
        return [(a, b) for a in SHIFTED for b in SHIFTS] + [(0x89ABCDEF, b) for b in PLACES]
    more = SMALL if name[:3] in ("mul", "div", "rem") else SMALL[:4]
    return [(a, b) for a in CORNERS for b in CORNERS] + PATTERNS + [(u(a), u(b)) for a, b in more]


def binary(name):
    test, result = Test(name), lambda a, b: u(int(BINARY[name](a, b)))
    for a, b in pairs(name):
        test.case("registers", name, test.free(1), test.free(2), test.free(3), a, b, result(a, b))
    a, b = 0x87654321, 0x1234567B
    test.case("registers", name, "x5", "x5", "x6", a, b, result(a, b))
    test.case("registers", name, "x6", "x5", "x6", a, b, result(a, b))
    test.case("registers", name, "x7", "x8", "x8", a, a, result(a, a))
    test.case("registers", name, "x9", "x9", "x9", b, b, result(b, b))
    test.case("registers", name, "x5", "x0", "x6", 0, b, result(0, b))
    test.case("registers", name, "x5", "x6", "x0", a, 0, result(a, 0))
    test.case("registers", name, "x5", "x0", "x0", 0, 0, result(0, 0))
    test.case("registers", name, "x0", "x5", "x6", a, b, 0)
    return test.done()


def immediate(name):
    base = {"sltiu": "sltu"}.get(name, name[:-1])
    test, result = Test(name), lambda a, b: u(int(BINARY[base](a, u(b))))
    if base in ("sll", "srl", "sra"):
        cases, other = [(a, b) for a in [*SHIFTED, ONES] for b in SHIFTS], 13
    else:
        cases = [(a, b) for a in [*CORNERS, 0xDEADBEEF] for b in (0, 1, -1, 2047, -2048, 0x555)]
        cases += [(2047, 2047), (u(-2048), -2048), (2046, 2047), (u(-2049), -2048), (0xFFFF, 1), (0x10000, -1)]
        other = -1234
    for a, b in cases:
        test.case("immediate", name, test.free(1), test.free(2), a, b, result(a, b))
    a = 0x87654321
    test.case("immediate", name, "x5", "x5", a, other, result(a, other))
    test.case("immediate", name, "x5", "x0", 0, other, result(0, other))
    test.case("immediate", name, "x0", "x5", a, other, 0)
    return test.done()


def branch(name):
    test = Test(name)
    for a, b in [(a, b) for a in CORNERS for b in CORNERS] + PATTERNS:
        test.case("branch", name, test.free(1), test.free(2), a, b, int(BRANCH[name](a, b)))
    for a in (0, 1, ONES):
        test.case("branch", name, "x5", "x5", a, a, int(BRANCH[name](a, a)))
        test.case("branch", name, "x0", "x5", 0, a, int(BRANCH[name](0, a)))
        test.case("branch", name, "x5", "x0", a, 0, int(BRANCH[name](a, 0)))
    return test.done()


def lui(name):
    test = Test(name)
    for imm in (0, 1, 0x80000, 0x7FFFF, 0xFFFFF, 0x55555, 0xAAAAA, 0x00010, 0x0000F):
        test.case("upper", test.free(), imm, imm << 12)
    test.case("upper", "x0", 0xFFFFF, 0)
    return test.done()


def auipc(name):
    test = Test(name)
    for imm in (0, 1, 0x80000, 0x7FFFF, 0xFFFFF, 0x55555, 0xAAAAA, 0x00010, 0x0000F):
        test.case("address", f"x{5 + 2 * test.number}", imm, imm << 12)
    test.text("    auipc x0, 0xfffff", "    bnez x0, fail")
    return test.done()


def jal(name):
    test = Test(name)
    for register in [f"x{r}" for r in (1, 2, 5, 15, 16, 30, 31)]:
        other = "x6" if register == "x5" else "x5"
        # Forward, backward, forward again; the link is the address after the jump.
        test.text("    jal  x0, 3f", "1:  addi x0, x0, 0", f"2:  jal  {register}, 4f", "    j    fail", f"3:  jal  {register}, 2b",
                  "    j    fail", "4:", f"    la   {other}, 2b + 4", f"    bne  {register}, {other}, fail")
        test.text(f"    jal  {register}, 6f", "5:  j    fail", f"6:  la   {other}, 5b", f"    bne  {register}, {other}, fail")
    test.text("    jal  x0, 1f", "    j    fail", "1:  bnez x0, fail")
    test.text("    jal  x5, 1f", "1:  la   x6, 1b", "    bne  x5, x6, fail")
    return test.done()


def jalr(name):
    # This program lies low (link.ld), so that a base below 0 modulo 2^32 reaches its first case; and x0 does.
    test = Test(name)
    test.text("    j    1f", "low: j   2f", "1:  la   x5, low - 2044", "    jalr x6, 2044(x5)", "    j    fail", "2:")
    test.text("    jalr x6, %lo(1f)(x0)", "    j    fail", "1:")
    for rd, rs1 in (("x1", "x5"), ("x5", "x1"), ("x7", "x7"), ("x31", "x2"), ("x2", "x31")):
        # With rd = rs1 the target is that of the old value. The lowest bit of the sum is cleared.
        for before, offset in ((0, 0), (4, 4), (-4, -4), (2044, 2044), (-2048, -2048), (0, 1), (2044, 2045)):
            test.text(f"    la   {rs1}, 1f - ({before})", f"    jalr {rd}, {offset}({rs1})", "2:  j    fail", "1:  la   tp, 2b",
                      f"    bne  {rd}, tp, fail")
    test.text("    la   x5, 1f", "    jalr x0, 0(x5)", "    j    fail", "1:  bnez x0, fail")
    test.text("    la   x5, 1f + 1", "    jalr x6, 0(x5)", "2:  j    fail", "1:  la   tp, 2b", "    bne  x6, tp, fail")
    test.text("    j    2f", "1:  j    3f", "2:  la   x5, 1b", "    jalr x1, 0(x5)", "    j    fail", "3:")
    return test.done()


DATA = bytes([0x00, 0x7F, 0x80, 0xFF, 0xFF, 0x80, 0x7F, 0x00, 0x01, 0x80, 0xFE, 0x7F, 0x80, 0x00, 0x80, 0xFF, 0xEF, 0xBE, 0xAD, 0xDE,
              0x78, 0x56, 0x34, 0x92])
WORDS = [int.from_bytes(DATA[i:i + 4], "little") for i in range(0, len(DATA), 4)]
DATA_LINES = ["    .data", "    .balign 4", "data:", "    .word " + ", ".join(f"0x{word:08x}" for word in WORDS)]


def load(name):
    size, signed = LOAD[name]
    test = Test(name)
    for place in range(0, len(DATA), size):
        value = int.from_bytes(DATA[place:place + size], "little")
        value = u(s(value, 8 * size)) if signed else value
        # 2047 (for halves and words: less) from a base below address 0, modulo 2^32: data lies below 0x7ff - 24.
        for offset in (0, 2048 - size, -2048) if place % 8 == 0 else ((4, -4)[place % 2],):
            test.case("load", name, test.free(1), test.free(2), place - offset, offset, value)
    last = int.from_bytes(DATA[16:16 + size], "little")
    last = u(s(last, 8 * size)) if signed else last
    test.case("load", name, "x5", "x5", 16 - size, size, last)
    test.case("load", name, "x0", "x5", 16, 0, 0)
    return test.done(*DATA_LINES)


def store(name):
    size, test, memory = STORE[name], Test(name), bytearray(DATA)
    values = [0, ONES, 0x80, 0x7F, 0x8000, 0x7FFF, 0x12345678, MIN, MAX, 0xA5A5A5A5]

    def word(at):
        return int.from_bytes(memory[at:at + 4], "little")

    def case(place, offset, value, rs1, rs2):
        memory[place:place + size] = u(value).to_bytes(4, "little")[:size]
        at = place & ~3
        test.case("store", name, rs1, rs2, place - offset, offset, value, at, word(at - 4), word(at), word(at + 4))

    for i, value in enumerate(values):
        place = 4 + i * size % 16
        for offset in (0, 2048 - size, -2048) if i % 4 == 0 else ((size, -size)[i % 2],):
            case(place, offset, value, test.free(1), test.free(2))
            value = u(value + 0x01010101)
    for place in range(16, 20, size):
        case(place, 0, 0xC3B2A190 + place, "x5", "x6")
    case(8, 0, 0, "x5", "x0")
    # The base itself is stored; its lowest bytes come back.
    bits = 32 - 8 * size
    shorten = [f"    slli {r}, {r}, {bits}" for r in ("x5", "x6")] if bits else []
    test.text("    la   x5, data + 8", f"    {name}   x5, 0(x5)", "    lw   x6, 0(x5)", *shorten, "    bne  x5, x6, fail")
    return test.done(*DATA_LINES)


def fence(name):
    test = Test(name)
    for kind in ("fence", "fence rw, rw", "fence iorw, iorw", "fence r, w", "fence.tso"):
        test.text("    li   x5, 0x12345678", "    mv   x6, x5", "    " + kind, "    bne  x5, x6, fail", "    bnez x0, fail")
    return test.done()


def ecall(name):
    # The exit code is a0's; nothing behind the call runs, and a0 comes from the way through here.
    test = Test(name)
    test.text("    li   a0, 1", "    li   a1, -1", "    beqz a0, fail", "    addi a0, a0, -1", "    li   a7, 93", "    ecall", "    j    fail")
    return test.done()


WRITERS = {name: binary for name in BINARY} | {name: branch for name in BRANCH}
WRITERS |= {name: load for name in LOAD} | {name: store for name in STORE}
WRITERS |= {name: immediate for name in ("addi", "slti", "sltiu", "andi", "ori", "xori", "slli", "srli", "srai")}
WRITERS |= {f.__name__: f for f in (lui, auipc, jal, jalr, fence, ecall)}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    for mnemonic, writer in WRITERS.items():
        (folder / f"{mnemonic}.S").write_text(writer(mnemonic))
