/* Records end to end, from a mapping, bytes in memory or a descriptor, plain or
 * gzip. Knows the end record, and no other kind. */
#define _GNU_SOURCE
#include "tensor/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/num.h"
#include "tensor/guess.h"
#include "tensor/meta.h"
#include "tensor/st.h"

#define LENGTH 8u			/* bytes that say how long the header is */
#define CHUNK ((size_t)64 << 10)	/* of reading; buffers begin with it */
#define WINDOW ((size_t)4 << 10)	/* of a file whose data stay apart: room for a header */
#define PIPE_ROOM (1 << 20)		/* so that producer and consumer seldom wait for each other */
#define POPULATE_MIN ((size_t)64 << 10)
#define POPULATE_MAX ((size_t)64 << 20)
#define ZCHUNK ((size_t)1 << 30)	/* what zlib's 32-bit counts surely hold */

/* What becomes of a plain file: mapped, and open too as long as there are few; left
 * where it is; mapped and closed. */
enum way { MAP, APART, MAP_ONLY };

struct buf {
	unsigned char *p;
	size_t cap;
};

struct fl_stream {
	char *name;
	int fd;				/* read from, or -1 */
	int file;			/* mapped, or 0 */
	void *map;
	size_t maplen;			/* of the file, also where it is not mapped */
	int apart;			/* data stay in the file */
	unsigned long long buffer;	/* where those of the last record begin */
	unsigned long long window;	/* where in the file inbuf is from, nin bytes */
	const unsigned char *in;	/* (nin) raw bytes at hand */
	size_t nin;
	struct buf inbuf;		/* where in points, if fd is read */
	int gzip, member;		/* member: inside one */
	unsigned long long members;	/* finished ones */
	z_stream z;
	struct buf header, data;
	unsigned long long pos;		/* in the stream, after gzip */
	unsigned long long offset, count, since;	/* since the last end record */
	int ended, scan;
};

/* Plain bytes in memory or mapped: records are views of them. */
static int is_view(const struct fl_stream *s)
{
	return s->fd < 0 && !s->gzip;
}

/* One read, so that a slow producer's record is seen before the buffer is full. */
static int refill(struct fl_stream *s, struct fl_err *e)
{
	ssize_t r;

	if (s->nin || s->fd < 0)
		return 0;
	if (fl_grow(&s->inbuf.p, &s->inbuf.cap, CHUNK, 1, e))
		return -1;
	do {
		r = read(s->fd, s->inbuf.p, CHUNK);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return fl_fail(e, FL_EIO, "read: %s", strerror(errno));
	s->in = s->inbuf.p;
	s->nin = (size_t)r;
	return 0;
}

static int gzip_fault(const struct fl_stream *s, int rc, struct fl_err *e)
{
	if (rc == Z_MEM_ERROR)
		return fl_fail_mem(e, CHUNK);
	if (!s->z.total_out && s->members && rc == Z_DATA_ERROR)
		return fl_fail(e, FL_EDATA, "gzip: bytes follow the compressed data (%s)",
		               s->z.msg ? s->z.msg : "malformed");
	return fl_fail(e, FL_EDATA, "gzip: %s", s->z.msg ? s->z.msg : "malformed data");
}

/* Up to n bytes; short at the end of input, which must not be inside a member. */
static int take_gzip(struct fl_stream *s, unsigned char *p, size_t n, size_t *got, struct fl_err *e)
{
	while (*got < n) {
		size_t in, out = n - *got < ZCHUNK ? n - *got : ZCHUNK;
		int rc;

		if (refill(s, e))
			return -1;
		if (!s->nin && s->member)
			return fl_fail(e, FL_EDATA, "gzip: truncated");
		if (!s->nin)
			return 0;
		if (!s->member && inflateReset(&s->z) != Z_OK)
			return fl_fail(e, FL_EIO, "gzip: cannot start");
		in = s->nin < ZCHUNK ? s->nin : ZCHUNK;
		s->member = 1;
		s->z.next_in = (z_const Bytef *)s->in;
		s->z.avail_in = (uInt)in;
		s->z.next_out = p + *got;
		s->z.avail_out = (uInt)out;
		rc = inflate(&s->z, Z_NO_FLUSH);
		s->in += in - s->z.avail_in;
		s->nin -= in - s->z.avail_in;
		*got += out - s->z.avail_out;
		if (rc == Z_STREAM_END) {
			s->member = 0;
			s->members++;
		} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
			return gzip_fault(s, rc, e);
		}
	}
	return 0;
}

static int take_plain(struct fl_stream *s, unsigned char *p, size_t n, size_t *got, struct fl_err *e)
{
	size_t have = s->nin < n ? s->nin : n;
	ssize_t r = 0;

	if (have)
		memcpy(p, s->in, have);
	s->in += have;
	s->nin -= have;
	if (s->fd >= 0 && have < n && (r = fl_read_full(s->fd, p + have, n - have, e)) < 0)
		return -1;
	*got = have + (size_t)r;
	return 0;
}

static int read_at(struct fl_stream *s, void *p, size_t n, unsigned long long at, size_t *got,
                   struct fl_err *e)
{
	ssize_t r = fl_pread_full(s->fd, p, n, at, e);

	*got = r < 0 ? 0 : (size_t)r;
	return r < 0 ? -1 : 0;
}

/* Headers are short: one call reads all of most. */
static int take_apart(struct fl_stream *s, unsigned char *p, size_t n, size_t *got, struct fl_err *e)
{
	unsigned long long skip = s->pos - s->window;

	if (n > WINDOW)
		return read_at(s, p, n, s->pos, got, e);
	if (s->pos < s->window || skip + n > s->nin) {
		if (fl_grow(&s->inbuf.p, &s->inbuf.cap, WINDOW, 1, e) ||
		    read_at(s, s->inbuf.p, WINDOW, s->pos, &s->nin, e))
			return -1;
		s->window = s->pos;
		skip = 0;
	}
	*got = s->nin < n ? s->nin : n;
	memcpy(p, s->inbuf.p + skip, *got);
	return 0;
}

/* *got = n, or less at the end of input. */
static int take(struct fl_stream *s, void *p, size_t n, size_t *got, struct fl_err *e)
{
	*got = 0;
	if (s->apart ? take_apart(s, p, n, got, e) :
	    s->gzip ? take_gzip(s, p, n, got, e) : take_plain(s, p, n, got, e))
		return -1;
	s->pos += *got;
	return 0;
}

/* The same into b, which grows with what has arrived, not with what is promised. */
static int take_growing(struct fl_stream *s, struct buf *b, size_t n, size_t *got, struct fl_err *e)
{
	size_t step, r;

	for (*got = 0; *got < n; *got += r) {
		step = *got < CHUNK ? CHUNK : *got;
		if (step > n - *got)
			step = n - *got;
		if (fl_grow(&b->p, &b->cap, *got + step, 1, e) ||
		    take(s, b->p + *got, step, &r, e))
			return -1;
		if (r < step) {
			*got += r;
			return 0;
		}
	}
	return 0;
}

/* Passes over n bytes. */
static int pass(struct fl_stream *s, size_t n, size_t *got, struct fl_err *e)
{
	size_t step, r;

	if (s->apart) {
		*got = s->pos >= s->maplen ? 0 : n < s->maplen - s->pos ? n : (size_t)(s->maplen - s->pos);
		s->pos += *got;
		return 0;
	}
	if (fl_grow(&s->data.p, &s->data.cap, CHUNK, 1, e))
		return -1;
	for (*got = 0; *got < n; *got += r) {
		step = n - *got < CHUNK ? n - *got : CHUNK;
		if (take(s, s->data.p, step, &r, e))
			return -1;
		if (r < step) {
			*got += r;
			return 0;
		}
	}
	return 0;
}

/* *p = n bytes that are there until the next record, of which keep = 0 says that
 * nobody looks at them; what names them if they are not all there. */
static int need(struct fl_stream *s, struct buf *b, size_t n, int keep, const char *what,
                unsigned char **p, struct fl_err *e)
{
	size_t got;

	if (is_view(s)) {
		/* Views are of read-only bytes; tensors have no const data. */
		*p = (unsigned char *)(uintptr_t)s->in;
		got = n < s->nin ? n : s->nin;
		s->in += got;
		s->nin -= got;
		s->pos += got;
	} else {
		if (keep ? take_growing(s, b, n, &got, e) : pass(s, n, &got, e))
			return -1;
		*p = b->p;
	}
	if (got < n)
		return fl_fail(e, FL_EDATA, "truncated: %zu of %zu bytes of the %s", got, n, what);
	return 0;
}

static int is_gzip(const unsigned char *p, size_t n)
{
	/* A header of 35615 bytes begins like gzip, whose byte 8 is never '{'. */
	return n >= 2 && p[0] == 0x1f && p[1] == 0x8b && !(n > LENGTH && p[LENGTH] == '{');
}

static int begin(struct fl_stream *s, struct fl_err *e);

/* Looks at the first bytes, which are still there; what is compressed is read. */
static int begin_apart(struct fl_stream *s, struct fl_err *e)
{
	unsigned char first[LENGTH + 1];
	size_t n;

	if (take_apart(s, first, sizeof first, &n, e))
		return -1;
	if (!is_gzip(first, n))
		return 0;
	s->apart = 0;
	s->nin = 0;
	return begin(s, e);
}

/* Looks at the first bytes; they stay in s->in. */
static int begin(struct fl_stream *s, struct fl_err *e)
{
	ssize_t r;

	if (s->apart)
		return begin_apart(s, e);
	if (s->fd >= 0) {
		if (fl_grow(&s->inbuf.p, &s->inbuf.cap, CHUNK, 1, e))
			return -1;
		if ((r = fl_read_full(s->fd, s->inbuf.p, LENGTH + 1, e)) < 0)
			return -1;
		s->in = s->inbuf.p;
		s->nin = (size_t)r;
	}
	if (!is_gzip(s->in, s->nin))
		return 0;
	if (inflateInit2(&s->z, 16 + MAX_WBITS) != Z_OK)
		return fl_fail_mem(e, CHUNK);
	s->gzip = 1;
	return 0;
}

/* Maps what is left of a regular file. Empty ones are read: those of /proc say
 * that they are empty. */
static void try_map(struct fl_stream *s, enum way way)
{
	struct stat st;
	off_t at;

	if (fstat(s->fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    (at = lseek(s->fd, 0, SEEK_CUR)) < 0 || at > st.st_size)
		return;
	if (way == APART && s->fd != STDIN_FILENO) {
		s->apart = 1;
		s->maplen = (size_t)st.st_size;
		return;
	}
	s->map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, s->fd, 0);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		return;
	}
	s->maplen = (size_t)st.st_size;
	s->in = (const unsigned char *)s->map + at;
	s->nin = (size_t)(st.st_size - at);
	if (s->fd != STDIN_FILENO && way == MAP && s->fd < FL_FD_KEEP)
		s->file = s->fd;
	else if (s->fd != STDIN_FILENO)
		close(s->fd);
	s->fd = -1;
}

static const char *display(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

static struct fl_stream *new_stream(const char *name, struct fl_err *e)
{
	struct fl_stream *s = calloc(1, sizeof *s);

	if (!s || !(s->name = strdup(name))) {
		free(s);
		fl_fail_mem(e, sizeof *s);
		return NULL;
	}
	s->fd = -1;
	return s;
}

static int check_folder(const char *path, int fd, struct fl_err *e)
{
	struct stat st;
	size_t n = strlen(path);

	if (fstat(fd, &st) || !S_ISDIR(st.st_mode))
		return 0;
	return fl_fail(e, FL_EIO, "%s: is a folder; %s%s*.safetensors are the records in it", path, path,
	               n && path[n - 1] == '/' ? "" : "/");
}

static struct fl_stream *open_stream(const char *path, enum way way, struct fl_err *e)
{
	struct fl_stream *s = new_stream(display(path), e);
	int std = !strcmp(path, "-");

	if (!s)
		return NULL;
	if (std && isatty(STDIN_FILENO)) {
		fl_fail(e, FL_EUSAGE, "%s is a terminal", s->name);
		goto fail;
	}
	s->fd = std ? STDIN_FILENO : fl_open(path, O_RDONLY);
	if (s->fd < 0) {
		fl_fail(e, FL_EIO, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (check_folder(path, s->fd, e))
		goto fail;
	try_map(s, way);
#ifdef F_SETPIPE_SZ
	if (s->fd >= 0 && !s->apart)		/* fails where it is no pipe: all the same */
		fcntl(s->fd, F_SETPIPE_SZ, PIPE_ROOM);
#endif
	if (!begin(s, e))
		return s;
	fl_fail_in(e, "%s", s->name);
fail:
	fl_stream_close(s);
	return NULL;
}

struct fl_stream *fl_stream_open(const char *path, struct fl_err *e)
{
	return open_stream(path, MAP, e);
}

struct fl_stream *fl_stream_open_apart(const char *path, struct fl_err *e)
{
	return open_stream(path, APART, e);
}

struct fl_stream *fl_stream_mem(const void *p, size_t n, const char *name, struct fl_err *e)
{
	struct fl_stream *s = new_stream(name, e);

	if (!s)
		return NULL;
	s->in = p;
	s->nin = n;
	if (!begin(s, e))
		return s;
	fl_fail_in(e, "%s", s->name);
	fl_stream_close(s);
	return NULL;
}

void fl_stream_close(struct fl_stream *s)
{
	if (!s)
		return;
	if (s->gzip)
		inflateEnd(&s->z);
	if (s->map)
		munmap(s->map, s->maplen);
	if (s->fd > STDIN_FILENO)
		close(s->fd);
	if (s->file)
		close(s->file);
	free(s->inbuf.p);
	free(s->header.p);
	free(s->data.p);
	free(s->name);
	free(s);
}

void fl_stream_scan(struct fl_stream *s)
{
	s->scan = 1;
}

/* Records of any length follow each other, so a tensor may lie anywhere; one
 * that is not aligned gets its own copy. */
static int align(struct fl_tset *rec, struct fl_err *e)
{
	size_t i;

	for (i = 0; i < rec->nt; i++) {
		struct fl_tensor *t = &rec->t[i];
		void *copy;

		if ((uintptr_t)t->data % fl_dtype_size(t->dtype) == 0)
			continue;
		if (!(copy = fl_arena_get(&rec->arena, t->bytes, 1, e)))
			return -1;
		t->data = memcpy(copy, t->data, t->bytes);
	}
	return 0;
}

static size_t get_length(const unsigned char p[LENGTH])
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < LENGTH; i++)
		n |= (uint64_t)p[i] << 8 * i;
	return (size_t)n;
}

/* Maps the pages of a record that is about to be read at once instead of a fault
 * at a time. Larger ones may be meant to be looked at here and there. */
static void populate(const struct fl_stream *s, unsigned char *p, size_t n)
{
#ifdef MADV_POPULATE_READ
	size_t page = (size_t)sysconf(_SC_PAGESIZE), lead = (uintptr_t)p & (page - 1);

	if (s->map && n >= POPULATE_MIN && n <= POPULATE_MAX)
		madvise(p - lead, n + lead, MADV_POPULATE_READ);
#else
	(void)s, (void)p, (void)n;
#endif
}

/* What begins with len(got) is no record; the first bytes of a file may tell what it is. */
static int no_record(struct fl_stream *s, const unsigned char *len, size_t got, struct fl_err *e)
{
	int far = !s->offset && (got < LENGTH || get_length(len) > FL_ST_HEADER_MAX);
	unsigned char head[FL_GUESS_BYTES];
	const char *what = NULL;
	size_t more = 0;

	memcpy(head, len, got);
	if (got == LENGTH && take(s, head + got, sizeof head - got, &more, e))
		return -1;
	if (far && (what = fl_guess_file(head, got + more)))
		return fl_fail(e, FL_EDATA, "%s", what);
	return got < LENGTH ?
	       fl_fail(e, FL_EDATA, "truncated: %zu of %u bytes of the header's length", got, LENGTH) :
	       fl_fail(e, FL_EDATA, "header of %zu bytes, limit %u%s", get_length(len), FL_ST_HEADER_DEF,
	               far ? " (is this a record?)" : "");
}

/* One record of any kind: 1, 0 at the end of input, or -1. */
static int read_record(struct fl_stream *s, struct fl_tset *rec, struct fl_err *e)
{
	unsigned char len[LENGTH], *p;
	size_t got, n, buffer;

	if (take(s, len, LENGTH, &got, e))
		return -1;
	if (!got)
		return 0;
	if (got < LENGTH || (n = get_length(len)) > FL_ST_HEADER_DEF)
		return no_record(s, len, got, e);
	if (need(s, &s->header, n, 1, "header", &p, e) ||
	    fl_st_parse(rec, (const char *)p, n, &buffer, e) ||
	    (s->buffer = s->pos, need(s, &s->data, buffer, !s->scan && !s->apart, "buffer", &p, e)))
		return -1;
	if (s->scan || s->apart)
		return 1;
	populate(s, p, buffer);
	fl_st_bind(rec, p);
	return align(rec, e) ? -1 : 1;
}

static int is_end(const struct fl_tset *rec)
{
	const char *kind = fl_meta_get(rec, "fl.kind");

	return kind && !strcmp(kind, "end");
}

static int check_end(struct fl_stream *s, const struct fl_tset *rec, struct fl_err *e)
{
	int64_t count;

	if (rec->nt)
		return fl_fail(e, FL_EDATA, "an end record with %zu tensors", rec->nt);
	if (fl_meta_need_i64(rec, "fl.count", &count, e) < 0)
		return fl_fail_in(e, "end record");
	if ((uint64_t)count != s->since)
		return fl_fail(e, FL_EDATA, "end record: fl.count is %lld, but %llu records came before",
		               (long long)count, s->since);
	s->since = 0;
	s->ended = 1;
	return 0;
}

int fl_stream_next(struct fl_stream *s, struct fl_tset *rec, struct fl_err *e)
{
	int rc;

	for (;;) {
		fl_tset_release(rec);
		s->offset = s->pos;
		if ((rc = read_record(s, rec, e)) <= 0)
			break;
		if (!is_end(rec)) {
			s->count++;
			s->since++;
			s->ended = 0;
			return 1;
		}
		if ((rc = check_end(s, rec, e)))
			break;
	}
	fl_tset_release(rec);
	return rc ? fl_fail_in(e, "%s: record %llu at byte %llu", s->name, s->count + 1, s->offset) : 0;
}

int fl_stream_mapped(const struct fl_stream *s)
{
	return is_view(s) || s->apart;
}

int fl_stream_apart(const struct fl_stream *s, unsigned long long *at)
{
	*at = s->buffer;
	return s->apart ? s->fd : -1;
}

int fl_stream_bind(struct fl_stream *s, unsigned long long at, struct fl_tset *rec, struct fl_err *e)
{
	unsigned char *p;
	size_t n = 0;

	if (!s->apart)
		return 0;
	if (!s->map && (s->map = mmap(NULL, s->maplen, PROT_READ, MAP_PRIVATE, s->fd, 0)) == MAP_FAILED) {
		s->map = NULL;
		return fl_fail(e, FL_EIO, "%s: cannot map %zu bytes: %s", s->name, s->maplen,
		               strerror(errno));
	}
	for (size_t i = 0; i < rec->nt; i++)
		n += rec->t[i].bytes;
	p = (unsigned char *)s->map + at;
	populate(s, p, n);
	fl_st_bind(rec, p);
	return align(rec, e);
}

int fl_stream_maps(const struct fl_stream *s, const void *p)
{
	const char *lo = s->map;

	return lo && (const char *)p >= lo && (const char *)p < lo + s->maplen;
}

int fl_stream_file(const struct fl_stream *s, const void *p, size_t *at)
{
	if (!s->file || !fl_stream_maps(s, p))
		return 0;
	*at = (size_t)((const char *)p - (const char *)s->map);
	return s->file;
}

int fl_stream_ended(const struct fl_stream *s)
{
	return s->ended;
}

unsigned long long fl_stream_count(const struct fl_stream *s)
{
	return s->count;
}

unsigned long long fl_stream_offset(const struct fl_stream *s)
{
	return s->offset;
}

const char *fl_stream_name(const struct fl_stream *s)
{
	return s->name;
}

/* --- all inputs of a tool --- */

static const char *input_path(const struct fl_inputs *in, size_t i)
{
	return in->n ? in->path[i] : "-";
}

static size_t input_count(const struct fl_inputs *in)
{
	return in->n ? in->n : 1;
}

static int check_paths(const struct fl_inputs *in, struct fl_err *e)
{
	size_t i, std = 0;

	for (i = 0; i < in->n; i++)
		std += !strcmp(in->path[i], "-");
	if (std > 1)
		return fl_fail(e, FL_EUSAGE, "standard input is given %zu times", std);
	return 0;
}

static int open_next(struct fl_inputs *in, struct fl_err *e)
{
	enum way way;

	if (!in->next && check_paths(in, e))
		return -1;
	/* The one before is kept once this one is open. */
	way = !in->apart ? MAP : in->nkept <= in->apart ? APART : MAP_ONLY;
	if (!(in->cur = open_stream(input_path(in, in->next), way, e)))
		return -1;
	if (in->scan)
		fl_stream_scan(in->cur);
	in->next++;
	return 0;
}

static int close_current(struct fl_inputs *in, struct fl_err *e)
{
	if (in->keep && fl_stream_mapped(in->cur)) {
		if (fl_grow(&in->kept, &in->keptcap, in->nkept + 1, sizeof(struct fl_stream *), e))
			return -1;
		in->kept[in->nkept++] = in->cur;
	} else {
		fl_stream_close(in->cur);
	}
	in->cur = NULL;
	return 0;
}

static int finish_current(struct fl_inputs *in, struct fl_err *e)
{
	int std = !strcmp(input_path(in, in->next - 1), "-");

	if (in->expect >= 0 || fl_stream_ended(in->cur))
		return close_current(in, e);
	if (std)
		return fl_fail(e, FL_EDATA, "%s: ends after %llu records without an end record "
		               "(did its producer die? -n says how many to expect)",
		               fl_stream_name(in->cur), fl_stream_count(in->cur));
	/* A file without bytes was never written; a stream of no records has an end. */
	if (!in->allow_empty && !fl_stream_count(in->cur))
		return fl_fail(e, FL_EDATA, "%s: no record", fl_stream_name(in->cur));
	return close_current(in, e);
}

static int check_counts(const struct fl_inputs *in, struct fl_err *e)
{
	if (in->expect >= 0 && in->count != (unsigned long long)in->expect)
		return fl_fail(e, FL_EDATA, "%llu records, %lld expected", in->count, in->expect);
	if (!in->count && !in->allow_empty && in->expect)
		return fl_fail(e, FL_EDATA, "%s: no record",
		               in->n > 1 ? "all inputs" : fl_inputs_name(in));
	return 0;
}

int fl_inputs_next(struct fl_inputs *in, struct fl_tset *rec, struct fl_err *e)
{
	int rc;

	for (;;) {
		if (!in->cur) {
			if (in->next == input_count(in))
				return check_counts(in, e);
			if (open_next(in, e))
				return -1;
		}
		if ((rc = fl_stream_next(in->cur, rec, e)) < 0)
			return -1;
		if (rc) {
			in->count++;
			if (in->expect < 0 || in->count <= (unsigned long long)in->expect)
				return 1;
			fl_tset_release(rec);
			return fl_fail(e, FL_EDATA, "%s: more than the %lld records expected",
			               fl_stream_name(in->cur), in->expect);
		}
		if (finish_current(in, e))
			return -1;
	}
}

const char *fl_inputs_name(const struct fl_inputs *in)
{
	return in->cur ? fl_stream_name(in->cur) :
	       display(input_path(in, in->next ? in->next - 1 : 0));
}

void fl_inputs_release(struct fl_inputs *in)
{
	size_t i;

	fl_stream_close(in->cur);
	for (i = 0; i < in->nkept; i++)
		fl_stream_close(in->kept[i]);
	free(in->kept);
	in->cur = NULL;
	in->kept = NULL;
	in->nkept = in->keptcap = 0;
}

/* --- writing --- */

int fl_stream_write(struct fl_out *o, struct fl_tset *s, struct fl_err *e)
{
	struct fl_str header = FL_STR_INIT;
	int rc = fl_st_header(s, &header, e);
	size_t i;

	if (!rc)
		rc = fl_out_write(o, header.s, header.len, e);
	for (i = 0; !rc && i < s->nt; i++)
		rc = fl_out_write(o, s->t[i].data, s->t[i].bytes, e);
	fl_str_release(&header);
	return rc;
}

int fl_stream_write_end(struct fl_out *o, unsigned long long count, struct fl_err *e)
{
	struct fl_tset s = { .t = NULL };
	int rc = -1;

	if (!fl_meta_set_kind(&s, FL_KIND_END, e) &&
	    !fl_meta_set_i64(&s, "fl.count", (int64_t)count, e))
		rc = fl_stream_write(o, &s, e);
	fl_tset_release(&s);
	return rc;
}

int fl_stream_save(const char *path, struct fl_tset *s, int sync, struct fl_err *e)
{
	struct fl_out o;

	if (fl_out_open(&o, path, sync, e))
		return -1;
	if (!fl_stream_write(&o, s, e))
		return fl_out_commit(&o, e);
	fl_out_abort(&o);
	return -1;
}

static int check_kind(const struct fl_tset *rec, int want, struct fl_err *e)
{
	enum fl_kind kind;

	if (want < 0)
		return 0;
	if (fl_meta_kind(rec, &kind, e))
		return -1;
	if ((int)kind != want)
		return fl_fail(e, FL_EDATA, "holds %s, want kind '%s'",
		               kind ? fl_kind_name(kind) : "a record without fl.kind",
		               fl_kind_name((enum fl_kind)want));
	return 0;
}

/* The only record of s, copied. */
static int load_only(struct fl_stream *s, int kind, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_tset view = { .t = NULL };
	int rc = fl_stream_next(s, &view, e);

	if (rc < 0)
		return -1;
	if (!rc)
		return fl_fail(e, FL_EDATA, "%s: holds no record", s->name);
	rc = check_kind(&view, kind, e) ? fl_fail_in(e, "%s", s->name) : fl_tset_clone(rec, &view, e);
	if (!rc && (rc = fl_stream_next(s, &view, e)) > 0)
		rc = fl_fail(e, FL_EDATA, "%s: holds more than one record", s->name);
	fl_tset_release(&view);
	return rc;
}

int fl_stream_load(const char *path, int kind, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_stream *s = fl_stream_open(path, e);
	int rc;

	*rec = (struct fl_tset){ .t = NULL };
	if (!s)
		return -1;
	rc = load_only(s, kind, rec, e);
	if (rc)
		fl_tset_release(rec);
	fl_stream_close(s);
	return rc;
}
