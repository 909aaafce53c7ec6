/* What a word that is not known was meant to be. */
#include "base/near.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 64	/* longer words are far from all others */

/* Words of other systems and papers beside those used here. */
static const char *const synonyms[] = {
	/* options */
	"by partition partitioner scheme",
	"clients num-clients n-clients nodes partitions num-partitions",
	"opt optimizer optimiser optim",
	"epochs local-epochs num-epochs",
	"batch batch-size bs minibatch",
	"threads jobs workers num-workers cpus nproc",
	"method algorithm algo strategy",
	"rule aggregator aggregation strategy",
	"data dataset",
	"output out outfile outdir output-dir",
	"model checkpoint",
	"arch architecture net network model",
	"seed random-seed rng",
	"test-frac test-size test-ratio",
	"top k topk",
	/* parameters */
	"lr learning-rate eta step-size",
	"wd weight-decay l2",
	"out classes num-classes n-classes",
	"in inputs in-features input-size",
	"hidden hidden-size width",
	"alpha concentration",
	/* entries */
	"accuracy acc top1",
	"balanced balanced-accuracy bacc",
	"hit r",
	"map ap",
	"meanr mean-rank",
	"medr median-rank",
	"mean average avg fedavg",
	"trimmean trimmed-mean",
	"geomed geometric-median rfa",
	"krum multi-krum multikrum",
	"fedadam adam",
	"fedadagrad adagrad",
	"fedyogi yogi",
	"momentum fedavgm",
	"sgd fedavg",
	"dirichlet lda noniid non-iid",
	"ce cross-entropy crossentropy",
	"conv2d conv",
	"linear dense fc",
	"globalpool adaptiveavgpool2d",
	NULL
};

/* Edits that turn a into b, of WORD_MAX letters at most: insert, delete, replace a letter,
 * swap two neighbours. */
static size_t distance(const char *a, const char *b)
{
	size_t row[3][WORD_MAX + 1], m = strlen(a), n = strlen(b);

	for (size_t i = 0; i <= m; i++) {
		size_t *now = row[i % 3];
		const size_t *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

		for (size_t j = 0; j <= n; j++) {
			size_t best = i && j ? up[j - 1] + (a[i - 1] != b[j - 1]) : i + j;

			if (i && up[j] + 1 < best)
				best = up[j] + 1;
			if (j && now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[m % 3][n];
}

/* As it is compared: small letters, - for _. */
static const char *plain(const char *s, char *to)
{
	size_t n = 0;

	for (; s[n] && n < WORD_MAX; n++)
		to[n] = s[n] == '_' ? '-' : (char)tolower((unsigned char)s[n]);
	to[n] = '\0';
	return to;
}

static int same(const char *a, const char *b)
{
	char x[WORD_MAX + 1], y[WORD_MAX + 1];

	return !strcmp(plain(a, x), plain(b, y));
}

int fl_word_in(const char *words, const char *s)
{
	size_t n = strlen(s);

	for (const char *w = words; w && n && (w = strstr(w, s)); w++)
		if ((w == words || w[-1] == ' ') && (!w[n] || w[n] == ' '))
			return 1;
	return 0;
}

const char *fl_meant(const char *s, const char *const *names, size_t n)
{
	char x[WORD_MAX + 1], y[WORD_MAX + 1];

	if (strlen(s) > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n && names[i]; i++)
		if (same(s, names[i]))
			return names[i];
	plain(s, x);
	for (const char *const *g = synonyms; *g; g++)
		for (size_t i = 0; fl_word_in(*g, x) && i < n && names[i]; i++)
			if (fl_word_in(*g, plain(names[i], y)))
				return names[i];
	return NULL;
}

static const char *by_edits(const char *s, const char *const *names, size_t n)
{
	size_t limit = strlen(s) / 3 > 2 ? strlen(s) / 3 : 2, best = limit + 1;
	char x[WORD_MAX + 1], y[WORD_MAX + 1];
	const char *near = NULL;

	plain(s, x);
	for (size_t i = 0; i < n && names[i]; i++) {
		size_t d = distance(x, plain(names[i], y));

		/* A whole prefix is what people type: "acc" for "accuracy". */
		if (strlen(s) >= 3 && !strncmp(x, y, strlen(x)))
			d = 1;
		if (d < best && d < strlen(names[i])) {
			best = d;
			near = names[i];
		}
	}
	return near;
}

const char *fl_nearest(const char *s, const char *const *names, size_t n)
{
	const char *meant = fl_meant(s, names, n);

	return meant || strlen(s) > WORD_MAX ? meant : by_edits(s, names, n);
}
