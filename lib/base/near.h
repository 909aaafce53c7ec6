/* Names near a word that is none of them. Case, and - or _, make no difference. */
#ifndef FL_BASE_NEAR_H
#define FL_BASE_NEAR_H

#include <stddef.h>

/* Of names (NULL-terminated, or n) the one that s is but for case, or another word for; NULL
 * where there is none. */
const char *fl_meant(const char *s, const char *const *names, size_t n);
/* That, or else the nearest by edit distance, or NULL where none is near (more than a third
 * of the letters differ, at least 2). */
const char *fl_nearest(const char *s, const char *const *names, size_t n);

/* Whether s is one of words, which blanks separate; words may be NULL. */
int fl_word_in(const char *words, const char *s);

#endif
