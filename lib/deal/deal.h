/* A data set dealt out to clients: which example is whose, what is held out of training, and
 * the record of each client, in folders or in a stream. */
#ifndef FL_DEAL_DEAL_H
#define FL_DEAL_DEAL_H

#include "base/dir.h"
#include "data/data.h"
#include "part/lists.h"

enum fl_leaks { FL_LEAKS_WARN, FL_LEAKS_REFUSE, FL_LEAKS_ALLOW };
extern const char *const fl_leaks_name[];	/* by the above, NULL-terminated */

struct fl_deal_how {
	const struct fl_spec *by;	/* its parameters are completed from the data */
	const struct fl_spec *shift;	/* entry NULL: none */
	int64_t clients, first, seed;	/* clients FL_UNSET: what the data ask for */
	double frac;			/* held out of every client's examples; NAN: nothing */
	int groups;			/* whole groups are held out */
	enum fl_leaks leaks;		/* what to do of groups on both sides */
	int index;			/* rows of a source in place of copies */
	int threads;
	/* Adds to a record what the caller says of it. Thread-safe; NULL: nothing. */
	int (*sign)(void *ctx, struct fl_tset *rec, struct fl_err *e);
	void *ctx;
};

struct fl_deal {
	struct fl_deal_how how;
	struct fl_data *data;
	struct fl_part split;
	struct fl_lists kept, test;	/* all or those to train on; those held out */
	unsigned char *held;		/* (N) 1: held out; NULL: nothing is */
	const char **name;		/* (K) of the group that a client's examples are of, or NULL;
					 * NULL: groups have no names */
	const char *source;		/* index: absolute name of the source; NULL: not known yet */
	char hash[FL_HASH_TEXT];	/* of the source's buffer */
	struct fl_arena *arena;
};

/* Deals the examples of data, which are settled (data.h) by what is trained on. What is found
 * is in a, and data must outlive d. FL_EDATA where the scheme cannot be met, or groups leak and
 * that is refused. Sets neither source nor hash. */
int fl_deal_out(struct fl_deal *d, const struct fl_deal_how *how, struct fl_data *data,
                struct fl_arena *a, struct fl_err *e);
/* One of the lists as records of a folder, with partition.json, not published yet: dir is then
 * for fl_dir_commit(), and released on failure. With index the first folder gets the source,
 * where it is not known. A client without examples has no file. */
int fl_deal_folder(struct fl_deal *d, const struct fl_lists *l, const char *path,
                   struct fl_dir *dir, struct fl_err *e);
/* The same as a stream with its end record into o. With index the source is known, and named
 * from the working folder. */
int fl_deal_stream(struct fl_deal *d, const struct fl_lists *l, struct fl_out *o,
                   struct fl_err *e);

#endif
