/* FILE#NAME: which file, which tensor of it. */
#include "data/named.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "data/npy.h"
#include "tensor/stream.h"

#define NPY_MAX ((size_t)1 << 33)

int fl_named_split(const char *source, char **path, const char **name, struct fl_err *e)
{
	char *hash;

	*name = NULL;
	if (!(*path = strdup(source)))
		return fl_fail_mem(e, strlen(source));
	if (!access(source, F_OK) || !(hash = strrchr(*path, '#')))
		return 0;
	*hash = '\0';
	/* A name may hold a '/', so may a path behind a folder's '#': the file decides. */
	if (strchr(hash + 1, '/') && access(*path, F_OK) && strcmp(*path, "-"))
		*hash = '#';
	else
		*name = hash + 1;
	return 0;
}

static int from_stream(const char *path, const char *name, struct fl_tset *out, struct fl_err *e)
{
	struct fl_tset rec = { .t = NULL }, more = { .t = NULL };
	struct fl_stream *s = fl_stream_open(path, e);
	const struct fl_tensor *t;
	int rc;

	if (!s)
		return -1;
	if ((rc = fl_stream_next(s, &rec, e)) > 0)
		rc = !(t = fl_tset_find(&rec, name)) ?
		     fl_fail(e, FL_EDATA, "%s: tensor '%s' is missing; FILE#NAME takes another", path, name) :
		     fl_tset_copy(out, NULL, t, e) ? 0 : -1;
	else if (!rc)
		rc = fl_fail(e, FL_EDATA, "%s: holds no record", path);
	fl_tset_release(&rec);
	if (!rc && (rc = fl_stream_next(s, &more, e)) > 0)
		rc = fl_fail(e, FL_EDATA, "%s: holds more than one record", path);
	fl_tset_release(&more);
	fl_stream_close(s);
	return rc;
}

/* Bytes p(n) are an .npy, or an .npz where archive is set. */
static int from_numpy(const unsigned char *p, size_t n, int archive, const char *name,
                      const char *otherwise, struct fl_tset *out, struct fl_err *e)
{
	unsigned char *member;
	size_t size;
	int rc;

	if (!archive)
		return name ? fl_fail(e, FL_EDATA, ".npy holds one array, without a name") :
		       fl_npy_parse(p, n, otherwise, out, e);
	if (!(member = fl_npz_member(p, n, name, &size, e)))
		return -1;
	rc = fl_npy_parse(member, size, name ? name : otherwise, out, e);
	free(member);
	return rc;
}

static int from_file(const char *path, const char *name, const char *otherwise,
                     struct fl_tset *out, struct fl_err *e)
{
	int archive = fl_is_npz(path), rc;
	size_t n;
	char *p;

	if (!archive && !fl_is_npy(path))
		return from_stream(path, name ? name : otherwise, out, e);
	if (!(p = fl_read_file(path, NPY_MAX, &n, e)))
		return -1;
	rc = from_numpy((unsigned char *)p, n, archive, name, otherwise, out, e);
	free(p);
	return rc ? fl_fail_in(e, "%s", path) : 0;
}

int fl_named_load(const char *source, const char *otherwise, struct fl_tset *rec,
                  struct fl_err *e)
{
	const char *name;
	char *path;
	int rc;

	if (fl_named_split(source, &path, &name, e))
		return -1;
	rc = from_file(path, name, otherwise, rec, e);
	free(path);
	return rc;
}
