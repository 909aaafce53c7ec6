/* Bytes that go into a network as they are: a word about it. Initial weights are made for
 * inputs about 1; with pixels of 0 to 255 the first losses are in the hundreds. Data whose
 * fl.scale says anything, if only that values are meant as they are, are left in peace. */
#include <stdatomic.h>

#include "base/log.h"
#include "data/data.h"
#include "nn/net.h"

#define SMALL 32	/* counts and truth values are no pixels */

static int takes_raw(const struct fl_net *net)
{
	size_t i = 0;

	while (i < net->nlayer && net->layer[i].entry->view)
		i++;
	return i < net->nlayer && net->layer[i].entry->raw;
}

/* The first byte that is not small, or 0. */
static int find_large(const struct fl_data *d)
{
	const unsigned char *x = d->x->data;

	for (size_t i = 0; i < d->N; i++) {
		const unsigned char *v = x + (d->row ? d->row[i] : d->first + i) * d->d;

		for (size_t j = 0; j < d->d; j++)
			if (v[j] > SMALL)
				return v[j];
	}
	return 0;
}

void fl_data_warn_raw(const struct fl_data *d, const struct fl_net *net)
{
	static atomic_int said;
	int large;

	if (atomic_load(&said) || !d->x || d->x->dtype != FL_U8 || d->scaled ||
	    (net ? takes_raw(net) : d->x->ndim < 3) || !(large = find_large(d)))
		return;
	fl_say_once(&said, FL_LOG_WARN, "%s: bytes such as %d are inputs as they are: fl-partition --scale "
	            "'{\"div\":255}' makes them 0 to 1 ({\"div\":1}: they are meant so)", d->name, large);
}
