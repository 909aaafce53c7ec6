/* An unlinked file in $TMPDIR for what cannot be kept in place: records from
 * pipes, of which a rule needs all at once. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"
#include "fed/agg/collect_int.h"

/* Appends n bytes; *at is where they are, aligned as arena blocks are. */
int fl_spool_add(struct fl_spool *s, const void *p, size_t n, size_t *at, struct fl_err *e)
{
	static const char zero[FL_ALIGN];
	size_t pad = (FL_ALIGN - s->size % FL_ALIGN) % FL_ALIGN;

	if (s->fd < 0 && (s->fd = fl_open_spool("updates", e)) < 0)
		return -1;
	*at = s->size + pad;
	if (fl_write_full(s->fd, zero, pad, e) || fl_write_full(s->fd, p, n, e))
		return fl_fail_in(e, "TMPDIR");
	s->size = *at + n;
	return 0;
}

int fl_spool_map(struct fl_spool *s, struct fl_err *e)
{
	if (!s->size)
		return 0;
	s->map = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, s->fd, 0);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		return fl_fail(e, FL_EIO, "TMPDIR: cannot map %zu bytes: %s", s->size,
		               strerror(errno));
	}
	return 0;
}

void fl_spool_release(struct fl_spool *s)
{
	if (s->map)
		munmap(s->map, s->size);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct fl_spool){ .fd = -1 };
}
