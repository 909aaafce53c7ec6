/* Checked allocation, and arenas for what lives one round or one record. */
#ifndef FL_BASE_MEM_H
#define FL_BASE_MEM_H

#include <stddef.h>

#include "base/err.h"

#define FL_ALIGN 64	/* of every block from an arena or fl_alloc: a cache line */

/* Once, at the start of a program that uses a few large vectors for a short
 * time: the heap keeps what is freed, and lies on huge pages where the kernel
 * gives them. Without it, page faults are most of the time of a small client. */
void fl_heap_prepare(void);

/* n*size bytes, aligned to FL_ALIGN, zeroed. NULL and *e on overflow or
 * lack of memory. The caller frees with free(). */
void *fl_alloc(size_t n, size_t size, struct fl_err *e);

/* Grows *p (from malloc/realloc, or NULL) to hold at least want items of
 * size bytes; *cap counts items. Contents stay; new room is not zeroed. */
int fl_grow(void *p, size_t *cap, size_t want, size_t size, struct fl_err *e);

struct fl_chunk;

/* Zero-initialised is empty and valid. Not thread-safe. */
struct fl_arena {
	struct fl_chunk *head;
	size_t used;	/* bytes used in head */
	size_t total;	/* bytes in all chunks */
};

struct fl_mark {
	struct fl_chunk *head;
	size_t used;
};

/* n*size bytes, aligned to FL_ALIGN, NOT zeroed; lives until the arena is
 * rewound or released. */
void *fl_arena_get(struct fl_arena *a, size_t n, size_t size, struct fl_err *e);
void *fl_arena_zero(struct fl_arena *a, size_t n, size_t size, struct fl_err *e);
char *fl_arena_str(struct fl_arena *a, const char *s, struct fl_err *e);
char *fl_arena_mem(struct fl_arena *a, const void *s, size_t n, struct fl_err *e); /* adds NUL */
char *fl_arena_fmt(struct fl_arena *a, struct fl_err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct fl_mark fl_arena_mark(const struct fl_arena *a);
void fl_arena_rewind(struct fl_arena *a, struct fl_mark m);
void fl_arena_release(struct fl_arena *a);

#endif
