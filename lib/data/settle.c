/* Scales and fillings that wait for a training part. Data may say fl.scale "standard" and
 * fl.fill "mean": inputs of mean 0 and deviation 1, and means in place of missing values,
 * which must come from what is trained on and be the same for all clients. They become
 *   fl.scale {"div":1,"mean":[mean_j],"std":[sqrt(var_j), 1 where that is 0]},
 *   fl.fill [mean_j]
 * by the columns of the training examples, or as another record has them: a client's data,
 * or the statistic `inputs` of many clients together. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "data/columns.h"
#include "data/source.h"

static void add_array(struct fl_str *s, const double *v, size_t n)
{
	char text[FL_NUM_MAX];

	fl_str_addc(s, '[');
	for (size_t i = 0; i < n; i++)
		fl_str_addf(s, "%s%s", i ? "," : "", fl_num_printf32(text, (float)v[i]));
	fl_str_addc(s, ']');
}

static int set_text(struct fl_tset *rec, const char *key, struct fl_str *s, struct fl_err *e)
{
	int rc = fl_str_check(s, e) || fl_meta_set(rec, key, fl_str_c(s), e) ? -1 : 0;

	fl_str_release(s);
	return rc;
}

/* A deviation that single precision holds as more than 0. */
static double deviation(double var)
{
	double std = sqrt(var);

	return (float)std > 0 ? std : 1;
}

static int set_scale(struct fl_tset *rec, const struct fl_columns *c, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;
	double *std = fl_alloc(c->d, sizeof *std, e);

	if (!std)
		return -1;
	for (size_t j = 0; j < c->d; j++)
		std[j] = deviation(c->var[j]);
	fl_str_add(&s, "{\"div\":1,\"mean\":");
	add_array(&s, c->mean, c->d);
	fl_str_add(&s, ",\"std\":");
	add_array(&s, std, c->d);
	fl_str_add(&s, "}");
	free(std);
	return set_text(rec, "fl.scale", &s, e);
}

static int set_fill(struct fl_tset *rec, const struct fl_columns *c, struct fl_err *e)
{
	struct fl_str s = FL_STR_INIT;

	for (size_t j = 0; j < c->d; j++)
		if (!c->n[j])
			return fl_fail(e, FL_EDATA, "input %zu of %zu has no value in any training example that "
			               "could stand for the missing ones: leave it out", j + 1, c->d);
	add_array(&s, c->mean, c->d);
	return set_text(rec, "fl.fill", &s, e);
}

/* What rec waits for, from c. */
static int set_both(struct fl_tset *rec, int scale, int fill, const struct fl_columns *c,
                    struct fl_err *e)
{
	return (fill && set_fill(rec, c, e)) || (scale && set_scale(rec, c, e)) ? -1 : 0;
}

int fl_data_settle(struct fl_data *d, const unsigned char *use, struct fl_err *e)
{
	struct fl_arena a = { .head = NULL };
	struct fl_columns c;
	int rc = 0;

	if (!d->standard && !d->filled)
		return 0;
	rc = fl_columns_measure(d, use, &c, &a, e) ||
	     set_both(&d->rec, d->standard, d->filled, &c, e) || fl_data_rescale(d, e) ? -1 : 0;
	fl_arena_release(&a);
	if (rc)
		return fl_fail_in(e, "%s", d->name);
	d->settled = 1;
	return 0;
}

/* --- from another record --- */

/* Tensors of the statistic `columns`. */
static int get_columns(const struct fl_tset *from, struct fl_columns *c, struct fl_err *e)
{
	const struct fl_tensor *n = fl_tset_find(from, "count"), *mean = fl_tset_find(from, "mean");
	const struct fl_tensor *var = fl_tset_find(from, "var");

	if (!n || !mean || !var || n->dtype != FL_I64 || mean->dtype != FL_F64 || var->dtype != FL_F64 ||
	    n->ndim != 1 || !n->n || !fl_tensor_same_shape(mean, n) || !fl_tensor_same_shape(var, n))
		return fl_fail(e, FL_EDATA, "is no statistic of columns: fl-stats columns writes one");
	*c = (struct fl_columns){ n->n, n->data, mean->data, var->data };
	for (size_t j = 0; j < c->d; j++)
		if (c->n[j] < 0 || !isfinite((float)c->mean[j]) || !(c->var[j] >= 0) ||
		    !isfinite((float)c->var[j]))
			return fl_fail(e, FL_EDATA, "column %zu: count, mean or variance is out of range", j);
	return 0;
}

/* The texts of both keys as from has them, where rec waits for them. */
static int copy_keys(const struct fl_tset *from, struct fl_tset *rec, int fill, struct fl_err *e)
{
	const char *scale = fl_meta_get(from, "fl.scale"), *values = fl_meta_get(from, "fl.fill");
	const char *now = fl_meta_get(rec, "fl.scale");

	if (!scale && (!fill || (now && !strcmp(now, FL_SCALE_STANDARD))))
		return fl_fail(e, FL_EDATA, "has no fl.scale");
	if (fill && !values)
		return fl_fail(e, FL_EDATA, "has no fl.fill, which missing=mean waits for");
	return (scale && fl_meta_set(rec, "fl.scale", scale, e)) ||
	       (fill && fl_meta_set(rec, "fl.fill", values, e)) ? -1 : 0;
}

static int borrow(const struct fl_tset *from, struct fl_tset *rec, struct fl_err *e)
{
	int fill = fl_meta_get(rec, "fl.fill") != NULL;
	struct fl_columns c;
	enum fl_kind kind;

	if (fl_meta_kind(from, &kind, e))
		return -1;
	if (kind == FL_KIND_DATA)
		return copy_keys(from, rec, fill, e);
	if (kind != FL_KIND_STATS)
		return fl_fail(e, FL_EDATA, "holds %s, want a client's data or a statistic of columns",
		               fl_kind_name(kind));
	return get_columns(from, &c, e) || set_both(rec, 1, fill, &c, e) ? -1 : 0;
}

int fl_data_borrow(struct fl_tset *rec, const char *path, struct fl_err *e)
{
	struct fl_stream *s = fl_stream_open(path, e);
	struct fl_tset from = { .t = NULL }, more = { .t = NULL };
	int rc;

	if (!s)
		return -1;
	if ((rc = fl_stream_next(s, &from, e)) > 0)
		rc = borrow(&from, rec, e) ? fl_fail_in(e, "%s", path) : 0;
	else if (!rc)
		rc = fl_fail(e, FL_EDATA, "%s: holds no record", path);
	fl_tset_release(&from);
	if (!rc && (rc = fl_stream_next(s, &more, e)) > 0)
		rc = fl_fail(e, FL_EDATA, "%s: holds more than one record", path);
	fl_tset_release(&more);
	fl_stream_close(s);
	return rc ? fl_fail_in(e, "--scale-from") : 0;
}
