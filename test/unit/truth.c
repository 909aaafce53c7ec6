/* Pairs and positives from every source, and what must be refused. */
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/rng.h"
#include "data/embed.h"
#include "data/truth.h"
#include "tap.h"

static char dir[] = "/tmp/fl-truth-XXXXXX";
static char path[64];

static const char *file(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static const char *put(const char *name, const void *bytes, size_t n)
{
	FILE *f = fopen(file(name), "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		exit(4);
	return path;
}

static const char *put_text(const char *text)
{
	return put("truth.json", text, strlen(text));
}

/* --- sides --- */

struct side {
	const char *name;
	struct fl_embeds all;
};

static struct side sa = { .name = "a.sts" }, sb = { .name = "b.sts" }, sc = { .name = "c.sts" };

static void put_rows(struct fl_out *o, size_t N, const int64_t *id, const int32_t *label)
{
	struct fl_tset s = { .t = NULL };

	fl_tset_add(&s, "emb", FL_F32, 2, (const size_t[]){ N, 1 }, NULL, NULL);
	if (id)
		memcpy(fl_tset_add(&s, "id", FL_I64, 1, &N, NULL, NULL)->data, id, N * sizeof *id);
	if (label)
		memcpy(fl_tset_add(&s, "label", FL_I32, 1, &N, NULL, NULL)->data, label, N * sizeof *label);
	if (fl_stream_write(o, &s, NULL))
		exit(4);
	fl_tset_release(&s);
}

/* N rows in two shards, the first of one row; id and label may be NULL. */
static const struct fl_embeds *side(struct side *s, size_t N, const int64_t *id,
                                    const int32_t *label)
{
	struct fl_err e = { 0 };
	struct fl_out o;
	const char *source = file(s->name);

	fl_embeds_release(&s->all);
	if (fl_out_open(&o, source, 0, NULL))
		exit(4);
	put_rows(&o, 1, id, label);
	put_rows(&o, N - 1, id ? id + 1 : NULL, label ? label + 1 : NULL);
	if (fl_out_commit(&o, NULL) || fl_embeds_open(&s->all, &source, 1, &e)) {
		printf("Bail out! %s\n", e.msg);
		exit(4);
	}
	return &s->all;
}

/* "0:1 0:2 1:0": the pairs, or the message where there are none. */
static const char *pairs(const char *source, const struct fl_embeds *texts,
                         const struct fl_embeds *images)
{
	static char out[4096];
	struct fl_err e = { 0 };
	struct fl_pairs p;
	size_t at = 0;

	if (fl_pairs_open(&p, source, texts, images, &e)) {
		snprintf(out, sizeof out, "%d %s", e.code, e.msg);
		return out;
	}
	out[0] = '\0';
	for (size_t i = 0; i < p.n; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%s%u:%u", i ? " " : "", p.text[i], p.image[i]);
	fl_pairs_release(&p);
	return out;
}

static size_t print_truth(const struct fl_truth *t, char *out, size_t n)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t q = 0; q < t->Q; q++) {
		at += (size_t)snprintf(out + at, n - at, "%s[", q ? " " : "");
		for (size_t i = t->first[q]; i < t->first[q + 1]; i++)
			at += (size_t)snprintf(out + at, n - at, "%s%u", i > t->first[q] ? " " : "", t->row[i]);
		at += (size_t)snprintf(out + at, n - at, "]");
	}
	return at;
}

/* "[0 1] [2]": positives of each query, or the message. */
static const char *truth(const char *source, const struct fl_embeds *queries,
                         const struct fl_embeds *gallery, int reverse, int skip)
{
	static char out[4096];
	struct fl_err e = { 0 };
	struct fl_truth t;
	size_t at;

	if (fl_truth_open(&t, source, queries, gallery, reverse, skip, &e)) {
		snprintf(out, sizeof out, "%d %s", e.code, e.msg);
		return out;
	}
	at = print_truth(&t, out, sizeof out);
	if (t.skipped)
		snprintf(out + at, sizeof out - at, " skipped %zu", t.skipped);
	fl_truth_release(&t);
	return out;
}

/* --- rules --- */

static void rules(void)
{
	const struct fl_embeds *four = side(&sa, 4, NULL, NULL), *two = side(&sb, 2, NULL, NULL);

	is_str(pairs("diagonal", four, four), "0:0 1:1 2:2 3:3", "diagonal");
	is_str(pairs(NULL, two, two), "0:0 1:1", "diagonal where nothing is said");
	is_str(pairs(NULL, four, two), "3 4 texts and 2 images do not go together row by row; pairs must say which belong "
	       "together", "not of unequal sides");
	is_str(pairs("groups:2", four, two), "0:0 1:0 2:1 3:1", "groups");
	is_str(pairs("groups:3", four, two), "3 groups:3: 4 texts are not 3 for each of 2 images", "groups that do not fit");
	is_str(pairs("groups:0", four, two), "2 groups:0: want groups:K, K texts an image", "groups of none");
	is_str(pairs("groups:9223372036854775809", four, two),
	       "3 groups:9223372036854775809: 4 texts are not 9223372036854775809 for each of 2 images",
	       "groups beyond counting");
	is_str(truth("groups:2", four, two, 0, 0), "[0] [0] [1] [1]", "text queries");
	is_str(truth("groups:2", two, four, 1, 0), "[0 1] [2 3]", "image queries");
	is_str(truth("diagonal", two, two, 1, 0), "[0] [1]", "diagonal, image queries");
}

/* --- records --- */

static const char *put_tensor(const char *name, enum fl_dtype type, unsigned ndim, const size_t *dim,
                              const void *v)
{
	struct fl_tset s = { .t = NULL };
	struct fl_tensor *t = fl_tset_add(&s, name, type, ndim, dim, NULL, NULL);

	if (t->bytes)
		memcpy(t->data, v, t->bytes);
	file("truth.safetensors");
	if (fl_stream_save(path, &s, 0, NULL))
		exit(4);
	fl_tset_release(&s);
	return path;
}

static const char *named(const char *name)
{
	static char source[128];

	snprintf(source, sizeof source, "%s/truth.safetensors#%s", dir, name);
	return source;
}

/* The message after the folder's name. */
static const char *local(const char *s)
{
	static char out[4096];
	const char *at = strstr(s, dir);

	snprintf(out, sizeof out, "%.2s%s", s, at ? at + strlen(dir) + 1 : s);
	return at ? out : s;
}

static void records(void)
{
	const struct fl_embeds *three = side(&sa, 3, NULL, NULL), *two = side(&sb, 2, NULL, NULL);
	static const int64_t good[] = { 2, 0, 0, 1, 1, 1, 2, 1 }, below[] = { 0, 0, -1, 0 };
	static const int64_t beyond[] = { 0, 0, 1, 2 }, huge[] = { INT64_MAX, 0 };
	static const int64_t twice[] = { 0, 0, 1, 1, 2, 0, 1, 1 };
	static const int32_t image_of[] = { 1, 0, 1 }, bad_image[] = { 1, 0, 2 };
	static const uint8_t small[] = { 0, 1, 1, 0, 2, 0 };
	static const float real[] = { 0, 0 };

	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 4, 2 }, good);
	is_str(pairs(file("truth.safetensors"), three, two), "2:0 0:1 1:1 2:1", "pairs in their order");
	is_str(truth(path, three, two, 0, 0), "[1] [1] [0 1]", "positives of texts, ascending");
	is_str(truth(path, two, three, 1, 0), "[2] [0 1 2]", "positives of images");
	is_str(local(pairs(named("other"), three, two)), "3 truth.safetensors: tensor 'other' is missing; FILE#NAME takes another", "no such tensor");
	put_tensor("image_of", FL_I32, 1, (const size_t[]){ 3 }, image_of);
	is_str(pairs(named("image_of"), three, two), "0:1 1:0 2:1", "the image of every text");
	is_str(truth(named("image_of"), two, three, 1, 0), "[1] [0 2]", "the same for images");
	is_str(local(pairs(named("image_of"), two, three)),
	       "3 truth.safetensors: tensor 'image_of' has 3 entries, there are 2 texts", "one too many");
	put_tensor("pairs", FL_U8, 2, (const size_t[]){ 3, 2 }, small);
	is_str(pairs(path, three, two), "0:1 1:0 2:0", "U8");
	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 0, 2 }, NULL);
	is_str(local(pairs(path, three, two)), "3 truth.safetensors: no pair", "no pairs at all");
	is_str(local(truth(path, three, two, 0, 0)),
	       "3 truth.safetensors: query row 0 has no positive; 3 of 3 have none", "leave all queries bare");
	put_tensor("image_of", FL_I32, 1, (const size_t[]){ 3 }, bad_image);
	is_str(local(pairs(named("image_of"), three, two)),
	       "3 truth.safetensors: image_of[2]: image row 2, there are 2", "an image that is not there");
	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 2, 2 }, below);
	is_str(local(pairs(path, three, two)), "3 truth.safetensors: pairs[1]: text row -1, there are 3", "below 0");
	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 2, 2 }, beyond);
	is_str(local(pairs(path, three, two)), "3 truth.safetensors: pairs[1]: image row 2, there are 2", "beyond");
	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 1, 2 }, huge);
	is_str(local(pairs(path, three, two)),
	       "3 truth.safetensors: pairs[0]: text row 9223372036854775808, there are 3", "far beyond");
	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 4, 2 }, twice);
	is_str(local(pairs(path, three, two)),
	       "3 truth.safetensors: text row 1 and image row 1 are paired twice", "a pair given twice");
	put_tensor("pairs", FL_F32, 2, (const size_t[]){ 1, 2 }, real);
	ok(strstr(pairs(path, three, two), "tensor 'pairs' is F32 1x2, want integers") != NULL, "floats are no rows");
	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 2, 1 }, good);
	ok(strstr(pairs(path, three, two), "tensor 'pairs' is I64 2x1, want integers") != NULL, "one column of two dimensions");
	ok(strstr(pairs("no-such-file", three, two), "4 no-such-file: ") != NULL, "a file that is not there");
}

/* --- JSON --- */

static void json(void)
{
	static const int64_t text_id[] = { 900, 7, 30 }, image_id[] = { 5, 900 };
	const struct fl_embeds *three = side(&sa, 3, NULL, NULL), *two = side(&sb, 2, NULL, NULL);

	is_str(pairs(put_text("{\"2\":0, \"0\":1}"), three, two), "2:0 0:1", "text row: image row");
	is_str(pairs(put_text(" \n{\"1\":[0,1],\"2\":[]}"), three, two), "1:0 1:1", "text row: image rows");
	is_str(truth(path, two, three, 1, 0), "[1] [1]", "image queries");
	is_str(truth(path, three, two, 0, 1), "[] [0 1] [] skipped 2", "queries without a positive, skipped");
	is_str(local(truth(path, three, two, 0, 0)), "3 truth.json: query row 0 has no positive; 2 of 3 have none", "or refused");
	is_str(local(pairs(put_text("{\"3\":0}"), three, two)), "3 truth.json: \"3\": text row 3, there are 3", "no such text");
	is_str(local(pairs(put_text("{\"0\":2}"), three, two)), "3 truth.json: \"0\": image row 2, there are 2", "no such image");
	is_str(local(pairs(put_text("{\"x\":0}"), three, two)), "3 truth.json: \"x\": is no row", "no number");
	is_str(local(pairs(put_text("{\"0\":0.5}"), three, two)), "3 truth.json: \"0\": want whole numbers", "half a row");
	is_str(local(pairs(put_text("{\"0\":{}}"), three, two)), "3 truth.json: \"0\": want whole numbers", "an object");
	is_str(local(pairs(put_text("{\"0\":[[1]]}"), three, two)), "3 truth.json: \"0\": want whole numbers", "lists in lists");
	is_str(local(pairs(put_text("{\"0\":[1,1]}"), three, two)),
	       "3 truth.json: text row 0 and image row 1 are paired twice", "a pair given twice");
	ok(strstr(pairs(put_text("{\"0\":1,\"0\":1}"), three, two), "duplicate") != NULL, "a key given twice");
	is_str(local(pairs(put_text("[1]"), three, two)),
	       "3 truth.json: want an object: {\"text row\": image row} or {\"id\": [ids]}", "a list");
	ok(!strncmp(pairs(put_text("{\"0\":"), three, two), "3 ", 2), "cut short");

	three = side(&sa, 3, text_id, NULL);
	two = side(&sb, 2, image_id, NULL);
	is_str(pairs(put_text("{\"7\":[900],\"30\":[\"5\",900]}"), three, two), "1:1 2:0 2:1", "ids of both sides");
	is_str(truth(path, three, two, 0, 1), "[] [1] [0 1] skipped 1", "a query's id: ids of the gallery");
	is_str(truth(put_text("{\"900\":[900,7],\"5\":[30]}"), two, three, 1, 0), "[2] [0 1]", "image queries by their ids");
	is_str(pairs(put_text("{\"1\":0,\"2\":1}"), three, two), "1:0 2:1", "one number is a row, ids or not");
	ok(strstr(truth(put_text("{\"8\":[5]}"), three, two, 0, 0), "\"8\": ") &&
	   strstr(truth(path, three, two, 0, 0), "/a.sts has no id 8"), "no such query");
	ok(strstr(truth(put_text("{\"7\":[6]}"), three, two, 0, 0), "/b.sts has no id 6") != NULL, "no such item");
	is_str(truth(put_text("{\"7\":[6,5],\"8\":[5]}"), three, two, 0, 1), "[] [0] [] skipped 2", "passed over on request");
}

/* --- labels, folds, self --- */

static void labels(void)
{
	static const int32_t ql[] = { 3, 0, 3, 9 }, gl[] = { 3, 2, 3, 0, 9, 3 };
	static const int32_t none[] = { 3, -1, 3, -1 }, bad[] = { 3, -2, 3, -1 };
	const struct fl_embeds *q = side(&sa, 4, NULL, ql), *g = side(&sb, 6, NULL, gl);

	is_str(truth("label", q, g, 0, 0), "[0 2 5] [3] [0 2 5] [4]", "equal labels");
	is_str(truth("label", g, q, 0, 1), "[0 2] [] [0 2] [1] [3] [0 2] skipped 1", "one label is nowhere");
	is_str(truth("label", g, q, 0, 0), "3 label: query row 1 has no positive; 1 of 6 have none", "refused unless told");
	ok(strstr(truth("label", side(&sc, 4, NULL, NULL), g, 0, 0), "/c.sts has no labels") != NULL, "no labels");
	q = side(&sa, 4, NULL, none);
	is_str(truth("label", q, q, 0, 1), "[0 2] [] [0 2] [] skipped 2", "-1 is no class, of either side");
	is_str(truth("label", q, g, 0, 0), "3 label: query row 1 is not labelled (-1), 2 of 4 are not: "
	       "--skip-unmatched passes over them", "and named");
	ok(strstr(truth("label", g, side(&sa, 4, NULL, bad), 0, 1), "row 1: label -2: want a class") != NULL,
	   "other negatives are refused");
}

static void self(void)
{
	static const int32_t l[] = { 1, 2, 1, 1, 2, 7 };
	static const uint32_t same[] = { 0, 1, 2, 3, 4, 5 }, moved[] = { 2, FL_TRUTH_NO_SELF, 3, 0, 4, 1 };
	const struct fl_embeds *m = side(&sa, 6, NULL, l);
	struct fl_truth t;
	struct fl_err e = { 0 };
	char out[256];

	fl_truth_open(&t, "label", m, m, 0, 0, NULL);
	is_int(fl_truth_without_self(&t, same, 0, &e), -1, "a query whose only positive is itself");
	is_str(e.msg, "query row 5 has no positive; 1 of 6 have none", "is named");
	fl_truth_release(&t);
	fl_truth_open(&t, "label", m, m, 0, 0, NULL);
	is_int(fl_truth_without_self(&t, same, 1, &e), 0, "or skipped");
	print_truth(&t, out, sizeof out);
	is_str(out, "[2 3] [4] [0 3] [0 2] [1] []", "no row is its own positive");
	is_int((long long)t.skipped, 1, "and counted");
	fl_truth_release(&t);
	fl_truth_open(&t, "label", m, m, 0, 0, NULL);
	is_int(fl_truth_without_self(&t, moved, 1, &e), 0, "the query's row stands elsewhere");
	print_truth(&t, out, sizeof out);
	is_str(out, "[0 3] [1 4] [0 2] [2 3] [1] [5]", "that one is out, no other");
	fl_truth_release(&t);
}

static void reverse(void)
{
	const struct fl_embeds *three = side(&sa, 3, NULL, NULL), *four = side(&sb, 4, NULL, NULL);
	struct fl_truth t, back, again;
	struct fl_err e = { 0 };
	char out[256];

	fl_truth_open(&t, put_text("{\"0\":[3,1],\"1\":1,\"2\":[0,1]}"), three, four, 0, 0, NULL);
	is_int(fl_truth_reverse(&t, 4, 0, &back, &e), -1, "a gallery row without a positive");
	is_str(e.msg, "gallery row 2 has no positive; 1 of 4 have none", "is named");
	is_int(fl_truth_reverse(&t, 4, 1, &back, &e), 0, "or skipped");
	print_truth(&back, out, sizeof out);
	is_str(out, "[2] [0 1 2] [] [0]", "the relation from the other side");
	is_int((long long)back.skipped, 1, "and counted");
	fl_truth_reverse(&back, 3, 0, &again, NULL);
	print_truth(&again, out, sizeof out);
	is_str(out, "[1 3] [1] [0 1]", "turned round twice it is itself");
	fl_truth_release(&again);
	fl_truth_release(&back);
	fl_truth_release(&t);
}

static const char *fold(const struct fl_truth *t, size_t G, int reverse, size_t f, size_t n)
{
	static char out[4096];
	struct fl_err e = { 0 };
	struct fl_truth_fold d;
	size_t at = 0;

	if (fl_truth_fold(t, G, reverse, f, n, &d, &e)) {
		snprintf(out, sizeof out, "%d %s", e.code, e.msg);
		return out;
	}
	for (size_t i = 0; i < d.Q; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%u ", d.query[i]);
	at += (size_t)snprintf(out + at, sizeof out - at, "|");
	for (size_t i = 0; i < d.G; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, " %u", d.gallery[i]);
	at += (size_t)snprintf(out + at, sizeof out - at, " | ");
	print_truth(&d.truth, out + at, sizeof out - at);
	fl_truth_fold_release(&d);
	return out;
}

static void folds(void)
{
	static const int64_t of[] = { 3, 0, 1, 0, 2, 3 };
	const struct fl_embeds *texts = side(&sa, 6, NULL, NULL), *images = side(&sb, 4, NULL, NULL);
	struct fl_truth t;

	put_tensor("of", FL_I64, 1, (const size_t[]){ 6 }, of);
	fl_truth_open(&t, named("of"), texts, images, 0, 0, NULL);
	is_str(fold(&t, 4, 0, 0, 2), "1 2 3 | 0 1 | [0] [1] [0]", "texts of the first two images");
	is_str(fold(&t, 4, 0, 1, 2), "0 4 5 | 2 3 | [1] [0] [1]", "texts of the other two");
	is_str(fold(&t, 4, 0, 0, 3), "3 4 images are not 3 folds of equal length", "folds of unequal length");
	is_str(fold(&t, 4, 0, 0, 0), "3 4 images are not 0 folds of equal length", "no folds");
	fl_truth_release(&t);
	fl_truth_open(&t, named("of"), images, texts, 1, 0, NULL);
	is_str(fold(&t, 6, 1, 0, 2), "0 1 | 1 2 3 | [0 2] [1]", "the first two images");
	is_str(fold(&t, 6, 1, 1, 2), "2 3 | 0 4 5 | [1] [0 2]", "the other two");
	fl_truth_release(&t);
	fl_truth_open(&t, put_text("{\"0\":0,\"1\":[1,2],\"2\":3,\"3\":3,\"4\":2,\"5\":2}"), texts, images, 0, 0, NULL);
	is_str(fold(&t, 4, 0, 0, 2), "3 text row 1 belongs to images of folds 0 and 1", "a text of two folds");
	fl_truth_release(&t);
	fl_truth_open(&t, put_text("{\"0\":0,\"1\":1,\"2\":3,\"3\":3,\"4\":2}"), texts, images, 0, 1, NULL);
	is_str(fold(&t, 4, 0, 0, 2), "3 text row 5 belongs to no image, so to no fold", "a text of none");
	fl_truth_release(&t);
}

/* --- hostile files: every prefix, and bytes changed at random --- */

static size_t slurp(unsigned char *p, size_t max)
{
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(p, 1, max, f) : 0;

	if (f)
		fclose(f);
	return n;
}

/* 1 where the answer is a clear one: pairs, or an error of bad data. */
static int survives(const unsigned char *p, size_t n)
{
	struct fl_err e = { 0 };
	struct fl_pairs got;

	put("hostile", p, n);
	if (!fl_pairs_open(&got, file("hostile"), &sa.all, &sb.all, &e)) {
		fl_pairs_release(&got);
		return 1;
	}
	return e.code == FL_EDATA && *e.msg;
}

static void hostile(const char *what)
{
	unsigned char good[512], bad[512];
	size_t n = slurp(good, sizeof good), fine = 0, tried = 0;
	struct fl_rng r;

	fl_rng_init(&r, 3, 0, 0, FL_RNG_DATA, 0);
	for (size_t cut = 0; cut < n; cut++, tried++)
		fine += (size_t)survives(good, cut);
	for (int i = 0; i < 600; i++, tried++) {
		memcpy(bad, good, n);
		for (uint64_t k = 1 + fl_rng_below(&r, 3); k; k--)
			bad[fl_rng_below(&r, n)] = (unsigned char)fl_rng_u64(&r);
		fine += (size_t)survives(bad, n);
	}
	is_int((long long)fine, (long long)tried, what);
}

int main(void)
{
	static const int64_t two[] = { 2, 0, 0, 1 };

	if (!mkdtemp(dir))
		return 4;
	rules();
	records();
	json();
	labels();
	self();
	reverse();
	folds();
	side(&sa, 3, NULL, NULL);
	side(&sb, 2, NULL, NULL);
	put_tensor("pairs", FL_I64, 2, (const size_t[]){ 2, 2 }, two);
	hostile("a record cut or damaged anywhere");
	put_text("{\"0\":1, \"2\":[0, 1], \"1\":[]}");
	hostile("JSON cut or damaged anywhere");
	for (struct side *const *s = (struct side *const[]){ &sa, &sb, &sc, NULL }; *s; s++) {
		fl_embeds_release(&(*s)->all);
		unlink(file((*s)->name));
	}
	unlink(file("truth.json"));
	unlink(file("truth.safetensors"));
	unlink(file("hostile"));
	rmdir(dir);
	return tap_done();
}
