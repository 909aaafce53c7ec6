/* What the server keeps from round to round, in a file of state.
 *
 *   @rows/client  I64 (n)        ascending
 *   @rows/value   F64 (n, nrow)  of rules and folds that keep rows
 *   @rows/since   I64 scalar     the first round that counted; 1 where it is missing
 *   @rows/base    U8 (n, 64)     of personal rules: fl.base of the model made for each client
 *
 * fl.method is the server's spec and, after a blank, that of a rule that keeps something;
 * fl.base is that of the one model that came with the state. */
#ifndef FL_FED_AGG_MEMORY_H
#define FL_FED_AGG_MEMORY_H

#include "fed/agg/collect.h"

enum fl_memory_begin { FL_MEMORY_GO_ON, FL_MEMORY_ANEW, FL_MEMORY_FORCE };

struct fl_memory {
	/* Set by the caller, the rest zeroed. */
	const char *path;		/* the file; NULL: none was given */
	const char *server, *rule;	/* names; rule NULL: it keeps nothing itself */
	unsigned nrow;			/* doubles kept of a client */
	int keeps;			/* whether anything is kept */
	int personal;			/* whether clients have models of their own */
	enum fl_memory_begin begin;
	const char *model;		/* name of the model's file or folder, for messages */
	int64_t round;			/* being combined */

	struct fl_tset old, next;	/* states before and after */
	struct fl_kept_rows rows;	/* views of old */
	const char *bases;		/* (rows.n, 64) of old, or NULL */
};

/* Reads the state of the rounds before. FL_EDATA where it is none of that server's and rule's,
 * where it did not lead to the model now (personal: those are checked by fl_memory_led), where
 * it is missing though the round is not the first, and where it would be begun anew in the place
 * of one that led to the model. */
int fl_memory_load(struct fl_memory *m, const struct fl_received *now, struct fl_err *e);
/* That the state of a personal rule led to that client's model. */
int fl_memory_led(const struct fl_memory *m, int64_t client, const char *base, struct fl_err *e);
/* Adds to m->next what the rule keeps of clients. base(K, 64): of the K models made, for
 * personal rules. now: by ascending client. */
int fl_memory_add(struct fl_memory *m, const struct fl_seen *now, size_t K, const char *base,
                  struct fl_err *e);
/* Publishes m->next, with fl.method spec and, not of a personal rule, fl.base. */
int fl_memory_save(struct fl_memory *m, const char *spec, const char *base, int sync,
                   struct fl_err *e);
/* "rule", "afl" or "server", "fedadam": whose state it is. */
void fl_memory_keeper(const struct fl_memory *m, const char **kind, const char **name);
void fl_memory_release(struct fl_memory *m);

/* Rows of before and of the K now, both ascending, now's in the place of earlier ones: returns
 * how many. id(n), value(n, nrow); id NULL: counts alone. */
size_t fl_rows_merge(const struct fl_kept_rows *old, unsigned nrow, const struct fl_seen *now,
                     size_t K, int64_t *id, double *value);

#endif
