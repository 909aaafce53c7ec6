/* The index form of a data record: opens the record it points to and checks that
 * it is still the same. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/data.h"
#include "data/source.h"

/* Checksums of the files this process has read, because all clients of a
 * partition name the same large source. A file that changes has another key. */
struct known {
	struct known *next;
	struct stat st;
	uint32_t crc;
};
static struct known *known;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static uint32_t crc_of(const char *path, const struct fl_tset *rec)
{
	struct known *k;
	struct stat st;
	uint32_t crc;

	if (stat(path, &st))
		return fl_data_crc(rec);
	pthread_mutex_lock(&lock);
	for (k = known; k && !same_file(&k->st, &st); k = k->next)
		;
	crc = k ? k->crc : fl_data_crc(rec);
	if (!k && (k = malloc(sizeof *k))) {
		*k = (struct known){ known, st, crc };
		known = k;
	}
	pthread_mutex_unlock(&lock);
	return crc;
}

static int check_crc(const struct fl_data *d, const char *path, struct fl_err *e)
{
	const char *want = fl_meta_get(&d->rec, "fl.source_crc");
	char have[9];

	if (!want)
		return fl_fail(e, FL_EDATA, "fl.source_crc is missing");
	snprintf(have, sizeof have, "%08" PRIx32, crc_of(path, &d->source));
	if (strcmp(have, want))
		return fl_fail(e, FL_EDATA, "fl.source %s has checksum %s, not %s: "
		               "it is not the file this record was made from", path, have, want);
	return 0;
}

int fl_data_follow(struct fl_data *d, const char *dir, struct fl_err *e)
{
	const char *source = fl_meta_get(&d->rec, "fl.source");
	char *path;
	int rc;

	if (!source)
		return fl_fail(e, FL_EDATA, "has 'index' but neither 'x' nor fl.source");
	if (source[0] == '/' || !source[0])
		return fl_fail(e, FL_EDATA, "fl.source '%s' must be a path relative to the record",
		               source);
	path = fl_arena_fmt(&d->arena, e, "%s/%s", dir ? dir : ".", source);
	if (!path || !(d->keep_source = fl_stream_open(path, e)))
		return -1;
	if ((rc = fl_stream_next(d->keep_source, &d->source, e)) <= 0)
		return rc ? -1 : fl_fail(e, FL_EDATA, "%s: holds no record", path);
	return check_crc(d, path, e);
}
