/* BLAKE2b-256 (RFC 7693), libsodium's: what `b2sum -l 256` prints. Against accidents
 * and attackers alike. */
#ifndef FL_BASE_HASH_H
#define FL_BASE_HASH_H

#include <stddef.h>

#define FL_HASH_TEXT 65		/* 64 lower-case hex digits and NUL */

struct fl_hash {
	_Alignas(64) unsigned char state[384];	/* libsodium's own */
};

/* Of the bytes added between begin and end. */
void fl_hash_begin(struct fl_hash *h);
void fl_hash_add(struct fl_hash *h, const void *p, size_t n);
void fl_hash_end(struct fl_hash *h, char text[FL_HASH_TEXT]);
/* Of n bytes at once. */
void fl_hash_text(const void *p, size_t n, char text[FL_HASH_TEXT]);
/* Whether s is a hash as we write it: 64 lower-case hex digits and no more. */
int fl_hash_is_text(const char *s);

#endif
