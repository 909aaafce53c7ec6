/* Writing a record by pieces. */
#include "tensor/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tensor/st.h"

#define COPY ((size_t)1 << 20)

int fl_pieces_begin(struct fl_pieces *p, struct fl_out *out, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_str header = FL_STR_INIT;
	int rc = fl_st_header(rec, &header, e);

	*p = (struct fl_pieces){ .out = out, .rec = rec, .fd = -1, .spooled = !out->tmp };
	if (!rc)
		rc = fl_out_write(out, header.s, header.len, e);
	fl_str_release(&header);
	for (size_t i = 0; i < rec->nt; i++)
		p->size += rec->t[i].bytes;
	if (rc)
		return -1;
	if (p->spooled)
		return (p->fd = fl_open_spool("embeddings", e)) < 0 ? -1 : 0;
	p->fd = out->fd;
	p->base = (size_t)out->written;
	return fl_out_flush(out, e);
}

int fl_pieces_put(struct fl_pieces *p, const char *name, size_t i0, size_t n, const void *data,
                  struct fl_err *e)
{
	const struct fl_tensor *want = fl_tset_find(p->rec, name), *t = p->rec->t;
	size_t at = p->base, size = fl_dtype_size(want->dtype);

	for (; t != want; t++)
		at += t->bytes;
	if (fl_write_at(p->fd, data, n * size, at + i0 * size, e))
		return fl_fail_in(e, "%s", p->spooled ? "TMPDIR" : p->out->path);
	return 0;
}

/* What was spooled, to where it is due. */
static int copy(struct fl_pieces *p, struct fl_err *e)
{
	char *buf = fl_alloc(COPY, 1, e);
	int rc = buf ? 0 : -1;

	if (!rc && lseek(p->fd, 0, SEEK_SET))
		rc = fl_fail(e, FL_EIO, "TMPDIR: %s", strerror(errno));
	for (size_t at = 0, n; !rc && at < p->size; at += n) {
		n = p->size - at < COPY ? p->size - at : COPY;
		if (fl_read_full(p->fd, buf, n, e) != (ssize_t)n)
			rc = fl_fail(e, FL_EIO, "TMPDIR: spooled bytes are gone");
		else
			rc = fl_out_write(p->out, buf, n, e);
	}
	free(buf);
	return rc;
}

int fl_pieces_end(struct fl_pieces *p, struct fl_err *e)
{
	int rc = 0;

	if (p->spooled) {
		rc = copy(p, e);
	} else {
		p->out->written += p->size;
		if (lseek(p->fd, (off_t)(p->base + p->size), SEEK_SET) < 0)
			rc = fl_fail(e, FL_EIO, "%s: %s", p->out->path, strerror(errno));
	}
	fl_pieces_release(p);
	return rc;
}

void fl_pieces_release(struct fl_pieces *p)
{
	if (p->spooled && p->fd >= 0)
		close(p->fd);
	*p = (struct fl_pieces){ .fd = -1 };
}
