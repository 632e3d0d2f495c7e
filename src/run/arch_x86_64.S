/*
 * The coroutine switch for x86-64 (System V ABI). A parked stack holds, from its saved pointer up:
 * r15 r14 r13 r12 rbx rbp and the address to go on at; tools/posthouse-gdb.py knows this order.
 * The CFI lines are right before and after the stack changes, because both frames look alike.
 */
#if defined(__x86_64__)
	.text
	.globl	arch_switch
	.hidden	arch_switch
	.type	arch_switch, @function
	.balign	16
arch_switch:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	/* Not ret: the processor's return predictor belongs to the other stack. */
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	jmp	*%rcx
	.cfi_endproc
	.size	arch_switch, . - arch_switch

	/* First instruction of every coroutine: entry is in rbx. Backtraces end here. */
	.type	arch_boot, @function
	.balign	16
arch_boot:
	.cfi_startproc
	.cfi_undefined %rip
	call	*%rbx
	ud2
	.cfi_endproc
	.size	arch_boot, . - arch_boot

	.globl	arch_prepare
	.hidden	arch_prepare
	.type	arch_prepare, @function
	.balign	16
arch_prepare:
	.cfi_startproc
	andq	$-16, %rdi
	leaq	arch_boot(%rip), %rax
	movq	$0, -8(%rdi)
	movq	$0, -16(%rdi)
	movq	%rax, -24(%rdi)
	movq	$0, -32(%rdi)		/* rbp */
	movq	%rsi, -40(%rdi)		/* rbx */
	movq	$0, -48(%rdi)
	movq	$0, -56(%rdi)
	movq	$0, -64(%rdi)
	movq	$0, -72(%rdi)
	leaq	-72(%rdi), %rax
	ret
	.cfi_endproc
	.size	arch_prepare, . - arch_prepare
#endif
	.section .note.GNU-stack, "", %progbits
