/* Checked allocation and arenas: chunks in a list, newest first. */
#define _DEFAULT_SOURCE		/* madvise */
#include "base/mem.h"

#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#include <sys/mman.h>
#endif

#include "base/num.h"

struct fl_chunk {
	struct fl_chunk *next;
	size_t size;		/* bytes of data */
	unsigned char *data;	/* aligned */
};

#define CHUNK_MIN ((size_t)4096)
#define CHUNK_MAX ((size_t)1 << 20)

#define HEAP_ROOM ((size_t)8 << 20)	/* a net of 100,000 parameters needs 3 MiB */
#define HUGE_PAGE ((size_t)2 << 20)

void fl_heap_prepare(void)
{
#ifdef __GLIBC__
	static void *skipped;	/* up to the first huge page: never used, never touched */
	unsigned char *p;
	size_t lead;

	mallopt(M_MMAP_THRESHOLD, 32 << 20);	/* the most that glibc takes */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	if (!(p = malloc(HEAP_ROOM)))
		return;
	lead = -(uintptr_t)p & (HUGE_PAGE - 1);
	madvise(p + lead, HEAP_ROOM - HUGE_PAGE, MADV_HUGEPAGE);
	free(p);
	if (!skipped && lead > FL_ALIGN)
		skipped = malloc(lead - FL_ALIGN);
#endif
}

/* A block that the kernel may back with huge pages where it is large: a
 * thousandth of the page faults, which otherwise cost more than the work on it. */
static void *block(size_t bytes)
{
#ifdef __GLIBC__
	if (bytes >= 2 * HUGE_PAGE && bytes <= SIZE_MAX - HUGE_PAGE) {
		size_t whole = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
		void *p = aligned_alloc(HUGE_PAGE, whole);

		if (p)
			madvise(p, whole, MADV_HUGEPAGE);
		return p;
	}
#endif
	return aligned_alloc(FL_ALIGN, bytes);
}

void *fl_alloc(size_t n, size_t size, struct fl_err *e)
{
	size_t bytes;
	void *p;

	if (fl_mul(n, size, &bytes) || bytes > SIZE_MAX - FL_ALIGN) {
		fl_fail_mem(e, SIZE_MAX);
		return NULL;
	}
	bytes = (bytes + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
	if (!bytes)
		bytes = FL_ALIGN;
	p = block(bytes);
	if (!p) {
		fl_fail_mem(e, bytes);
		return NULL;
	}
	return memset(p, 0, bytes);
}

int fl_grow(void *pp, size_t *cap, size_t want, size_t size, struct fl_err *e)
{
	size_t n = *cap ? *cap : 8, bytes;
	void *old, *p;

	if (want <= *cap)
		return 0;
	while (n < want) {
		if (n > SIZE_MAX / 2)
			return fl_fail_mem(e, SIZE_MAX);
		n *= 2;
	}
	if (fl_mul(n, size, &bytes))
		return fl_fail_mem(e, SIZE_MAX);
	memcpy(&old, pp, sizeof old);
	p = realloc(old, bytes);
	if (!p)
		return fl_fail_mem(e, bytes);
	memcpy(pp, &p, sizeof p);
	*cap = n;
	return 0;
}

static int add_chunk(struct fl_arena *a, size_t bytes, struct fl_err *e)
{
	size_t size = a->total < CHUNK_MIN ? CHUNK_MIN : a->total;
	struct fl_chunk *c;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < bytes)
		size = bytes;
	c = malloc(sizeof *c);
	if (!c)
		return fl_fail_mem(e, sizeof *c);
	c->data = block(size);
	if (!c->data) {
		free(c);
		return fl_fail_mem(e, size);
	}
	c->size = size;
	c->next = a->head;
	a->head = c;
	a->used = 0;
	a->total += size;
	return 0;
}

void *fl_arena_get(struct fl_arena *a, size_t n, size_t size, struct fl_err *e)
{
	size_t bytes;
	void *p;

	if (fl_mul(n, size, &bytes) || bytes > SIZE_MAX - FL_ALIGN) {
		fl_fail_mem(e, SIZE_MAX);
		return NULL;
	}
	bytes = (bytes + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
	if ((!a->head || a->head->size - a->used < bytes) &&
	    add_chunk(a, bytes ? bytes : FL_ALIGN, e))
		return NULL;
	p = a->head->data + a->used;
	a->used += bytes;
	return p;
}

void *fl_arena_zero(struct fl_arena *a, size_t n, size_t size, struct fl_err *e)
{
	void *p = fl_arena_get(a, n, size, e);

	return p ? memset(p, 0, n * size) : NULL;
}

char *fl_arena_mem(struct fl_arena *a, const void *s, size_t n, struct fl_err *e)
{
	char *p = n < SIZE_MAX ? fl_arena_get(a, n + 1, 1, e) : NULL;

	if (!p)
		return NULL;
	if (n)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *fl_arena_str(struct fl_arena *a, const char *s, struct fl_err *e)
{
	return fl_arena_mem(a, s, strlen(s), e);
}

char *fl_arena_fmt(struct fl_arena *a, struct fl_err *e, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !(p = fl_arena_get(a, (size_t)n + 1, 1, e)))
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

struct fl_mark fl_arena_mark(const struct fl_arena *a)
{
	return (struct fl_mark){ a->head, a->used };
}

void fl_arena_rewind(struct fl_arena *a, struct fl_mark m)
{
	while (a->head != m.head) {
		struct fl_chunk *c = a->head;

		a->head = c->next;
		a->total -= c->size;
		free(c->data);
		free(c);
	}
	a->used = m.used;
}

void fl_arena_release(struct fl_arena *a)
{
	fl_arena_rewind(a, (struct fl_mark){ NULL, 0 });
}
