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
	char hash[FL_HASH_TEXT];	/* empty: not asked for yet */
	char crc[FL_BASE_CRC];
};
static struct known *known;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The file's entry, a new one where there is none; NULL: out of memory. Under the lock. */
static struct known *known_file(const struct stat *st)
{
	struct known *k;

	for (k = known; k && !same_file(&k->st, st); k = k->next)
		;
	if (!k && (k = calloc(1, sizeof *k))) {
		k->next = known;
		k->st = *st;
		known = k;
	}
	return k;
}

/* The checksum of the source in the form that the record asks for. */
static void checksum(const struct fl_tset *rec, int crc, char text[FL_HASH_TEXT])
{
	if (crc)
		fl_data_crc(rec, text);
	else
		fl_data_hash(rec, text);
}

static void checksum_once(const char *path, const struct fl_tset *rec, int crc,
                          char text[FL_HASH_TEXT])
{
	struct known *k = NULL;
	struct stat st;
	char *kept;

	pthread_mutex_lock(&lock);
	if (!stat(path, &st))
		k = known_file(&st);
	kept = k ? (crc ? k->crc : k->hash) : text;
	if (!k || !kept[0])
		checksum(rec, crc, kept);
	if (k)
		memcpy(text, kept, strlen(kept) + 1);
	pthread_mutex_unlock(&lock);
}

static int check_source(const struct fl_data *d, const char *path, struct fl_err *e)
{
	const char *hash = fl_meta_get(&d->rec, "fl.source_hash");
	const char *crc = fl_meta_get(&d->rec, "fl.source_crc");
	const char *want = hash ? hash : crc;
	char have[FL_HASH_TEXT];

	if (!want)
		return fl_fail(e, FL_EDATA, "fl.source_hash is missing");
	checksum_once(path, &d->source, !hash, have);
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
	return check_source(d, path, e);
}
