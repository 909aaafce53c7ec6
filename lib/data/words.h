/* A text file in memory, plain or gzip, and the words that label its examples. */
#ifndef FL_DATA_WORDS_H
#define FL_DATA_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/tset.h"

/* The whole file with a NUL after it, without a byte order mark; the caller frees.
 * FL_EDATA for a NUL inside, FL_EIO for a file that is not there. */
char *fl_text_read(const char *path, size_t *n, struct fl_err *e);

/* Distinct words among word(N), in order of number where all are numbers ("+1" is
 * 1), of bytes where not. */
struct fl_words {
	int64_t *rank;		/* (N) in the arena given, as is the rest */
	int64_t *whole;		/* (N) their values, where all are whole numbers; else NULL */
	const char **name;	/* (U) */
	size_t U;
};
int fl_words_rank(const char *const *word, size_t N, struct fl_arena *a, struct fl_words *w,
                  struct fl_err *e);

/* Tensor y from words: whole numbers of which the least is 0 are classes themselves;
 * others become their ranks, with the words in fl.labels and fl.classes. */
int fl_words_labels(const char *const *word, size_t N, struct fl_tset *rec, struct fl_err *e);

#endif
