/* Fashion-MNIST as Debian's dataset-fashion-mnist installs it: IDX pairs. */
#include <stdio.h>
#include <unistd.h>

#include "base/str.h"
#include "data/source.h"
#include "tensor/meta.h"

#define PACKAGE "dataset-fashion-mnist"

struct params {
	int split;
	const char *dir;
};

static int read_fashion(const void *vp, struct fl_tset *rec, struct fl_err *e)
{
	const struct params *p = vp;
	const char *part = p->split == FL_SPLIT_TEST ? "t10k" : "train";
	struct fl_str x = FL_STR_INIT, y = FL_STR_INIT;
	int rc;

	fl_str_addf(&x, "%s/%s-images-idx3-ubyte.gz", p->dir, part);
	fl_str_addf(&y, "%s/%s-labels-idx1-ubyte.gz", p->dir, part);
	rc = fl_str_check(&x, e) || fl_str_check(&y, e) ? -1 :
	     access(fl_str_c(&x), F_OK) ?
	     fl_fail(e, FL_EIO, "%s is not there: install Debian's package " PACKAGE
	             ", or say where it is with dir=", fl_str_c(&x)) :
	     fl_idx_pair(fl_str_c(&x), fl_str_c(&y), rec, e);
	fl_str_release(&x);
	fl_str_release(&y);
	/* Mean and standard deviation of the 60,000 training images, .28604 and
	 * .35302, as they are usually given. */
	if (rc || fl_meta_set(rec, "fl.classes", "10", e) ||
	    fl_meta_set(rec, "fl.scale", "{\"div\":255,\"mean\":[0.286],\"std\":[0.353]}", e) ||
	    fl_meta_set(rec, "split", fl_split_name[p->split], e))
		return -1;
	return fl_meta_set(rec, "fl.labels", "[\"T-shirt/top\",\"Trouser\",\"Pullover\",\"Dress\","
	                   "\"Coat\",\"Sandal\",\"Shirt\",\"Sneaker\",\"Bag\",\"Ankle boot\"]", e);
}

static const struct fl_param params[] = {
	FL_PARAM_SPLIT(struct params),
	{ "dir", FL_P_PATH, offsetof(struct params, dir), "/usr/share/datasets/fashion-mnist", 0, 0,
	  NULL, "folder", "where the four files are" },
	{ .name = NULL }
};

const struct fl_source fl_data_fashion_mnist = {
	.e = {
		.name = "fashion-mnist",
		.title = "Fashion-MNIST",
		.cite = "Xiao, Rasul and Vollgraf, arXiv 1708.07747",
		.doc = "70,000 images of 28x28, ten kinds of clothes, from Debian's package",
		.params = params,
		.psize = sizeof(struct params),
		.formula = "input = (value/255 - 0.286)/0.353",
	},
	.read = read_fashion,
};
