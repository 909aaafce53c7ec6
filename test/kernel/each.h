/* Runs one function in a child process for each instruction set that this
 * processor has and compares what it wrote: the choice is made once a process. */
#ifndef TEST_KERNEL_EACH_H
#define TEST_KERNEL_EACH_H

#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/isa.h"
#include "tap.h"

#define EACH_LACKS 42

/* 0, EACH_LACKS, or -1 where the child failed. out is shared memory. */
static inline int each_run(enum fl_isa isa, void (*fn)(void *out), void *out)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		setenv("FL_CPU", fl_isa_name(isa), 1);
		if (fl_isa_check(NULL))
			_exit(EACH_LACKS);
		fn(out);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status) == EACH_LACKS ? EACH_LACKS : WEXITSTATUS(status) ? -1 : 0;
}

static inline void *each_shared(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* fn writes up to n bytes; every set must write the same. Returns ref's. */
static inline void *each_same(const char *what, void (*fn)(void *out), size_t n)
{
	unsigned char *ref = each_shared(n), *got = each_shared(n);

	if (!ok(ref && got && !each_run(FL_ISA_REF, fn, ref), "%s runs at ref", what))
		return NULL;
	for (int i = FL_ISA_SSE2; i <= FL_ISA_AVX512; i++) {
		int rc;
		size_t at = 0;

		memset(got, 0, n);
		rc = each_run((enum fl_isa)i, fn, got);
		if (rc == EACH_LACKS) {
			ok(1, "%s # SKIP no %s", what, fl_isa_name((enum fl_isa)i));
			continue;
		}
		while (at < n && ref[at] == got[at])
			at++;
		if (!ok(!rc && at == n, "%s: %s gives ref's bits", what, fl_isa_name((enum fl_isa)i)))
			printf("# status %d, first difference at byte %zu\n", rc, at);
	}
	munmap(got, n);
	return ref;
}

/* Small deterministic numbers for shapes and values. */
static uint64_t each_seed = 1;
static inline uint64_t each_word(void)
{
	uint64_t z = each_seed += UINT64_C(0x9e3779b97f4a7c15);	/* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}
static inline size_t each_below(size_t n)
{
	return (size_t)(each_word() % n);
}
static inline float each_real(void)
{
	return (float)((double)(each_word() >> 11) * 0x1p-52 - 1);
}

#endif
