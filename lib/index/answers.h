/* Answers of a search as text, and answers from several galleries as one. */
#ifndef FL_INDEX_ANSWERS_H
#define FL_INDEX_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* TSV: query id, rank from 1, gallery id, score. JSON: a line a query. TREC: a run. */
enum fl_answer_format { FL_ANSWER_TSV, FL_ANSWER_JSON, FL_ANSWER_TREC };
extern const char *const fl_answer_format_name[];	/* by the above, NULL-terminated */

#define FL_ANSWER_SCHEMA "vlm-retrieve/1"

struct fl_answer {
	int64_t query;
	const int64_t *id;	/* (n) best first */
	const double *score;	/* (n) */
	size_t n, top;		/* top: hits asked for */
	int reverse;		/* the gallery asked */
	int f32;		/* scores are F32 */
};
void fl_answer_print(struct fl_str *out, enum fl_answer_format f, const struct fl_answer *a);

/* Hits read from answers, in order of appearance. Zero-initialise. */
struct fl_answers {
	struct fl_answer_hit {
		int64_t query, id;
		double score;
		uint64_t seen;		/* place of the query's first appearance */
	} *hit;				/* (n) */
	size_t n, cap;
	int64_t *query;			/* (nq) in order of appearance */
	size_t nq, qcap;
	int json, tsv;			/* lines of that kind were read */
};
/* Adds TSV or JSON of both kinds above in text(size): FL_EDATA with the line; also for
 * JSON that was asked for fewer than top hits. Summary lines are passed over. */
int fl_answers_add(struct fl_answers *a, const char *text, size_t size, size_t top, struct fl_err *e);
/* Appends the top best of every query to out. FL_EDATA where a query has a gallery id
 * twice, and where all is JSON, which has a line even for no hits, but queries are not
 * in equally many answers: one was cut short. */
int fl_answers_merge(struct fl_answers *a, size_t top, enum fl_answer_format f,
                     struct fl_str *out, struct fl_err *e);
void fl_answers_release(struct fl_answers *a);

#endif
