/* What methods of any family read beside the model: the records of --with. A method lists
 * what it wants; a record is known by its kind and by the name in its fl.method. */
#ifndef FL_FED_WITH_H
#define FL_FED_WITH_H

#include "base/param.h"
#include "data/names.h"
#include "tensor/meta.h"

enum {
	FL_WANT_OPTIONAL = 1,	/* the method does without, too */
	FL_WANT_MANY = 2	/* all records of that kind, one of each client, not pooled */
};

/* A list of these ends with one whose kind is FL_KIND_NONE. */
struct fl_want {
	enum fl_kind kind;
	const char *method;	/* fl.method is a spec of that name; NULL: of any, or none */
	unsigned flags;
	const char *from;	/* the command that makes it, for messages; NULL: as statistics are made */
};

/* One argument of --with. */
struct fl_with_file {
	const char *path;
	int operand;		/* among the operands, not by --with */
	int folder;		/* a record a client, NNNN.safetensors or NNNN.sts, read when asked for */
	struct fl_tset **rec;	/* (n) of a file, in its order; of a folder, what was read so far */
	int64_t *client;	/* (n) whose each is; -1: nobody's */
	size_t n, cap, idcap;
};

/* All zero is none. Thread-safe after open. */
struct fl_with {
	struct fl_with_file *file;	/* (n) */
	size_t n, cap;
	void *lock;
};

/* Reads the files; folders are read a client at a time. */
int fl_with_open(struct fl_with *w, const struct fl_strs *paths, struct fl_err *e);
/* A record that stood among the operands, in the file path (which must outlive w), as if it
 * had been given by --with. After open, before anything is asked for. */
int fl_with_add(struct fl_with *w, const char *path, const struct fl_tset *rec, struct fl_err *e);
void fl_with_release(struct fl_with *w);

/* What the records in files say of classes' names. */
int fl_with_accord(const struct fl_with *w, struct fl_accord *a, struct fl_err *e);
/* That each argument holds something wanted, and what is not optional is there. who:
 * "method fedproto". FL_EUSAGE, with the command that makes it. */
int fl_with_check(const struct fl_with *w, const struct fl_want *want, const char *who,
                  struct fl_err *e);
/* The record of that want; where a file holds several, or it is a folder, the client's own.
 * 1: *rec is set and lives as long as w; 0: none is there, which is FL_EUSAGE (-1) unless it is
 * optional. FL_EDATA where others are there, but not this client's. */
int fl_with_one(const struct fl_with *w, const struct fl_want *want, int64_t client,
                const char *who, const struct fl_tset **rec, struct fl_err *e);
/* All records of a FL_WANT_MANY in files, by ascending client: (*n) in a. FL_EDATA where a
 * client is there twice or fl.client is missing. */
const struct fl_tset **fl_with_all(const struct fl_with *w, const struct fl_want *want,
                                   const char *who, struct fl_arena *a, size_t *n,
                                   struct fl_err *e);

#endif
