/* A text file in memory, plain or gzip, and words of its columns. */
#ifndef FL_DATA_WORDS_H
#define FL_DATA_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/* The whole file with a NUL after it, without a byte order mark; the caller frees.
 * FL_EDATA for a NUL inside, FL_EIO for a file that is not there. */
char *fl_text_read(const char *path, size_t *n, struct fl_err *e);

/* A word of a column. Numbers ("+1" is 1) come before other words; numbers are ordered by
 * their exact values, however many digits they have, others by bytes. */
struct fl_word {
	const char *s;
	int is_number;
	double number;		/* the nearest */
};
struct fl_word fl_word_of(const char *s);
/* -1, 0 or 1. */
int fl_word_order(const struct fl_word *a, const struct fl_word *b);
/* 0: a whole number, exactly, however it is written: "7", "+7", "7.0"; else -1. */
int fl_word_whole(const char *s, int64_t *v);
/* What tables have in place of a value that is missing: "", "NA", "nan", "null", "?"
 * and the like, in capitals or not. */
int fl_word_missing(const char *s);

/* Distinct words among word(N), in that order. */
struct fl_words {
	int64_t *rank;		/* (N) in the arena given, as is the rest */
	int64_t *whole;		/* (N) their values, where all are whole numbers; else NULL */
	const char **name;	/* (U) each as it is first written */
	size_t U;
};
int fl_words_rank(const char *const *word, size_t N, struct fl_arena *a, struct fl_words *w,
                  struct fl_err *e);

#endif
