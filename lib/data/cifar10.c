/* CIFAR-10 in its binary version: a byte of label and 3x32x32 bytes of image, ten
 * thousand times a file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "data/source.h"
#include "tensor/meta.h"

#define ROWS ((size_t)10000)	/* a file */
#define IMAGE ((size_t)3072)

struct params {
	const char *dir;
	int split;
};

static int rows(FILE *f, unsigned char *x, unsigned char *y, struct fl_err *e)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (fread(y + i, 1, 1, f) != 1 || fread(x + i * IMAGE, 1, IMAGE, f) != IMAGE)
			return ferror(f) ? fl_fail(e, FL_EIO, "read: %s", strerror(errno)) :
			       fl_fail(e, FL_EDATA, "truncated in example %zu of %zu", i, ROWS);
		if (y[i] > 9)
			return fl_fail(e, FL_EDATA, "example %zu: label %d is outside [0,10)", i, y[i]);
	}
	return fgetc(f) == EOF ? 0 : fl_fail(e, FL_EDATA, "bytes follow the %zu examples", ROWS);
}

static int one_file(const char *dir, const char *name, unsigned char *x, unsigned char *y,
                    struct fl_err *e)
{
	struct fl_str path = FL_STR_INIT;
	FILE *f = NULL;
	int rc;

	fl_str_addf(&path, "%s/%s", dir, name);
	rc = fl_str_check(&path, e);
	if (!rc && !(f = fopen(fl_str_c(&path), "rb")))
		rc = fl_fail(e, FL_EIO, "%s: %s", fl_str_c(&path), strerror(errno));
	else if (!rc && (rc = rows(f, x, y, e)))
		fl_fail_in(e, "%s", fl_str_c(&path));
	if (f)
		fclose(f);
	fl_str_release(&path);
	return rc;
}

/* Means and deviations of the 50,000 training images, as they are usually given. */
#define SCALE "{\"div\":255,\"mean\":[0.4914,0.4822,0.4465],\"std\":[0.247,0.2435,0.2616]}"

static int describe(const struct params *p, struct fl_tset *rec, struct fl_err *e)
{
	return fl_meta_set_kind(rec, FL_KIND_DATA, e) || fl_meta_set(rec, "fl.classes", "10", e) ||
	       fl_meta_set(rec, "fl.scale", SCALE, e) ||
	       fl_meta_set(rec, "split", fl_split_name[p->split], e) ||
	       fl_meta_set(rec, "fl.labels", "[\"airplane\",\"automobile\",\"bird\",\"cat\",\"deer\","
	                   "\"dog\",\"frog\",\"horse\",\"ship\",\"truck\"]", e) ? -1 : 0;
}

static int read_cifar(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	int test = p->split == FL_SPLIT_TEST;
	size_t files = test ? 1 : 5, dim[] = { files * ROWS, 3, 32, 32 };
	unsigned char *x, *y;
	char name[32];

	if (!p->dir)
		return fl_fail(e, FL_EUSAGE, "cifar10 wants dir=");
	if (!(x = fl_arena_get(&rec->arena, dim[0], IMAGE, e)) ||
	    !(y = fl_arena_get(&rec->arena, dim[0], 1, e)))
		return -1;
	for (size_t i = 0; i < files; i++) {
		snprintf(name, sizeof name, test ? "test_batch.bin" : "data_batch_%zu.bin", i + 1);
		if (one_file(p->dir, name, x + i * ROWS * IMAGE, y + i * ROWS, e))
			return -1;
	}
	return fl_tset_add(rec, "x", FL_U8, 4, dim, x, e) &&
	       fl_tset_add(rec, "y", FL_U8, 1, dim, y, e) ? describe(p, rec, e) : -1;
}

static const struct fl_param params[] = {
	{ "dir", FL_P_PATH, offsetof(struct params, dir), NULL, 0, 0, NULL, "folder",
	  "where data_batch_1.bin and the others are" },
	FL_PARAM_SPLIT(struct params),
	{ .name = NULL }
};

const struct fl_source fl_data_cifar10 = {
	.e = {
		.name = "cifar10",
		.title = "CIFAR-10",
		.cite = "Krizhevsky, Learning multiple layers of features from tiny images, 2009",
		.doc = "60,000 images of 3x32x32 in ten classes, from the binary version",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "input = (value/255 - mean_c)/std_c",
	},
	.read = read_cifar,
};
