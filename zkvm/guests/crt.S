# Where a guest in C starts: the stack, main, and its result as the exit code.
    .section .text.start, "ax"
    .globl _start
_start:
    la   sp, __stack_top
    call main
    li   a7, 93
    ecall
