/* How stored values become inputs: fl.scale, and batches of inputs. */
#include "data/source.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "data/data.h"
#include "kernel/gather.h"

#define ROWS 64		/* rows gathered at a time: their numbers fit in the stack */

static int real(const json_t *v, const char *key, double *out, struct fl_err *e)
{
	if (!json_is_number(v) || !isfinite(*out = json_number_value(v)))
		return fl_fail(e, FL_EDATA, "%s must be a finite number", key);
	return 0;
}

/* An array of n > 0 numbers; divisor: none may be 0 or below as F32. */
static int reals(const json_t *v, const char *key, int divisor, size_t *n, float **out,
                 struct fl_arena *a, struct fl_err *e)
{
	double x = 0;

	if (!(*n = json_array_size(v)))
		return fl_fail(e, FL_EDATA, "%s must be an array of numbers", key);
	if (!(*out = fl_arena_get(a, *n, sizeof **out, e)))
		return -1;
	for (size_t i = 0; i < *n; i++) {
		if (real(json_array_get(v, i), key, &x, e))
			return -1;
		(*out)[i] = (float)x;
		if (!isfinite((*out)[i]) || (divisor && (*out)[i] <= 0))
			return fl_fail(e, FL_EDATA, "%s[%zu] is %g, %s", key, i, x,
			               divisor ? "must be above 0" : "too large");
	}
	return 0;
}

static int from_json(struct fl_scale *s, json_t *o, struct fl_arena *a, struct fl_err *e)
{
	size_t means = 0, stds = 0;
	const char *key;
	json_t *v;

	json_object_foreach(o, key, v) {
		int rc = !strcmp(key, "div") ? real(v, key, &s->div, e) :
		         !strcmp(key, "mean") ? reals(v, key, 0, &means, &s->mean, a, e) :
		         !strcmp(key, "std") ? reals(v, key, 1, &stds, &s->std, a, e) :
		         fl_fail(e, FL_EDATA, "has key '%s', knows div, mean, std", key);

		if (rc)
			return -1;
	}
	if (!isfinite((float)s->div) || (float)s->div <= 0)
		return fl_fail(e, FL_EDATA, "div is %g, must be above 0", s->div);
	if (means && stds && means != stds)
		return fl_fail(e, FL_EDATA, "mean has %zu values, std has %zu", means, stds);
	s->n = means ? means : stds ? stds : 1;
	return 0;
}

static int fill(float **v, size_t n, float x, struct fl_arena *a, struct fl_err *e)
{
	if (*v)
		return 0;
	if (!(*v = fl_arena_get(a, n, sizeof **v, e)))
		return -1;
	for (size_t i = 0; i < n; i++)
		(*v)[i] = x;
	return 0;
}

int fl_scale_parse(struct fl_scale *s, const char *json, struct fl_arena *a, struct fl_err *e)
{
	json_t *o = NULL;
	int rc = 0;

	*s = (struct fl_scale){ .div = 1, .n = 1 };
	if (json) {
		if (!(o = fl_json_load_lines(json, FL_EDATA, e)))
			rc = fl_fail_in(e, "not JSON");
		else
			rc = json_is_object(o) ? from_json(s, o, a, e) :
			     fl_fail(e, FL_EDATA, "must be a JSON object");
		json_decref(o);
	}
	return rc || fill(&s->mean, s->n, 0, a, e) || fill(&s->std, s->n, 1, a, e) ? -1 : 0;
}

int fl_fill_parse(float **fill, size_t d, const char *json, struct fl_arena *a,
                  struct fl_err *e)
{
	json_t *v = fl_json_load_lines(json, FL_EDATA, e);
	size_t n;
	int rc;

	if (!v)
		return fl_fail_in(e, "fl.fill: not JSON");
	rc = reals(v, "fl.fill", 0, &n, fill, a, e);
	json_decref(v);
	return rc || n == d ? rc :
	       fl_fail(e, FL_EDATA, "fl.fill has %zu values, an example has %zu", n, d);
}

/* The m rows of x that hold examples idx(m), or i0.. */
static const uint32_t *rows_of(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t m,
                               uint32_t *buf)
{
	if (idx && !d->row && !d->first)
		return idx;
	for (size_t i = 0; i < m; i++) {
		size_t k = idx ? idx[i] : i0 + i;

		buf[i] = d->row ? d->row[k] : (uint32_t)(d->first + k);
	}
	return buf;
}

static void rows_u8(const struct fl_data *d, const uint32_t *row, size_t m, float *out)
{
	static const uint32_t zero;
	const uint8_t *x = d->x->data;
	size_t w = d->d / d->channels;

	if (d->channels == 1) {
		fl_gather_u8(x, row, d->lut[0], out, m, d->d);
		return;
	}
	for (size_t i = 0; i < m; i++)
		for (size_t c = 0; c < d->channels; c++)
			fl_gather_u8(x + row[i] * d->d + c * w, &zero, d->lut[c],
			             out + i * d->d + c * w, 1, w);
}

/* out(d) = a row as it is stored, with what stands for its missing values. */
static const float *fill_row(const struct fl_data *d, const float *v, float *out)
{
	for (size_t j = 0; j < d->d; j++)
		out[j] = isnan(v[j]) ? d->fill[j] : v[j];
	return out;
}

static void rows_f32(const struct fl_data *d, const uint32_t *row, size_t m, float *out)
{
	size_t w = d->d / d->channels;
	float div = (float)d->div;

	for (size_t i = 0; i < m; i++, out += d->d) {
		const float *x = (const float *)d->x->data + row[i] * d->d;

		if (d->fill)
			x = fill_row(d, x, out);
		for (size_t c = 0; c < d->channels; c++) {
			const float *v = x + c * w;
			float *o = out + c * w, mean = d->mean[c], std = d->std[c];

			for (size_t j = 0; j < w; j++)
				o[j] = (v[j] / div - mean) / std;
		}
	}
}

void fl_data_batch(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t n,
                   float *out, int32_t *y_out)
{
	uint32_t buf[ROWS];

	if (d->M) {
		fl_data_part_rows(d, idx, i0, n, out);
		for (size_t i = 0; y_out && i < n; i++)
			y_out[i] = d->y[idx ? idx[i] : i0 + i];
		return;
	}
	for (size_t at = 0, m; at < n; at += m) {
		const uint32_t *part = idx ? idx + at : NULL, *row;

		m = n - at < ROWS ? n - at : ROWS;
		row = rows_of(d, part, i0 + at, m, buf);
		if (d->x->dtype == FL_U8)
			rows_u8(d, row, m, out + at * d->d);
		else
			rows_f32(d, row, m, out + at * d->d);
		for (size_t i = 0; y_out && i < m; i++)
			y_out[at + i] = d->y[part ? part[i] : i0 + at + i];
	}
}
