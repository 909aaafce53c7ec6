/* Two towers and soft targets. */
#include "nn/towers.h"

#include <string.h>

#include "nn/act.h"
#include "nn/contrast.h"
#include "nn/unit.h"

static fl_product cosines(const struct fl_towers *w, const fl_real *a, const fl_real *b, fl_real *m)
{
	return (fl_product){
		.M = w->B, .N = w->B, .K = w->d, .a = a, .lda = w->d, .b = b, .ldb = w->d, .tb = 1,
		.c = m, .ldc = w->B,
	};
}

static fl_product back(const struct fl_towers *w, const fl_real *dm, int transposed,
                       const fl_real *u, fl_real *du)
{
	return (fl_product){
		.M = w->B, .N = w->d, .K = w->B, .a = dm, .lda = w->B, .ta = transposed, .b = u,
		.ldb = w->d, .c = du, .ldc = w->d, .start = FL_GEMM_ADD,
	};
}

/* Where scratch is NULL, only its size is found. */
static size_t lay_out(struct fl_towers *w, fl_real *scratch)
{
	fl_real none[1] = { 0 }, **whole[] = { &w->t, &w->s, &w->r, &w->q };
	fl_real **rows[] = { &w->raw[0], &w->raw[1], &w->u[0], &w->u[1], &w->du[0], &w->du[1] };
	fl_real **one[] = { &w->inv[0], &w->inv[1], &w->row };
	fl_product a = cosines(w, none, none, none), b = back(w, none, 0, none, none);
	fl_product c = back(w, none, 1, none, none);
	size_t at = 0, most = fl_loss_product_scratch(&a), n;

	most = (n = fl_loss_product_scratch(&b)) > most ? n : most;
	most = (n = fl_loss_product_scratch(&c)) > most ? n : most;
	w->room = scratch;	/* first, as it wants to be aligned */
	at += (most + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++, at += w->B * w->B)
		*whole[i] = scratch ? scratch + at : NULL;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++, at += w->B * w->d)
		*rows[i] = scratch ? scratch + at : NULL;
	for (size_t i = 0; i < sizeof one / sizeof *one; i++, at += w->B)
		*one[i] = scratch ? scratch + at : NULL;
	return at;
}

size_t fl_towers_scratch(size_t B, size_t d)
{
	struct fl_towers w = { .B = B, .d = d };

	return lay_out(&w, NULL);
}

void fl_towers_cosines(struct fl_towers *w, int i, int j, fl_real *m)
{
	fl_product p = cosines(w, w->u[i], w->u[j], m);
	fl_real by = (fl_real)(1 / w->tau);

	p.precision = w->batch->precision;
	fl_matmul_par(&p, w->room, w->batch->threads);
	for (size_t k = 0; k < w->B * w->B; k++)
		m[k] *= by;
}

void fl_towers_transpose(const struct fl_towers *w, const fl_real *m, fl_real *out)
{
	for (size_t i = 0; i < w->B; i++)
		for (size_t j = 0; j < w->B; j++)
			out[j * w->B + i] = m[i * w->B + j];
}

void fl_towers_begin(struct fl_towers *w, const struct fl_batch *b, const size_t at[2], size_t d,
                     double tau)
{
	*w = (struct fl_towers){ .B = b->B, .d = d, .tau = tau, .batch = b };
	lay_out(w, b->scratch);
	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < b->B; k++)
			memcpy(w->raw[i] + k * d, b->z + k * b->C + at[i], d * sizeof *b->z);
		fl_unit_rows(w->raw[i], w->u[i], w->inv[i], b->B, d);
		memset(w->du[i], 0, b->B * d * sizeof *b->z);
	}
	fl_towers_cosines(w, 0, 1, w->t);
	fl_towers_transpose(w, w->t, w->s);
}

double fl_towers_entropy(struct fl_towers *w, fl_real *m, const fl_real *r, double scale,
                         fl_real *dr)
{
	size_t B = w->B;
	double value = 0;

	for (size_t i = 0; i < B; i++, m += B, r += B, dr += dr ? B : 0) {
		double own = 0, total = 0;
		fl_real lse, by;

		fl_act_softmax(m, w->row, &lse, 1, B);
		for (size_t j = 0; j < B; j++) {
			own += (double)r[j] * ((double)lse - (double)m[j]);
			total += (double)r[j];
		}
		value += own;
		by = (fl_real)scale;
		for (size_t j = 0; dr && j < B; j++)
			dr[j] += by * (lse - m[j]);
		for (size_t j = 0; scale > 0 && j < B; j++)
			m[j] = by * ((fl_real)total * w->row[j] - r[j]);
	}
	return value;
}

void fl_towers_back(struct fl_towers *w, int i, int j, const fl_real *dm)
{
	fl_product p[] = { back(w, dm, 0, w->u[j], w->du[i]), back(w, dm, 1, w->u[i], w->du[j]) };

	for (size_t k = 0; k < 2; k++) {
		p[k].precision = w->batch->precision;
		fl_matmul_par(&p[k], w->room, w->batch->threads);
	}
}

void fl_towers_end(struct fl_towers *w, const size_t at[2])
{
	size_t d = w->d, B = w->B, C = w->batch->C;
	fl_real by = (fl_real)(1 / w->tau);

	for (size_t i = 0; i < B; i++)
		for (size_t j = 0; j < B; j++)
			w->t[i * B + j] += w->s[j * B + i];
	fl_towers_back(w, 0, 1, w->t);
	for (int i = 0; i < 2; i++) {
		fl_unit_back(w->raw[i], w->inv[i], w->du[i], w->du[i], B, d);
		for (size_t k = 0; k < B; k++)
			for (size_t c = 0; c < d; c++)
				w->batch->dz[k * C + at[i] + c] = by * w->du[i][k * d + c];
	}
}
