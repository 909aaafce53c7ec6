/* LIBSVM's text: "label index:value ..." a line, indices from 1 and ascending, what
 * is not named 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "data/data.h"
#include "data/labelled.h"
#include "data/source.h"
#include "data/words.h"
#include "tensor/meta.h"

#define DIM_MAX 10000000	/* a larger index is no column of a dense table */

struct params {
	const char *file, *labels, *unlabelled;
	int64_t dim;
};

struct entry {
	uint32_t row, column;
	float v;
};

struct svm {
	const char **label;
	size_t *row;		/* (N) line of each example */
	struct entry *at;
	size_t N, n, lcap, rcap, cap, d;
};

/* The next word of a line, NUL-terminated; NULL at its end. */
static char *word(char **next)
{
	char *s = *next + strspn(*next, " \t");

	if (!*s)
		return NULL;
	*next = s + strcspn(s, " \t");
	if (**next)
		*(*next)++ = '\0';
	return s;
}

static int pair(struct svm *m, char *s, int64_t *last, struct fl_err *e)
{
	char *colon = strchr(s, ':');
	int64_t i = 0;
	double v = 0;

	if (colon)
		*colon = '\0';
	if (!colon || fl_num_i64(s, &i) || fl_num_real(colon[1] == '+' ? colon + 2 : colon + 1, &v) ||
	    !isfinite((float)v))
		return fl_fail(e, FL_EDATA, "'%.40s%s%.40s' is no index:value", s, colon ? ":" : "",
		               colon ? colon + 1 : "");
	if (i <= *last || i > DIM_MAX)
		return fl_fail(e, FL_EDATA, "index %lld %s", (long long)i, i < 1 ? "is below 1" :
		               i > DIM_MAX ? "is too large" : "does not ascend");
	if (fl_grow(&m->at, &m->cap, m->n + 1, sizeof *m->at, e))
		return -1;
	m->at[m->n++] = (struct entry){ (uint32_t)m->N, (uint32_t)(i - 1), (float)v };
	*last = i;
	if ((size_t)i > m->d)
		m->d = (size_t)i;
	return 0;
}

/* Without the carriage return that ends it, and without what follows a '#'. */
static int strip(char *line, struct fl_err *e)
{
	size_t n = strlen(line);

	if (n && line[n - 1] == '\r')
		line[n - 1] = '\0';
	if (strchr(line, '\r'))
		return fl_fail(e, FL_EDATA, "carriage return inside: lines must end with a newline");
	line[strcspn(line, "#")] = '\0';
	return 0;
}

static int take_line(struct svm *m, char *line, size_t number, struct fl_err *e)
{
	char *next = line, *w;
	int64_t last = 0;

	if (strip(line, e))
		return -1;
	if (!(w = word(&next)))
		return 0;
	if (m->N >= UINT32_MAX - 1)
		return fl_fail(e, FL_EDATA, "too many examples");
	if (fl_grow(&m->label, &m->lcap, m->N + 1, sizeof *m->label, e) ||
	    fl_grow(&m->row, &m->rcap, m->N + 1, sizeof *m->row, e))
		return -1;
	m->label[m->N] = w;
	m->row[m->N] = number;
	while ((w = word(&next)))
		if (pair(m, w, &last, e))
			return -1;
	m->N++;
	return 0;
}

static int fill(struct svm *m, const struct params *p, const struct fl_names *names,
                struct fl_tset *rec, struct fl_err *e)
{
	size_t dim[] = { m->N, m->d }, n;
	struct fl_labelled labels = {
		.where = p->file, .word = m->label, .line = m->row, .N = m->N,
		.labels = p->labels, .unlabelled = p->unlabelled, .names = names,
	};
	struct fl_tensor *x;

	if (p->dim != FL_UNSET && (size_t)p->dim < m->d)
		return fl_fail(e, FL_EDATA, "index %zu, dim is %lld", m->d, (long long)p->dim);
	if (p->dim != FL_UNSET)
		dim[1] = (size_t)p->dim;
	if (!m->N || !dim[1])
		return fl_fail(e, FL_EDATA, "holds no example with a value");
	if (fl_mul(dim[0], dim[1], &n) || n > FL_DATA_VALUES_MAX)
		return fl_fail(e, FL_EDATA, "%zu examples of %zu values are too many in dense form",
		               dim[0], dim[1]);
	if (!(x = fl_tset_add(rec, "x", FL_F32, 2, dim, NULL, e)))
		return -1;
	for (size_t i = 0; i < m->n; i++)
		((float *)x->data)[m->at[i].row * dim[1] + m->at[i].column] = m->at[i].v;
	return fl_labelled_take(&labels, rec, e) ||
	       fl_meta_set_kind(rec, FL_KIND_DATA, e) ? -1 : 0;
}

static int lines(struct svm *m, char *text, struct fl_err *e)
{
	size_t line = 1;

	for (char *s = text; s && *s; line++) {
		char *end = strchr(s, '\n');

		if (end)
			*end++ = '\0';
		if (take_line(m, s, line, e))
			return fl_fail_in(e, "line %zu", line);
		s = end;
	}
	return 0;
}

static int read_svm(const void *vp, const struct fl_data_how *how, struct fl_tset *rec,
                    struct fl_err *e)
{
	const struct params *p = vp;
	struct svm m = { .N = 0 };
	char *text;
	size_t n;
	int rc;

	if (!p->file)
		return fl_fail(e, FL_EUSAGE, "libsvm wants file=");
	if (!(text = fl_text_read(p->file, &n, e)))
		return -1;
	rc = lines(&m, text, e) || fill(&m, p, how->names, rec, e) ? fl_fail_in(e, "%s", p->file) : 0;
	free(text);
	free(m.label);
	free(m.row);
	free(m.at);
	return rc;
}

static const struct fl_param params[] = {
	{ "file", FL_P_PATH, offsetof(struct params, file), NULL, 0, 0, NULL, "file",
	  "the text, plain or gzip" },
	FL_PARAMS_LABELLED(struct params),
	{ "dim", FL_P_INT, offsetof(struct params, dim), NULL, 1, DIM_MAX, NULL, "n",
	  "values an example, where it is not the largest index" },
	{ .name = NULL }
};

const struct fl_source fl_data_libsvm = {
	.e = {
		.name = "libsvm",
		.title = "LIBSVM text",
		.cite = "Chang and Lin, ACM TIST 2, 2011",
		.doc = "label index:value ..., one example a line",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "dense inputs; labels as those of csv",
	},
	.read_table = read_svm,
};
