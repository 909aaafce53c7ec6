/* BLAKE2b-256 by libsodium. */
#include "base/hash.h"

#include <sodium.h>
#include <string.h>

enum { BYTES = (FL_HASH_TEXT - 1) / 2 };

_Static_assert(sizeof(struct fl_hash) >= sizeof(crypto_generichash_state), "room for the state");

void fl_hash_begin(struct fl_hash *h)
{
	/* Chooses the implementation for this processor, once. Should that fail, the
	 * portable one hashes, to the same bytes. */
	(void)!sodium_init();
	crypto_generichash_init((crypto_generichash_state *)(void *)h->state, NULL, 0, BYTES);
}

void fl_hash_add(struct fl_hash *h, const void *p, size_t n)
{
	if (n)
		crypto_generichash_update((crypto_generichash_state *)(void *)h->state, p, n);
}

void fl_hash_end(struct fl_hash *h, char text[FL_HASH_TEXT])
{
	unsigned char sum[BYTES];

	crypto_generichash_final((crypto_generichash_state *)(void *)h->state, sum, sizeof sum);
	sodium_bin2hex(text, FL_HASH_TEXT, sum, sizeof sum);
}

void fl_hash_text(const void *p, size_t n, char text[FL_HASH_TEXT])
{
	struct fl_hash h;

	fl_hash_begin(&h);
	fl_hash_add(&h, p, n);
	fl_hash_end(&h, text);
}

int fl_hash_is_text(const char *s)
{
	return strspn(s, "0123456789abcdef") == FL_HASH_TEXT - 1 && !s[FL_HASH_TEXT - 1];
}
