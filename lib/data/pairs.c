/* Pairs of texts and images from files of embeddings, as data to be split among clients. */
#include <string.h>

#include "base/num.h"
#include "data/embed.h"
#include "data/source.h"
#include "data/truth.h"
#include "tensor/meta.h"

struct source {
	const char *texts, *images, *pairs;
};

static int take_rows(struct fl_tset *rec, const char *name, const struct fl_embeds *m,
                     struct fl_err *e)
{
	size_t dim[2] = { m->N, m->d };
	struct fl_tensor *t;

	if (m->N > FL_DATA_VALUES_MAX / m->d)
		return fl_fail(e, FL_EDATA, "%s: %zu rows of %zu values are too many", m->part[0].name, m->N,
		               m->d);
	if (!(t = fl_tset_add(rec, name, FL_F32, 2, dim, NULL, e)))
		return -1;
	fl_embeds_rows(m, 0, m->N, t->data);
	return 0;
}

static int take_pairs(struct fl_tset *rec, const struct fl_pairs *p, struct fl_err *e)
{
	size_t dim[2] = { p->n, 2 };
	struct fl_tensor *t = fl_tset_add(rec, "pairs", FL_I64, 2, dim, NULL, e);

	for (size_t i = 0; t && i < p->n; i++) {
		((int64_t *)t->data)[2 * i] = p->text[i];
		((int64_t *)t->data)[2 * i + 1] = p->image[i];
	}
	return t ? 0 : -1;
}

static int read_pairs(const void *block, struct fl_tset *rec, struct fl_err *e)
{
	const struct source *s = block;
	struct fl_embeds texts = { .n = 0 }, images = { .n = 0 };
	struct fl_pairs pairs = { .n = 0 };
	int rc = -1;

	if (!s->texts || !s->images)
		return fl_fail(e, FL_EUSAGE, "texts and images must be given");
	if (!fl_embeds_open(&texts, &s->texts, 1, e) && !fl_embeds_open(&images, &s->images, 1, e) &&
	    !fl_pairs_open(&pairs, s->pairs, &texts, &images, e) &&
	    !take_rows(rec, "text", &texts, e) && !take_rows(rec, "image", &images, e) &&
	    !take_pairs(rec, &pairs, e))
		rc = fl_meta_set_kind(rec, FL_KIND_DATA, e);
	fl_pairs_release(&pairs);
	fl_embeds_release(&texts);
	fl_embeds_release(&images);
	return rc;
}

static const struct fl_param params[] = {
	{ "texts", FL_P_PATH, offsetof(struct source, texts), NULL, 0, 0, NULL, "source",
	  "embeddings of texts; must be given" },
	{ "images", FL_P_PATH, offsetof(struct source, images), NULL, 0, 0, NULL, "source",
	  "embeddings of images; must be given" },
	{ "pairs", FL_P_PATH, offsetof(struct source, pairs), NULL, 0, 0, NULL, "source",
	  "which text goes with which image; unset: row by row" },
	{ .name = NULL }
};

const struct fl_source fl_data_pairs = {
	.e = {
		.name = "pairs",
		.title = "Pairs of embeddings",
		.cite = "formats: fl-stream(5), numpy, fvecs, fbin",
		.doc = "pairs of text and image embeddings from files",
		.params = params,
		.psize = sizeof(struct source),
	},
	.read = read_pairs,
};
