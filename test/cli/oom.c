/* Preloaded: the allocation number OOM_K (from 0) fails, and with OOM_ALL all
 * after it. glibc's own allocator does the rest. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

void *__libc_malloc(size_t n);
void *__libc_realloc(void *p, size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_memalign(size_t align, size_t n);

static int fails(void)
{
	static long left = -2;
	const char *k;

	if (left == -2)
		left = (k = getenv("OOM_K")) ? atol(k) : -1;
	if (left < 0 || left--)
		return 0;
	if (getenv("OOM_ALL"))
		left = 0;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *aligned_alloc(size_t align, size_t n)
{
	return fails() ? NULL : __libc_memalign(align, n);
}
