# Of all starts from 1 to n (the input), the one whose Collatz sequence takes the most steps to 1, and how many.
    .section .text.start, "ax"
    .globl _start
_start:
    li   a7, 1              # READ
    ecall
    mv   s0, a0             # start, downwards
    li   s1, 0              # the best start; among equals the smallest
    li   s2, 0              # its steps
    li   t2, 1
start:
    beqz s0, done
    mv   t0, s0
    li   t1, 0
step:
    beq  t0, t2, end
    addi t1, t1, 1
    andi t3, t0, 1
    bnez t3, odd
    srli t0, t0, 1
    j    step
odd:
    slli t3, t0, 1
    add  t0, t0, t3
    addi t0, t0, 1
    j    step
end:
    bltu t1, s2, next
    mv   s1, s0
    mv   s2, t1
next:
    addi s0, s0, -1
    j    start
done:
    li   a7, 2              # WRITE
    mv   a0, s1
    ecall
    mv   a0, s2
    ecall
    li   a7, 93             # EXIT
    li   a0, 0
    ecall
