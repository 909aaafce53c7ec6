/* A text file in memory, plain or gzip, and the words that label its examples. */
#ifndef FL_DATA_TEXT_H
#define FL_DATA_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/tset.h"

/* The whole file with a NUL after it, without a byte order mark; the caller frees.
 * FL_EDATA for a NUL inside, FL_EIO for a file that is not there. */
char *fl_text_read(const char *path, size_t *n, struct fl_err *e);

/* Words word(N) of lines line(N) as numbers v(N). all_whole: every word is a whole
 * number, and v are these; otherwise v are ranks among the distinct words, by
 * number where all are numbers and by bytes where not. */
struct fl_words {
	int64_t *v;		/* (N) in the arena given, as is the rest */
	const char **name;	/* (U) distinct words in order */
	size_t U;
	int all_whole;
};
int fl_words_rank(const char *const *word, size_t N, struct fl_arena *a, struct fl_words *w,
                  struct fl_err *e);

/* Tensor y from words: whole numbers among which 0 is are classes themselves, others
 * become their ranks, with the words in fl.labels. Sets fl.classes to no less than
 * what there is. */
int fl_words_labels(const char *const *word, size_t N, struct fl_tset *rec, struct fl_err *e);

#endif
